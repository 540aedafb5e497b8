// Owns the small blocks of a state that has grown: slabs of blocks of one size, cut out of one range of addresses that is the
// state's own. So millions of keys lie in huge pages (a look-up of one is a few misses of the processor's caches, and with small
// pages as many walks of the page table), nobody else's lock is taken for them, and what they took goes back to the system when
// they are gone. Knows nothing of limits.

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"

enum {
    SLAB_BYTES = 64 << 10,
    CHUNK_BYTES = 2 << 20,  // of a huge page, and what is given back to the system at a time
    SLABS_PER_CHUNK = CHUNK_BYTES / SLAB_BYTES,
    NONE = -1,
};

typedef struct slab {
    clua_block *given_back;
    uint32_t used;        // blocks that somebody has
    uint32_t untouched;   // from this block on nobody has had one
    int32_t newer, older; // among those of its class that have a block left, or that are empty
    uint8_t class;
    bool is_listed;
} slab;

struct clua_slabs {
    char *base;
    size_t count;                       // of slabs, in the whole range
    size_t begun;                       // of those, that have been used
    int32_t listed[CLUA_BLOCK_CLASSES]; // slabs that have a block left
    int32_t empty;
    uint16_t *used;                     // slabs of each chunk that are not empty
    slab slabs[];
};

/// Slabs with blocks that somebody has, of all states.
static atomic_size_t all_used;

size_t clua_slab_bytes(void) { return atomic_load_explicit(&all_used, memory_order_relaxed) * SLAB_BYTES; }

static size_t class_of(size_t size) { return (size - 1) / CLUA_BLOCK_UNIT; }

static size_t block_bytes(const slab *slab) { return ((size_t)slab->class + 1) * CLUA_BLOCK_UNIT; }

static char *start_of(const clua_slabs *slabs, size_t number) { return slabs->base + number * SLAB_BYTES; }

/// Addresses for `bytes` of blocks, and for what is lost between them; NULL where there are none.
clua_slabs *clua_slabs_new(size_t bytes) {
    const size_t chunks = bytes / CHUNK_BYTES + bytes / CHUNK_BYTES / 2 + CLUA_BLOCK_CLASSES;
    clua_slabs *slabs = calloc(1, sizeof(clua_slabs) + chunks * SLABS_PER_CHUNK * sizeof(slab));
    if (slabs == NULL) { return NULL; }
    slabs->used = calloc(chunks, sizeof *slabs->used);
    // One chunk more, to begin where a huge page can.
    void *range = mmap(NULL, (chunks + 1) * CHUNK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slabs->used == NULL || range == MAP_FAILED) {
        if (range != MAP_FAILED) { munmap(range, (chunks + 1) * CHUNK_BYTES); }
        free(slabs->used);
        free(slabs);
        return NULL;
    }
    const size_t skipped = (CHUNK_BYTES - (size_t)range % CHUNK_BYTES) % CHUNK_BYTES;
    if (skipped > 0) { munmap(range, skipped); }
    munmap((char *)range + skipped + chunks * CHUNK_BYTES, CHUNK_BYTES - skipped);
    slabs->base = (char *)range + skipped;
    madvise(slabs->base, chunks * CHUNK_BYTES, MADV_HUGEPAGE);
    slabs->count = chunks * SLABS_PER_CHUNK;
    slabs->empty = NONE;
    for (size_t class = 0; class < CLUA_BLOCK_CLASSES; ++class) { slabs->listed[class] = NONE; }
    return slabs;
}

void clua_slabs_free(clua_slabs *slabs) {
    size_t used = 0;
    for (size_t chunk = 0; chunk < slabs->count / SLABS_PER_CHUNK; ++chunk) { used += slabs->used[chunk]; }
    atomic_fetch_sub_explicit(&all_used, used, memory_order_relaxed);
    munmap(slabs->base, slabs->count * SLAB_BYTES);
    free(slabs->used);
    free(slabs);
}

bool clua_slabs_have(const clua_slabs *slabs, const void *block) {
    return (size_t)((const char *)block - slabs->base) < slabs->count * SLAB_BYTES;
}

static void push(clua_slabs *slabs, int32_t *list, int32_t number) {
    slab *slab = &slabs->slabs[number];
    slab->newer = NONE;
    slab->older = *list;
    if (*list != NONE) { slabs->slabs[*list].newer = number; }
    *list = number;
    slab->is_listed = true;
}

static void take_out(clua_slabs *slabs, int32_t *list, int32_t number) {
    slab *slab = &slabs->slabs[number];
    if (slab->newer == NONE) { *list = slab->older; } else { slabs->slabs[slab->newer].older = slab->older; }
    if (slab->older != NONE) { slabs->slabs[slab->older].newer = slab->newer; }
    slab->is_listed = false;
}

/// A slab without blocks, for blocks of a class.
static int32_t begin_slab(clua_slabs *slabs, size_t class) {
    int32_t number = slabs->empty;
    if (number != NONE) {
        take_out(slabs, &slabs->empty, number);
    } else if (slabs->begun < slabs->count) {
        number = (int32_t)slabs->begun++;
    } else {
        return NONE;
    }
    slabs->slabs[number] = (slab){.class = (uint8_t)class};
    ++slabs->used[number / SLABS_PER_CHUNK];
    atomic_fetch_add_explicit(&all_used, 1, memory_order_relaxed);
    push(slabs, &slabs->listed[class], number);
    return number;
}

/// A block of `clua_room(size)` bytes, `size` being at most `CLUA_SMALL_BLOCK`; NULL where there is no room left.
void *clua_slabs_take(clua_slabs *slabs, size_t size) {
    const size_t class = class_of(size);
    int32_t number = slabs->listed[class];
    if (number == NONE) { number = begin_slab(slabs, class); }
    if (number == NONE) { return NULL; }
    slab *slab = &slabs->slabs[number];
    const size_t bytes = block_bytes(slab);
    clua_block *block = slab->given_back;
    if (block != NULL) {
        slab->given_back = block->next;
    } else {
        block = (clua_block *)(start_of(slabs, (size_t)number) + slab->untouched++ * bytes);
    }
    ++slab->used;
    if (slab->given_back == NULL && (slab->untouched + 1) * bytes > SLAB_BYTES) {
        take_out(slabs, &slabs->listed[class], number);
    }
    return block;
}

/// Of a chunk without blocks the memory goes back to the system.
static void end_slab(clua_slabs *slabs, int32_t number) {
    push(slabs, &slabs->empty, number);
    atomic_fetch_sub_explicit(&all_used, 1, memory_order_relaxed);
    const size_t chunk = (size_t)number / SLABS_PER_CHUNK;
    if (--slabs->used[chunk] == 0) { madvise(slabs->base + chunk * CHUNK_BYTES, CHUNK_BYTES, MADV_DONTNEED); }
}

void clua_slabs_give(clua_slabs *slabs, void *given) {
    const int32_t number = (int32_t)((size_t)((char *)given - slabs->base) / SLAB_BYTES);
    slab *slab = &slabs->slabs[number];
    clua_block *block = given;
    *block = (clua_block){slab->given_back};
    slab->given_back = block;
    --slab->used;
    int32_t *list = &slabs->listed[slab->class];
    if (slab->used > 0) {
        if (!slab->is_listed) { push(slabs, list, number); }
        return;
    }
    if (slab->is_listed) { take_out(slabs, list, number); }
    end_slab(slabs, number);
}
