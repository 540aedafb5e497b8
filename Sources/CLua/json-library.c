// Owns the `json` library, and the two values that JSON has and Lua lacks: null, and an array that is empty.

#include "internal.h"

static char null_value;
static char array_key;  // where the registry keeps the metatable that marks arrays

void clua_push_null(lua_State *L) { lua_pushlightuserdata(L, &null_value); }

/// Marks the table at `index` as an array, so that it is one even when it is empty.
void clua_mark_array(lua_State *L, int index) {
    index = lua_absindex(L, index);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
    lua_setmetatable(L, index);
}

bool clua_is_marked_array(lua_State *L, int index) {
    if (!lua_getmetatable(L, index)) { return false; }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
    const bool marked = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return marked;
}

/// `json.array([list])`: marks the list and returns it; a new one without an argument.
static int array(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (lua_getmetatable(L, 1) && !clua_is_marked_array(L, 1)) { return luaL_argerror(L, 1, "read-only"); }
    lua_settop(L, 1);
    clua_mark_array(L, 1);
    return 1;
}

static int encode(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    clua_write_json(L, "value", clua_longest_string(clua_of(L)));
    const clua_buffer *output = &clua_of(L)->output;
    lua_pushlstring(L, output->bytes, output->length);
    return 1;
}

static int decode(lua_State *L) {
    clua_text text;
    text.bytes = luaL_checklstring(L, 1, &text.length);
    clua_spend(L, text.length / CLUA_STEPS_PER_INSTRUCTION);
    clua_push_json(L, text, "json.decode");
    return 1;
}

void clua_push_json_library(lua_State *L) {
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);

    static const luaL_Reg functions[] = {{"array", array}, {"decode", decode}, {"encode", encode}, {NULL, NULL}};
    luaL_newlib(L, functions);
    clua_push_null(L);
    lua_setfield(L, -2, "null");
}
