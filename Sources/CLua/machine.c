// Owns the life of a Lua state and the protected call round everything that may raise. The only file that knows how an
// error becomes a status and a message.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/// Writes down the error on top of the stack, without allocating.
static void describe(clua *lua) {
    lua_State *L = lua->state;
    const size_t size = sizeof lua->message;
    if (lua_type(L, -1) == LUA_TSTRING) {
        snprintf(lua->message, size, "%s", lua_tostring(L, -1));
    } else {
        snprintf(lua->message, size, "%s: the error is a %s, not a text", lua->name, luaL_typename(L, -1));
    }
}

/// The text of a large state is not worth keeping for the next one.
static void release_output(clua *lua) {
    if (lua->output.capacity <= 64 * 1024) { return; }
    free(lua->output.bytes);
    lua->output = (clua_buffer){0};
}

/// Calls `body` with `argument` as its one light userdata, on an empty stack. It may change `lua->failure` on its way.
clua_status clua_protect(clua *lua, clua_status failure, lua_CFunction body, void *argument) {
    lua_State *L = lua->state;
    lua->failure = failure;
    release_output(lua);
    clua_start_budget(lua);
    lua_settop(L, 0);
    if (lua->stop != NULL && clua_stop_is_requested(lua->stop)) {
        snprintf(lua->message, sizeof lua->message, "%s: stopped on request", lua->name);
        return CLUA_STOPPED;
    }
    lua_pushcfunction(L, body);
    lua_pushlightuserdata(L, argument);
    const int status = lua_pcall(L, 1, 0, 0);
    if (status == LUA_OK) { return CLUA_OK; }
    const bool limit = clua_is_limit(L, status);
    if (!limit) { describe(lua); }
    lua_settop(L, 0);
    if (!limit) { return lua->failure; }
    return lua->exceeded == CLUA_REQUEST ? CLUA_STOPPED : CLUA_BUDGET;
}

static int build_sandbox(lua_State *L) {
    clua_build_sandbox(L);
    return 0;
}

clua *clua_new(const char *name, size_t memory_bytes, int64_t instructions_per_call, int64_t milliseconds_per_call) {
    clua *lua = calloc(1, sizeof *lua);
    if (lua == NULL) { return NULL; }
    lua->memory_limit = memory_bytes;
    lua->instructions_per_call = instructions_per_call;
    lua->milliseconds = milliseconds_per_call;
    snprintf(lua->name, sizeof lua->name, "%s", name);
    lua->parser = csj_parser_new();
    lua->state = lua_newstate(clua_allocate, lua);
    if (lua->parser == NULL || lua->state == NULL) {
        clua_free(lua);
        return NULL;
    }
    *(clua **)lua_getextraspace(lua->state) = lua;
    // A state is old and large, what an event makes is young: to collect that, the state need not be gone through.
    lua_gc(lua->state, LUA_GCGEN, 0, 0);
    clua_find_stack(lua);
    if (clua_protect(lua, CLUA_FAULT, build_sandbox, NULL) != CLUA_OK) {
        clua_free(lua);
        return NULL;
    }
    return lua;
}

void clua_free(clua *lua) {
    if (lua->state != NULL) { lua_close(lua->state); }
    if (lua->parser != NULL) { csj_parser_free(lua->parser); }
    clua_free_blocks(lua);
    clua_free_scratch(lua);
    free(lua->output.bytes);
    free(lua);
}

size_t clua_memory_bytes(const clua *lua) { return lua->memory_used; }

clua_text clua_message(const clua *lua) { return (clua_text){lua->message, strlen(lua->message)}; }
