// Owns: CRC-32 by carry-less multiplication where the processor has it, after V. Gopal et al., "Fast CRC Computation for
// Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009), and by zlib where it has not. The constants are powers
// of x modulo the polynomial 0x104C11DB7, bit-reflected; a test compares the result with zlib's for every length.
#include "CChecksum.h"

#include <zlib.h>

// Up to this a table of bytes is faster than the set-up of anything else.
enum { STEP_MAXIMUM = 17 };

#if defined(__x86_64__)
#include <immintrin.h>

// Below this the set-up costs more than it saves.
enum { FOLD_MINIMUM = 64 };

/// Multiplies both halves of `value` by the two constants in `by`, and adds `next`: moves `value` forward past it.
__attribute__((target("pclmul,sse4.1"))) static inline __m128i fold(__m128i value, __m128i by, __m128i next) {
    __m128i low = _mm_clmulepi64_si128(value, by, 0x00);
    __m128i high = _mm_clmulepi64_si128(value, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

static inline __m128i load(const uint8_t *bytes) { return _mm_loadu_si128((const __m128i *)bytes); }

/// `length` is a multiple of 16 and at least `FOLD_MINIMUM`; `crc` is in the register's form (inverted).
__attribute__((target("pclmul,sse4.1"))) static uint32_t fold_all(uint32_t crc, const uint8_t *bytes, size_t length) {
    const __m128i by_64_bytes = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
    const __m128i by_16_bytes = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    const __m128i by_8_bytes = _mm_set_epi64x(0, 0x0163cd6124);
    const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
    const __m128i low_32 = _mm_setr_epi32(~0, 0, ~0, 0);

    __m128i a = _mm_xor_si128(load(bytes), _mm_cvtsi32_si128((int)crc));
    __m128i b = load(bytes + 16), c = load(bytes + 32), d = load(bytes + 48);
    bytes += 64;
    length -= 64;
    while (length >= 64) {
        a = fold(a, by_64_bytes, load(bytes));
        b = fold(b, by_64_bytes, load(bytes + 16));
        c = fold(c, by_64_bytes, load(bytes + 32));
        d = fold(d, by_64_bytes, load(bytes + 48));
        bytes += 64;
        length -= 64;
    }
    a = fold(a, by_16_bytes, b);
    a = fold(a, by_16_bytes, c);
    a = fold(a, by_16_bytes, d);
    while (length >= 16) {
        a = fold(a, by_16_bytes, load(bytes));
        bytes += 16;
        length -= 16;
    }
    // 128 bits to 64, to 32, and Barrett's reduction.
    a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, by_16_bytes, 0x10));
    a = _mm_xor_si128(_mm_srli_si128(a, 4), _mm_clmulepi64_si128(_mm_and_si128(a, low_32), by_8_bytes, 0x00));
    __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(a, low_32), barrett, 0x10);
    a = _mm_xor_si128(a, _mm_clmulepi64_si128(_mm_and_si128(quotient, low_32), barrett, 0x00));
    return (uint32_t)_mm_extract_epi32(a, 1);
}

static int can_fold(void) { return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"); }
#else
enum { FOLD_MINIMUM = 64 };
static uint32_t fold_all(uint32_t crc, const uint8_t *bytes, size_t length) {
    return ~(uint32_t)crc32_z(~crc, bytes, length);
}
static int can_fold(void) { return 0; }
#endif

static uint32_t table[256];

__attribute__((constructor)) static void fill_table(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
        table[byte] = crc;
    }
}

/// For the few bytes that are not worth more: `crc` is in the register's form.
static uint32_t step_all(uint32_t crc, const uint8_t *bytes, size_t length) {
    while (length-- > 0) crc = crc >> 8 ^ table[(crc ^ *bytes++) & 0xFF];
    return crc;
}

uint32_t cchecksum_crc32(uint32_t previous, const uint8_t *bytes, size_t length) {
    if (length >= FOLD_MINIMUM && can_fold()) {
        size_t folded = length & ~(size_t)15;
        previous = ~fold_all(~previous, bytes, folded);
        bytes += folded;
        length -= folded;
    }
    if (length < STEP_MAXIMUM) return ~step_all(~previous, bytes, length);
    return (uint32_t)crc32_z(previous, bytes, length);
}
