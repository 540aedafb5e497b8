// Owns what a reducer may use up: memory, by the allocator every Lua block comes from, and instructions, by Lua's count
// hook. Limits protect the daemon; they are never part of a state, so the sandbox's pcall does not catch them.

#include <stdlib.h>
#include <string.h>

#include "internal.h"

/// How often the hook looks: rarely enough to cost little, often enough to be exact to a thousandth of the default.
enum { HOOK_INTERVAL = 1000 };

/// Lua's allocator. What is new has been copied or will be filled, so it is charged as work too.
void *clua_allocate(void *context, void *block, size_t old_size, size_t new_size) {
    clua *lua = context;
    if (block == NULL) { old_size = 0; }  // Lua passes the kind of object there
    if (new_size == 0) {
        free(block);
        lua->memory_used -= old_size;
        return NULL;
    }
    if (new_size > old_size) {
        const size_t growth = new_size - old_size;
        if (growth > lua->memory_limit - lua->memory_used) { return NULL; }
        lua->instructions_left -= (int64_t)(growth / CLUA_BYTES_PER_INSTRUCTION);
    }
    void *moved = realloc(block, new_size);
    if (moved != NULL) { lua->memory_used += new_size - old_size; }
    return moved;
}

static int raise_exhausted(lua_State *L, int level) {
    clua *lua = clua_of(L);
    lua->exceeded = CLUA_INSTRUCTIONS;
    luaL_where(L, level);
    lua_pushfstring(L, "stopped after %I instructions", (LUAI_UACINT)lua->instructions_per_call);
    lua_concat(L, 2);
    return lua_error(L);
}

static void on_count(lua_State *L, lua_Debug *activation) {
    (void)activation;
    clua *lua = clua_of(L);
    lua->instructions_left -= HOOK_INTERVAL;
    if (lua->instructions_left < 0) { raise_exhausted(L, 0); }
}

/// Gives the coming call its full budget. The hook is set anew so that its count starts at zero for every call:
/// otherwise an event's budget would depend on the events before it.
void clua_start_budget(clua *lua) {
    lua->exceeded = CLUA_NO_LIMIT;
    lua->instructions_left = lua->instructions_per_call;
    lua_sethook(lua->state, on_count, LUA_MASKCOUNT, HOOK_INTERVAL);
}

/// Charges work that a C function is about to do for the reducer.
void clua_spend(lua_State *L, size_t instructions) {
    clua *lua = clua_of(L);
    if (lua->instructions_left < 0 || instructions > (uint64_t)lua->instructions_left) { raise_exhausted(L, 1); }
    lua->instructions_left -= (int64_t)instructions;
}

/// Whether the error on top of the stack is a limit's, and not the reducer's own. Lua reports a lack of memory by its
/// status, its string buffers by this very message.
bool clua_is_limit(lua_State *L, int status) {
    clua *lua = clua_of(L);
    const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (status == LUA_ERRMEM || strcmp(message, "not enough memory") == 0) { lua->exceeded = CLUA_MEMORY; }
    return lua->exceeded != CLUA_NO_LIMIT;
}
