// Which checksum: what a call costs by CRC-32 as libdeflate has it, by CRC-32C with the processor's own instruction in one
// chain, and by the same in three chains at once, for the sizes of records and blocks. Built and run by checksum.sh.

#include <inttypes.h>
#include <libdeflate.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef __SSE4_2__

int main(void) {
    puts("no SSE4.2 here: there is no CRC-32C instruction to measure");
    return 0;
}

#else

#include <nmmintrin.h>

// What one of three chains takes at a time: where there is less than three of these left, one chain does the rest.
enum { LONG_CHAIN = 2048, SHORT_CHAIN = 256 };

enum { METHODS = 3, ROUNDS = 1001 };
static const double sample_ns = 1e5;
static const size_t sizes[] = {48, 64, 120, 250, 1024, 4096, 20480, 65536};
enum { SIZES = sizeof sizes / sizeof *sizes };

// A record's checksum begins four bytes into it, so that no size is measured at a better alignment than it will have.
enum { OFFSET = 4 };

static uint64_t word(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint32_t chain(uint32_t state, const uint8_t *bytes, size_t length) {
    uint64_t wide = state;
    for (; length >= 8; bytes += 8, length -= 8) wide = _mm_crc32_u64(wide, word(bytes));
    state = (uint32_t)wide;
    for (; length > 0; bytes++, length--) state = _mm_crc32_u8(state, *bytes);
    return state;
}

// What a state becomes behind so many zero bytes, looked up byte by byte: the step is linear, so the four parts add up.
struct shift {
    uint32_t part[4][256];
};
static struct shift long_shift, short_shift;

static void make_shift(struct shift *shift, size_t zeros) {
    uint32_t bit[32];
    for (int index = 0; index < 32; index++) {
        uint32_t state = UINT32_C(1) << index;
        for (size_t count = 0; count < zeros; count++) state = _mm_crc32_u8(state, 0);
        bit[index] = state;
    }
    for (int part = 0; part < 4; part++) {
        for (int value = 0; value < 256; value++) {
            uint32_t state = 0;
            for (int index = 0; index < 8; index++) {
                if (value >> index & 1) state ^= bit[part * 8 + index];
            }
            shift->part[part][value] = state;
        }
    }
}

static uint32_t shifted(const struct shift *shift, uint32_t state) {
    return shift->part[0][state & 255] ^ shift->part[1][state >> 8 & 255] ^ shift->part[2][state >> 16 & 255]
        ^ shift->part[3][state >> 24];
}

// The instruction takes three cycles and one can begin in each: three chains hide what one waits for.
static inline uint32_t three(const struct shift *shift, size_t part, uint32_t state, const uint8_t *bytes) {
    uint64_t first = state, second = 0, third = 0;
    for (const uint8_t *end = bytes + part; bytes < end; bytes += 8) {
        first = _mm_crc32_u64(first, word(bytes));
        second = _mm_crc32_u64(second, word(bytes + part));
        third = _mm_crc32_u64(third, word(bytes + 2 * part));
    }
    return shifted(shift, shifted(shift, (uint32_t)first) ^ (uint32_t)second) ^ (uint32_t)third;
}

static uint32_t by_libdeflate(const uint8_t *bytes, size_t length) { return libdeflate_crc32(0, bytes, length); }

static uint32_t by_one_chain(const uint8_t *bytes, size_t length) { return ~chain(~UINT32_C(0), bytes, length); }

static uint32_t by_three_chains(const uint8_t *bytes, size_t length) {
    uint32_t state = ~UINT32_C(0);
    for (; length >= 3 * LONG_CHAIN; bytes += 3 * LONG_CHAIN, length -= 3 * LONG_CHAIN) {
        state = three(&long_shift, LONG_CHAIN, state, bytes);
    }
    for (; length >= 3 * SHORT_CHAIN; bytes += 3 * SHORT_CHAIN, length -= 3 * SHORT_CHAIN) {
        state = three(&short_shift, SHORT_CHAIN, state, bytes);
    }
    return ~chain(state, bytes, length);
}

typedef uint32_t (*method)(const uint8_t *, size_t);

// Volatile, so that no call is drawn out of its loop.
static volatile method methods[METHODS] = {by_libdeflate, by_one_chain, by_three_chains};
static volatile uint32_t sink;

static double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double elapsed(int index, const uint8_t *bytes, size_t length, long calls) {
    uint32_t sum = 0;
    double start = now_ns();
    for (long call = 0; call < calls; call++) sum ^= methods[index](bytes, length);
    double end = now_ns();
    sink = sum;
    return end - start;
}

// So many calls that a sample is long beside the clock, and so short that the scheduler cuts into few of them.
static long calibrate(int index, const uint8_t *bytes, size_t length) {
    long calls = 1;
    while (elapsed(index, bytes, length, calls) < sample_ns) calls *= 2;
    return calls;
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void check(const uint8_t *bytes) {
    const uint8_t *digits = (const uint8_t *)"123456789";
    int good = by_libdeflate(digits, 9) == UINT32_C(0xCBF43926) && by_one_chain(digits, 9) == UINT32_C(0xE3069283);
    for (size_t length = 0; length <= 65536; length += length < 9000 ? 1 : 997) {
        good &= by_one_chain(bytes, length) == by_three_chains(bytes, length);
    }
    if (!good) {
        fputs("the methods do not compute what they should\n", stderr);
        exit(1);
    }
}

int main(void) {
    make_shift(&long_shift, LONG_CHAIN);
    make_shift(&short_shift, SHORT_CHAIN);
    uint8_t *memory = aligned_alloc(64, 65536 + 64);
    if (memory == NULL) return 1;
    uint32_t random = 1;
    for (size_t index = 0; index < 65536 + 64; index++) {
        random = random * UINT32_C(1664525) + UINT32_C(1013904223);
        memory[index] = (uint8_t)(random >> 24);
    }
    const uint8_t *bytes = memory + OFFSET;
    check(bytes);
    printf("libdeflate %s; median of %d rounds, the methods taking turns, buffers in cache\n\n", LIBDEFLATE_VERSION_STRING,
        ROUNDS);
    puts("| bytes | CRC-32, libdeflate | CRC-32C, one chain | CRC-32C, three chains |");
    puts("| ---: | ---: | ---: | ---: |");
    for (size_t size = 0; size < SIZES; size++) {
        long calls[METHODS];
        double taken[METHODS][ROUNDS];
        for (int index = 0; index < METHODS; index++) calls[index] = calibrate(index, bytes, sizes[size]);
        for (int round = 0; round < ROUNDS; round++) {
            for (int turn = 0; turn < METHODS; turn++) {
                int index = (round + turn) % METHODS;
                double total = elapsed(index, bytes, sizes[size], calls[index]);
                taken[index][round] = total / (double)calls[index];
            }
        }
        printf("| %zu ", sizes[size]);
        for (int index = 0; index < METHODS; index++) {
            qsort(taken[index], ROUNDS, sizeof(double), compare);
            double median = taken[index][ROUNDS / 2];
            printf("| %.1f ns, %.1f GB/s ", median, (double)sizes[size] / median);
        }
        puts("|");
    }
    free(memory);
    return 0;
}

#endif
