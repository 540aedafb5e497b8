// Owns the way from Lua values to JSON: one text for one value, keys sorted bytewise, each step charged, and a refusal that names the
// place for whatever would not come back the same (json-reader.c) after a snapshot.

#include "json-place.h"
#include "json-text.h"

#include <math.h>

typedef struct writer {
    lua_State *L;
    clua_json_text text;
    const clua_place *root;
    int value, seen;  // stack indexes: the whole value, and a table of the tables written so far
} writer;

static void write_string(writer *w, const clua_place *at, const char *bytes, size_t length, const char *what) {
    if (!clua_json_string(&w->text, bytes, length)) { clua_fail_at(w->L, at, "%s not valid UTF-8", what); }
}

static void write_number(writer *w, const clua_place *at) {
    if (clua_json_number(&w->text)) { return; }
    const bool is_nan = isnan(lua_tonumber(w->L, -1));
    clua_fail_at(w->L, at, "is %s: JSON has no such number", is_nan ? "not a number" : "infinite");
}

// Tables

/// Whether the table on top is an array and not an object, and how many elements it has.
static bool is_array(writer *w, const clua_place *at, size_t *count) {
    lua_State *L = w->L;
    size_t names = 0, positions = 0;
    lua_Integer least = LUA_MAXINTEGER, greatest = LUA_MININTEGER;
    const int table = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, table) != 0;) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING) {
            ++names;
        } else if (lua_isinteger(L, -1)) {
            ++positions;
            const lua_Integer position = lua_tointeger(L, -1);
            if (position < least) { least = position; }
            if (position > greatest) { greatest = position; }
        } else {
            clua_fail_at(w->L, at, "has a %s as a key: keys must be strings", luaL_typename(L, -1));
        }
    }
    clua_spend_walk(L, names + positions);
    const bool marked = clua_is_marked_array(L, table);
    if (names > 0 && (positions > 0 || marked)) {
        clua_fail_at(w->L, at, "is a list that also has strings as keys");
    }
    if (positions > 0 && (least != 1 || (lua_Unsigned)greatest != positions)) {
        clua_fail_at(w->L, at, "has integers as keys, but not 1 to n: keys are strings, and a list has no holes");
    }
    *count = names + positions;
    return marked || positions > 0;
}

/// Refuses a table that was written before. One table in two places changes in both, until a restore makes it two.
static void see(writer *w, const clua_place *at) {
    lua_State *L = w->L;
    const void *table = lua_topointer(L, -1);
    if (lua_rawgetp(L, w->seen, table) != LUA_TNIL) {
        lua_pushvalue(L, w->value);
        clua_push_place_of(L, w->root, table);
        clua_fail_at(w->L, at, "is the same table as %s: copy it", lua_tostring(L, -1));
    }
    lua_pop(L, 1);
    lua_pushboolean(L, true);
    lua_rawsetp(L, w->seen, table);
}

static void write_value(writer *w, const clua_place *at, int depth);

static void write_array(writer *w, const clua_place *at, int depth, size_t count) {
    const int table = lua_gettop(w->L);
    clua_json_append(&w->text, "[", 1);
    for (size_t i = 1; i <= count; ++i) {
        if (i > 1) { clua_json_append(&w->text, ",", 1); }
        lua_rawgeti(w->L, table, (lua_Integer)i);
        write_value(w, &(clua_place){.outer = at, .position = (lua_Integer)i}, depth);
        lua_pop(w->L, 1);
    }
    clua_json_append(&w->text, "]", 1);
}

static void write_object(writer *w, const clua_place *at, int depth) {
    lua_State *L = w->L;
    const int table = lua_gettop(L);
    const size_t count = clua_push_sorted_keys(L, table);
    clua_json_append(&w->text, "{", 1);
    for (size_t i = 0; i < count; ++i) {
        if (i > 0) { clua_json_append(&w->text, ",", 1); }
        clua_push_sorted_key(L, table + 1, i);
        clua_place inner = {.outer = at};
        inner.key = lua_tolstring(L, -1, &inner.key_length);
        write_string(w, &inner, inner.key, inner.key_length, "has a key that is");
        clua_json_append(&w->text, ":", 1);
        lua_pushvalue(L, -1);
        lua_rawget(L, table);
        write_value(w, &inner, depth);
        lua_pop(L, 2);
    }
    clua_json_append(&w->text, "}", 1);
    lua_settop(L, table);
}

/// Writes the value on top, inside `depth` others. Recursion is as deep as the value, which is bounded here.
static void write_value(writer *w, const clua_place *at, int depth) {
    lua_State *L = w->L;
    clua_json_work(&w->text, 8);
    switch (lua_type(L, -1)) {
    case LUA_TTABLE: {
        if (depth == CSJ_MAXIMUM_DEPTH) { clua_fail_at(w->L, at, "is nested more than %d deep", CSJ_MAXIMUM_DEPTH); }
        luaL_checkstack(L, 8, "nested too deep");
        see(w, at);
        size_t count;
        if (is_array(w, at, &count)) {
            write_array(w, at, depth + 1, count);
        } else {
            write_object(w, at, depth + 1);
        }
        return;
    }
    case LUA_TSTRING: {
        size_t length;
        const char *bytes = lua_tolstring(L, -1, &length);
        write_string(w, at, bytes, length, "is");
        return;
    }
    case LUA_TNUMBER: write_number(w, at); return;
    case LUA_TBOOLEAN: clua_json_append(&w->text, lua_toboolean(L, -1) ? "true" : "false", lua_toboolean(L, -1) ? 4 : 5); return;
    case LUA_TLIGHTUSERDATA: clua_json_append(&w->text, "null", 4); return;
    default: clua_fail_at(w->L, at, "is a %s: JSON has no such value", luaL_typename(L, -1));
    }
}

/// Writes the value on top of the stack into the machine's output, in place of what was there: `limit` bytes at most.
void clua_write_json(lua_State *L, const char *root, size_t limit) {
    clua *lua = clua_of(L);
    lua->output.length = 0;
    const int value = lua_gettop(L);
    lua_newtable(L);
    const clua_place at_root = {.key = root};
    writer w = {L, {L, &lua->output, limit, 0}, &at_root, value, value + 1};
    lua_pushvalue(L, value);
    write_value(&w, &at_root, 0);
    lua_settop(L, value);
}
