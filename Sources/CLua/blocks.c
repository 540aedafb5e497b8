// Owns where the blocks of a state lie. A small state has them from malloc, and keeps the small ones that Lua has given back and is
// about to ask for again: each event makes some tables and texts, and the collector gives them back by the thousand. Those that a
// state takes when it is large lie in slabs of its own. Knows nothing of limits.

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

enum {
    /// A state of so many bytes is no longer small.
    GROWN = 1 << 20,
    /// A block that is looked into all over, and worth the while of huge pages.
    HUGE_BLOCK = 4 << 20,
    PAGE = 4096,
};

static size_t class_of(size_t size) { return (size - 1) / CLUA_BLOCK_UNIT; }

static bool is_in_slab(const clua *lua, const void *block) {
    return lua->slabs != NULL && clua_slabs_have(lua->slabs, block);
}

static void *take_from_slab(clua *lua, size_t size) {
    if (lua->slabs == NULL) {
        if (lua->memory_used < GROWN || lua->has_no_slabs) { return NULL; }
        lua->slabs = clua_slabs_new(lua->memory_limit);
        lua->has_no_slabs = lua->slabs == NULL;
        if (lua->has_no_slabs) { return NULL; }
    }
    return clua_slabs_take(lua->slabs, size);
}

/// As malloc, of `clua_room(size)` bytes.
void *clua_take_block(clua *lua, size_t size) {
    if (size > CLUA_SMALL_BLOCK) { return malloc(clua_room(size)); }
    clua_block **const list = &lua->blocks[class_of(size)];
    clua_block *const block = *list;
    if (block == NULL) {
        void *const new = take_from_slab(lua, size);
        return new != NULL ? new : malloc(clua_room(size));
    }
    *list = block->next;
    lua->kept -= clua_room(size);
    return block;
}

/// As free, of a block of `clua_room(size)` bytes. What is kept is little.
void clua_give_block(clua *lua, void *block, size_t size) {
    if (is_in_slab(lua, block)) { return clua_slabs_give(lua->slabs, block); }
    if (size > CLUA_SMALL_BLOCK || lua->kept > CLUA_KEPT_AT_MOST) {
        free(block);
        return;
    }
    clua_block **const list = &lua->blocks[class_of(size)];
    *(clua_block *)block = (clua_block){*list};
    *list = block;
    lua->kept += clua_room(size);
}

/// As realloc, of a block of `clua_room(old_size)` bytes, to exactly so many.
void *clua_resize_block(clua *lua, void *block, size_t old_size, size_t bytes) {
    if (block != NULL && is_in_slab(lua, block)) {
        void *const moved = bytes <= CLUA_SMALL_BLOCK ? clua_take_block(lua, bytes) : malloc(bytes);
        if (moved == NULL) { return NULL; }
        memcpy(moved, block, old_size < bytes ? old_size : bytes);
        clua_slabs_give(lua->slabs, block);
        return moved;
    }
    char *const moved = realloc(block, bytes);
    if (moved != NULL && bytes >= HUGE_BLOCK) {
        // Whole pages: part of a mapping would be a mapping of its own, which cannot grow in its place.
        char *const start = moved - (size_t)moved % PAGE;
        madvise(start, ((size_t)(moved + bytes - start) + PAGE - 1) / PAGE * PAGE, MADV_HUGEPAGE);
    }
    return moved;
}

/// Frees what is kept, and the slabs.
void clua_free_blocks(clua *lua) {
    for (size_t class = 0; class < CLUA_BLOCK_CLASSES; ++class) {
        for (clua_block *block = lua->blocks[class]; block != NULL;) {
            clua_block *const next = block->next;
            free(block);
            block = next;
        }
    }
    if (lua->slabs != NULL) { clua_slabs_free(lua->slabs); }
}
