// Owns what a source is allowed to be: it compiles, runs, and returns a table of `events`, `initial` and `reduce`. What
// they are for is reducer.c's.

#include <string.h>

#include "internal.h"

// Where the registry keeps them.
static char initial_key, reduce_key, selection_key;

static const char *const kind_names[] = {
    [CLUA_CATEGORY] = "category", [CLUA_TYPE] = "type", [CLUA_AGGREGATE] = "aggregate", [CLUA_TAG] = "tag", NULL,
};

static int invalid(lua_State *L, const char *format, const char *argument) {
    lua_pushfstring(L, "%s: ", clua_of(L)->name);
    lua_pushfstring(L, format, argument);
    lua_concat(L, 2);
    return lua_error(L);
}

/// Refuses a misspelt field, which would otherwise be silently without effect.
static void check_fields(lua_State *L, int table, const char *const names[], const char *expected) {
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
        const char *field = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);
        bool known = false;
        for (const char *const *name = names; *name != NULL; ++name) { known = known || strcmp(field, *name) == 0; }
        if (!known) {
            lua_pushfstring(L, "unknown field '%s': expected %s", field, expected);
            invalid(L, "%s", lua_tostring(L, -1));
        }
    }
}

enum {
    LONGEST_NAME = 255,   // no event has a longer one
    MOST_NAMES = 1000,    // of each kind
    PIECE = 64,           // of a source, read at once
};

static void check_name(lua_State *L, const char *kind) {
    const size_t length = lua_rawlen(L, -1);
    if (length <= LONGEST_NAME) { return; }
    lua_pushfstring(L, "events.%s holds a name of %I bytes: %d are the most", kind, (LUAI_UACINT)length, LONGEST_NAME);
    invalid(L, "%s", lua_tostring(L, -1));
}

/// Replaces the selection's value on top, a string or a list of them, by a list.
static void make_list(lua_State *L, const char *name) {
    const int value = lua_gettop(L);
    lua_newtable(L);
    if (lua_type(L, value) == LUA_TSTRING) {
        lua_pushvalue(L, value);
        check_name(L, name);
        lua_rawseti(L, -2, 1);
    } else if (lua_istable(L, value)) {
        const lua_Integer count = (lua_Integer)lua_rawlen(L, value);
        if (count == 0) { invalid(L, "events.%s is an empty list: leave it out for any", name); }
        if (count > MOST_NAMES) {
            lua_pushfstring(L, "events.%s holds %I names: %d are the most", name, (LUAI_UACINT)count, MOST_NAMES);
            invalid(L, "%s", lua_tostring(L, -1));
        }
        for (lua_Integer i = 1; i <= count; ++i) {
            if (lua_rawgeti(L, value, i) != LUA_TSTRING) { invalid(L, "events.%s holds what is not a string", name); }
            check_name(L, name);
            lua_rawseti(L, -2, i);
        }
    } else if (!lua_isnil(L, value)) {
        invalid(L, "events.%s is neither a string nor a list of strings", name);
    }
    lua_remove(L, value);
}

static void take_selection(lua_State *L, int reducer) {
    if (lua_getfield(L, reducer, "events") == LUA_TNIL) {
        lua_newtable(L);
        lua_replace(L, -2);
    }
    if (!lua_istable(L, -1)) { invalid(L, "events is a %s, not a table", luaL_typename(L, -1)); }
    const int events = lua_gettop(L);
    check_fields(L, events, kind_names, "events.category, type, aggregate or tag");
    lua_newtable(L);
    for (int kind = CLUA_CATEGORY; kind <= CLUA_TAG; ++kind) {
        lua_getfield(L, events, kind_names[kind]);
        make_list(L, kind_names[kind]);
        lua_rawseti(L, -2, kind);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, &selection_key);
}

static void take_reducer(lua_State *L, int reducer) {
    static const char *const fields[] = {"events", "initial", "reduce", NULL};
    if (!lua_istable(L, reducer)) { invalid(L, "returns a %s, not a reducer's table", luaL_typename(L, reducer)); }
    check_fields(L, reducer, fields, "events, initial or reduce");
    if (lua_getfield(L, reducer, "reduce") != LUA_TFUNCTION) {
        invalid(L, "reduce is a %s, not a function", luaL_typename(L, -1));
    }
    lua_pushvalue(L, -1);
    clua_find_use(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &reduce_key);
    const int initial = lua_getfield(L, reducer, "initial");
    if (initial != LUA_TFUNCTION && initial != LUA_TNIL) {
        invalid(L, "initial is a %s, not a function", luaL_typename(L, -1));
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, &initial_key);
    take_selection(L, reducer);
}

/// Hands the source to Lua's compiler piece by piece, and charges each: a name may be looked up in two hundred functions
/// of two hundred locals, and a label be compared with all before it.
static const char *next_piece(lua_State *L, void *source, size_t *length) {
    clua_text *const rest = source;
    *length = rest->length < PIECE ? rest->length : PIECE;
    if (*length == 0) { return NULL; }
    clua_spend_walk(L, PIECE / 16);
    const char *const piece = rest->bytes;
    *rest = (clua_text){piece + *length, rest->length - *length};
    return piece;
}

static int load(lua_State *L) {
    clua_text rest = *(const clua_text *)lua_touserdata(L, 1);
    clua *lua = clua_of(L);
    lua->failure = CLUA_SYNTAX;
    lua_pushfstring(L, "=%s.lua", lua->name);
    if (lua_load(L, next_piece, &rest, lua_tostring(L, -1), "t") != LUA_OK) { return lua_error(L); }
    lua->failure = CLUA_FAULT;
    lua_call(L, 0, 1);
    lua->sealed = true;
    lua->failure = CLUA_INVALID;
    take_reducer(L, lua_gettop(L));
    return 0;
}

clua_status clua_load(clua *lua, clua_text source) { return clua_protect(lua, CLUA_SYNTAX, load, &source); }

int clua_push_initial(lua_State *L) { return lua_rawgetp(L, LUA_REGISTRYINDEX, &initial_key); }

int clua_push_reduce(lua_State *L) { return lua_rawgetp(L, LUA_REGISTRYINDEX, &reduce_key); }

size_t clua_selection_count(clua *lua, clua_kind kind) {
    lua_State *L = lua->state;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &selection_key);
    lua_rawgeti(L, -1, kind);
    const size_t count = lua_rawlen(L, -1);
    lua_settop(L, 0);
    return count;
}

clua_text clua_selection_item(clua *lua, clua_kind kind, size_t index) {
    lua_State *L = lua->state;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &selection_key);
    lua_rawgeti(L, -1, kind);
    lua_rawgeti(L, -1, (lua_Integer)index + 1);
    clua_text item;
    item.bytes = lua_tolstring(L, -1, &item.length);
    lua_settop(L, 0);
    return item;
}
