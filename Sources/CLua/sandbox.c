// Owns what a reducer can name: an allow-list, so that whatever a later Lua adds stays out. Everything that could let
// one run differ from another is left out (clocks, random numbers, files, addresses, finalizers) or replaced by a
// version that cannot (order.c, sort.c, text.c). Once the source has run, globals and libraries are read-only, for a
// global that changes is state that no snapshot holds.

#include "internal.h"

static const char *const base_names[] = {
    "assert", "error", "ipairs", "rawequal", "rawget", "rawlen", "select", "tonumber", "type", NULL,
};
static const char *const string_names[] = {
    "byte", "char", "find",     "format",  "gmatch", "gsub",   "len",   "lower", "match",
    "pack", "rep",  "packsize", "reverse", "sub",    "unpack", "upper", NULL,
};
static const char *const reading_names[] = {"find", "gmatch", "gsub", "match", NULL};  // the longer, the slower
static const char *const table_names[] = {"concat", "insert", "move", "pack", "remove", "unpack", NULL};
static const char *const math_names[] = {
    "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge", "log", "max", "maxinteger",
    "min", "mininteger", "modf", "pi", "rad", "sin", "sqrt", "tan", "tointeger", "type", "ult", NULL,
};
static const char *const utf8_names[] = {"char", "charpattern", "codepoint", "codes", "len", "offset", NULL};

/// As Lua's own, but a limit goes on up through it.
static int protected_call(lua_State *L) {
    luaL_checkany(L, 1);
    const int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    if (status != LUA_OK && clua_is_limit(L, status)) { return lua_error(L); }
    lua_pushboolean(L, status == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
}

static char frozen_key;  // a metatable with this key makes its table read-only

static int raw_set(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    if (lua_getmetatable(L, 1)) {
        if (lua_rawgetp(L, -1, &frozen_key) != LUA_TNIL) { return luaL_error(L, "this table is read-only"); }
    }
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 1;
}

/// `__newindex` of a shield: upvalue 1 is the table behind it, upvalue 2 what a name in it is called.
static int assign(lua_State *L) {
    if (clua_of(L)->sealed) {
        const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
        const char *prefix = lua_tostring(L, lua_upvalueindex(2));
        return luaL_error(L, "%s%s is read-only: keep what must last in the state", prefix, name);
    }
    lua_rawset(L, lua_upvalueindex(1));
    return 0;
}

/// Replaces the table on top by a shield: an empty table that reads from it, and writes to it until the source has run.
static void push_shield(lua_State *L, const char *prefix) {
    lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, -3);
    lua_pushstring(L, prefix);
    lua_pushcclosure(L, assign, 2);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, true);
    lua_rawsetp(L, -2, &frozen_key);
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

/// Runs a library's opener, and pushes a new table of those of its names that are allowed.
static void push_allowed(lua_State *L, lua_CFunction open, const char *const names[]) {
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
    lua_newtable(L);
    for (; *names != NULL; ++names) {
        lua_getfield(L, -2, *names);
        lua_setfield(L, -2, *names);
    }
    lua_remove(L, -2);
}

/// Sets the field of the table on top.
static void add(lua_State *L, const char *name, lua_CFunction function) {
    lua_pushcfunction(L, function);
    lua_setfield(L, -2, name);
}

/// Puts a wrapper round the function of this name in the table on top.
static void wrap(lua_State *L, const char *name, lua_CFunction wrapper) {
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, wrapper, 1);
    lua_setfield(L, -2, name);
}

/// Shields the library on top, and takes it off as a global of the table below.
static void add_library(lua_State *L, const char *name, const char *prefix) {
    push_shield(L, prefix);
    lua_setfield(L, -2, name);
}

/// Gives the strings' methods (`s:rep(3)`) the same allowed functions as the library.
static void use_for_string_methods(lua_State *L) {
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
}

/// Builds the sandbox and leaves it as the registry's globals, which is what a loaded source gets for `_ENV`.
void clua_build_sandbox(lua_State *L) {
    push_allowed(L, luaopen_base, base_names);
    add(L, "next", clua_next);
    add(L, "pairs", clua_pairs);
    add(L, "pcall", protected_call);
    add(L, "rawset", raw_set);
    add(L, "tostring", clua_tostring);

    push_allowed(L, luaopen_string, string_names);
    wrap(L, "format", clua_format);
    wrap(L, "rep", clua_charge_repeat);
    for (const char *const *name = reading_names; *name != NULL; ++name) { wrap(L, *name, clua_charge_text); }
    use_for_string_methods(L);
    add_library(L, "string", "string.");

    push_allowed(L, luaopen_table, table_names);
    add(L, "sort", clua_table_sort);
    wrap(L, "concat", clua_charge_concat);
    wrap(L, "insert", clua_charge_insert);
    wrap(L, "move", clua_charge_range);
    wrap(L, "remove", clua_charge_remove);
    wrap(L, "unpack", clua_charge_range);
    add_library(L, "table", "table.");

    push_allowed(L, luaopen_math, math_names);
    add_library(L, "math", "math.");

    push_allowed(L, luaopen_utf8, utf8_names);
    add_library(L, "utf8", "utf8.");

    clua_push_json_library(L);
    add_library(L, "json", "json.");

    push_shield(L, "the global ");
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}
