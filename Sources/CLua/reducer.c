// Owns the folding: the state, and the calls that make it, change it, print it and bring it back. Every function that
// Swift calls here wraps one body that runs protected (machine.c).

#include <stdio.h>

#include "internal.h"

static char state_key;  // where the registry keeps it

static void check_state(lua_State *L, const char *function) {
    if (lua_isnil(L, -1)) {
        luaL_error(L, "%s: %s returned nothing: it must return the state", clua_of(L)->name, function);
    }
}

static int set_state(lua_State *L, const char *function) {
    check_state(L, function);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    return 0;
}

static int start(lua_State *L) {
    if (clua_push_initial(L) == LUA_TNIL) {
        lua_newtable(L);
    } else {
        lua_call(L, 0, 1);
    }
    return set_state(L, "initial");
}

typedef struct events {
    const clua_event *first;
    size_t count, done;
} events;

static int reduce(lua_State *L) {
    enum { FUNCTION = 2, STATE = 3, USED = 4, ENOUGH = 100 * 1000 };
    events *events = lua_touserdata(L, 1);
    clua_push_reduce(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    // Where each event makes a new state, the first is not kept beside the last two.
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    clua_push_used_event(L);
    int64_t spent = 0;
    while (events->done < events->count && spent < ENOUGH) {
        if (events->done > 0) { clua_start_next(L); }
        lua_pushvalue(L, FUNCTION);
        lua_pushvalue(L, STATE);
        clua_push_event(L, &events->first[events->done], USED);
        lua_call(L, 2, 1);
        check_state(L, "reduce");
        lua_replace(L, STATE);
        ++events->done;
        spent += clua_spent(clua_of(L));
    }
    lua_pushvalue(L, STATE);
    return set_state(L, "reduce");
}

static int restore(lua_State *L) {
    clua_push_parsed(L, lua_touserdata(L, 1));
    return set_state(L, "restore");
}

/// Whatever has no text is refused by the slow way, which knows what to call its place.
static int encode(lua_State *L) {
    const bool is_sorted = *(const bool *)lua_touserdata(L, 1);
    clua *lua = clua_of(L);
    clua_lift_budget(lua);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    if (!clua_write_state(L, lua->memory_limit, is_sorted)) { clua_write_json(L, "state", lua->memory_limit); }
    return 0;
}

clua_status clua_start(clua *lua) { return clua_protect(lua, CLUA_FAULT, start, NULL); }

clua_status clua_reduce(clua *lua, const clua_event *first, size_t count, size_t *done) {
    events events = {first, count, 0};
    const clua_status status = clua_protect(lua, CLUA_FAULT, reduce, &events);
    *done = events.done;
    return status;
}

/// With a parser of its own: a state may be large, and the one for events should stay small.
clua_status clua_restore(clua *lua, clua_text json) {
    csj_parser *parser = csj_parser_new();
    const csj_status parsed = parser == NULL ? CSJ_MEMORY : csj_parse(parser, json.bytes, json.length);
    clua_status status = CLUA_STATE;
    if (parsed == CSJ_OK) {
        status = clua_protect(lua, CLUA_STATE, restore, parser);
    } else {
        snprintf(lua->message, sizeof lua->message, "%s: the state to restore is %s", lua->name, csj_message(parsed));
    }
    if (parser != NULL) { csj_parser_free(parser); }
    return status;
}

clua_status clua_check(clua *lua) {
    bool is_sorted = false;
    return clua_protect(lua, CLUA_STATE, encode, &is_sorted);
}

clua_status clua_encode(clua *lua, clua_text *json) {
    bool is_sorted = true;
    const clua_status status = clua_protect(lua, CLUA_STATE, encode, &is_sorted);
    *json = (clua_text){lua->output.bytes, lua->output.length};
    return status;
}
