// Owns the small blocks that Lua has given back and is about to ask for again: each event makes some tables and texts, and the
// collector gives them back by the thousand. Knows nothing of limits.

#include <stdlib.h>

#include "internal.h"

/// A block that nobody has, and the next of its size.
struct clua_block {
    clua_block *next;
};

static size_t class_of(size_t size) { return (size - 1) / CLUA_BLOCK_UNIT; }

/// As malloc, of `clua_room(size)` bytes.
void *clua_take_block(clua *lua, size_t size) {
    if (size > CLUA_SMALL_BLOCK) { return malloc(clua_room(size)); }
    clua_block **const list = &lua->blocks[class_of(size)];
    clua_block *const block = *list;
    if (block == NULL) { return malloc(clua_room(size)); }
    *list = block->next;
    lua->kept -= clua_room(size);
    return block;
}

/// As free, of a block of `clua_room(size)` bytes. What is kept is a small part of what is used, however that comes and goes.
void clua_give_block(clua *lua, void *block, size_t size) {
    if (size > CLUA_SMALL_BLOCK || lua->kept > CLUA_KEPT_AT_LEAST + lua->memory_used / CLUA_USED_PER_KEPT) {
        free(block);
        return;
    }
    clua_block **const list = &lua->blocks[class_of(size)];
    *(clua_block *)block = (clua_block){*list};
    *list = block;
    lua->kept += clua_room(size);
}

/// Frees what is kept.
void clua_free_blocks(clua *lua) {
    for (size_t class = 0; class < CLUA_BLOCK_CLASSES; ++class) {
        for (clua_block *block = lua->blocks[class]; block != NULL;) {
            clua_block *const next = block->next;
            free(block);
            block = next;
        }
    }
}
