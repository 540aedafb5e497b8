// Owns the functions of `table` that go through a list (but for sort.c's): what they do is Lua's, and each step is
// charged before it is done. `table.move({}, 1, 1 << 62, 2)` would never come back.

#include "internal.h"

/// How long the list is, by `#`.
static lua_Integer check_list(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    return luaL_len(L, 1);
}

/// A position given as a number, or, at its price, as a text.
static lua_Integer check_position(lua_State *L, int argument) {
    if (lua_type(L, argument) == LUA_TSTRING) { clua_spend(L, lua_rawlen(L, argument) / CLUA_STEPS_PER_INSTRUCTION); }
    return luaL_checkinteger(L, argument);
}

static lua_Integer optional_position(lua_State *L, int argument, lua_Integer otherwise) {
    return lua_isnoneornil(L, argument) ? otherwise : check_position(L, argument);
}

/// A move or a look at an element is worth about half an instruction.
static void spend_element(lua_State *L, lua_Unsigned *done) {
    if (++*done % 16 == 0) { clua_spend(L, 8); }
}

/// `concat(list, separator, first, last)`
int clua_concat(lua_State *L) {
    const lua_Integer length = check_list(L);
    size_t separator_length;
    const char *separator = luaL_optlstring(L, 2, "", &separator_length);
    const lua_Integer first = optional_position(L, 3, 1), last = optional_position(L, 4, length);
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    size_t total = 0;
    lua_Unsigned done = 0;
    for (lua_Integer i = first; i <= last; ++i) {
        spend_element(L, &done);
        if (i > first) {
            luaL_addlstring(&text, separator, separator_length);
            total += separator_length;
        }
        lua_geti(L, 1, i);
        if (!lua_isstring(L, -1)) {
            luaL_error(L, "invalid value (at index %I) in table for 'concat'", (LUAI_UACINT)i);
        }
        total += lua_rawlen(L, -1);
        luaL_addvalue(&text);
        clua_check_length(L, total);
        if (i == LUA_MAXINTEGER) { break; }
    }
    luaL_pushresult(&text);
    return 1;
}

/// `insert(list, value)` and `insert(list, position, value)`, which shifts what follows.
int clua_insert(lua_State *L) {
    const lua_Integer end = (lua_Integer)((lua_Unsigned)check_list(L) + 1);
    const int arguments = lua_gettop(L);
    if (arguments != 2 && arguments != 3) { return luaL_error(L, "wrong number of arguments to 'insert'"); }
    lua_Integer position = end;
    if (arguments == 3) {
        position = check_position(L, 2);
        luaL_argcheck(L, (lua_Unsigned)position - 1 < (lua_Unsigned)end, 2, "position out of bounds");
        lua_Unsigned done = 0;
        for (lua_Integer i = end; i > position; --i) {
            spend_element(L, &done);
            lua_geti(L, 1, i - 1);
            lua_seti(L, 1, i);
        }
    }
    lua_seti(L, 1, position);
    return 0;
}

/// `remove(list)` and `remove(list, position)`, which shifts what follows.
int clua_remove(lua_State *L) {
    const lua_Integer length = check_list(L);
    lua_Integer position = optional_position(L, 2, length);
    if (position != length) {
        luaL_argcheck(L, (lua_Unsigned)position - 1 <= (lua_Unsigned)length, 2, "position out of bounds");
    }
    lua_geti(L, 1, position);
    lua_Unsigned done = 0;
    for (; position < length; ++position) {
        spend_element(L, &done);
        lua_geti(L, 1, position + 1);
        lua_seti(L, 1, position);
    }
    lua_pushnil(L);
    lua_seti(L, 1, position);
    return 1;
}

/// `move(from, first, last, position, into)`
int clua_move(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    const lua_Integer first = check_position(L, 2), last = check_position(L, 3), position = check_position(L, 4);
    const int into = lua_isnoneornil(L, 5) ? 1 : 5;
    luaL_checktype(L, into, LUA_TTABLE);
    if (last >= first) {
        luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
        const lua_Integer count = last - first + 1;
        luaL_argcheck(L, position <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
        // Backwards where the end of what is moved would be overwritten.
        const bool forwards = position > last || position <= first || (into != 1 && !lua_rawequal(L, 1, into));
        lua_Unsigned done = 0;
        for (lua_Integer i = 0; i < count; ++i) {
            spend_element(L, &done);
            const lua_Integer offset = forwards ? i : count - 1 - i;
            lua_geti(L, 1, first + offset);
            lua_seti(L, into, position + offset);
        }
    }
    lua_pushvalue(L, into);
    return 1;
}

/// `unpack(list, first, last)`
int clua_unpack(lua_State *L) {
    const lua_Integer first = optional_position(L, 2, 1);
    const lua_Integer last = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : check_position(L, 3);
    if (first > last) { return 0; }
    const lua_Unsigned count = (lua_Unsigned)last - (lua_Unsigned)first;
    if (count >= INT32_MAX || !lua_checkstack(L, (int)count + 1)) {
        return luaL_error(L, "too many results to unpack");
    }
    lua_Unsigned done = 0;
    for (lua_Unsigned i = 0; i <= count; ++i) {
        spend_element(L, &done);
        lua_geti(L, 1, (lua_Integer)((lua_Unsigned)first + i));
    }
    return (int)count + 1;
}
