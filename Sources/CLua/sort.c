// Owns `table.sort`. Lua's own chooses pivots by the clock and so leaves equal elements in an order that differs from
// run to run; this is a merge sort: stable, and with an inconsistent comparison still the same every time.

#include "internal.h"

enum { LIST = 1, LESS = 2, FROM = 3, INTO = 4 };  // where things are on the stack

/// What a comparison costs: the shorter of two texts is read.
static size_t price_of(lua_State *L, int a, int b) {
    if (lua_type(L, a) != LUA_TSTRING || lua_type(L, b) != LUA_TSTRING) { return 1; }
    const size_t a_length = lua_rawlen(L, a), b_length = lua_rawlen(L, b);
    return 1 + (a_length < b_length ? a_length : b_length) / CLUA_BYTES_PER_INSTRUCTION;
}

/// Whether the element at stack index `a` must come before the one at `b`.
static bool precedes(lua_State *L, int a, int b) {
    clua_spend(L, price_of(L, a, b));
    if (lua_isnil(L, LESS)) { return lua_compare(L, a, b, LUA_OPLT); }
    lua_pushvalue(L, LESS);
    lua_pushvalue(L, a);
    lua_pushvalue(L, b);
    lua_call(L, 2, 1);
    const bool result = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return result;
}

/// Merges the runs [begin, middle) and [middle, end) of FROM into INTO.
static void merge(lua_State *L, lua_Integer begin, lua_Integer middle, lua_Integer end) {
    lua_Integer left = begin, right = middle;
    for (lua_Integer out = begin; out < end; ++out) {
        bool take_right = left == middle;
        if (left < middle && right < end) {
            lua_rawgeti(L, FROM, left);
            lua_rawgeti(L, FROM, right);
            take_right = precedes(L, lua_gettop(L), lua_gettop(L) - 1);  // equal: the left one, for stability
            lua_pop(L, 2);
        }
        if (out % 256 == 0) { clua_spend(L, 64); }
        lua_rawgeti(L, FROM, take_right ? right++ : left++);
        lua_rawseti(L, INTO, out);
    }
}

static lua_Integer least(lua_Integer a, lua_Integer b) { return a < b ? a : b; }

int clua_table_sort(lua_State *L) {
    luaL_checktype(L, LIST, LUA_TTABLE);
    if (!lua_isnoneornil(L, LESS)) { luaL_checktype(L, LESS, LUA_TFUNCTION); }
    const lua_Integer count = luaL_len(L, LIST);
    luaL_argcheck(L, count < INT32_MAX, LIST, "too large to sort");
    lua_settop(L, LESS);
    clua_spend(L, (size_t)count);
    lua_createtable(L, (int)count, 0);
    lua_createtable(L, (int)count, 0);
    for (lua_Integer i = 1; i <= count; ++i) {
        lua_geti(L, LIST, i);
        lua_rawseti(L, FROM, i);
    }
    for (lua_Integer width = 1; width < count; width *= 2) {
        for (lua_Integer begin = 1; begin <= count; begin += 2 * width) {
            merge(L, begin, least(begin + width, count + 1), least(begin + 2 * width, count + 1));
        }
        lua_rotate(L, FROM, 1);  // what was merged is merged from next
    }
    for (lua_Integer i = 1; i <= count; ++i) {
        lua_rawgeti(L, FROM, i);
        lua_seti(L, LIST, i);
    }
    return 0;
}
