// Owns what a reducer can name: an allow-list, so that whatever a later Lua adds stays out. Everything that could let
// one run differ from another is left out (clocks, random numbers, files, addresses, finalizers) or replaced by a
// version that cannot (order.c, sort.c, text.c), and whatever may work long is charged (charge.c). Once the source has run, globals and libraries are read-only, for a
// global that changes is state that no snapshot holds.

#include "internal.h"

/// A name of a library, and what is put round Lua's own function; NULL for none, as what it costs is nothing to speak of.
typedef struct allowed {
    const char *name;
    lua_CFunction wrapper;
} allowed;

static const allowed base_names[] = {
    {"assert", clua_charge_arguments}, {"error", clua_charge_arguments},
    {"rawequal", clua_charge_arguments}, {"rawget", clua_charge_arguments},
    {"rawlen", NULL}, {"select", clua_charge_arguments},
    {"tonumber", clua_charge_steps}, {"type", NULL}, {NULL, NULL},
};
static const allowed string_names[] = {
    {"byte", clua_charge_range}, {"char", clua_charge_arguments}, {"format", clua_format}, {"len", NULL},
    {"lower", clua_charge_steps}, {"pack", clua_charge_pack}, {"packsize", clua_charge_steps},
    {"reverse", clua_charge_steps}, {"sub", clua_charge_arguments}, {"unpack", clua_charge_steps},
    {"upper", clua_charge_steps}, {NULL, NULL},
};
static const allowed table_names[] = {{"pack", clua_charge_arguments}, {NULL, NULL}};
static const allowed math_names[] = {
    {"abs", clua_charge_arguments}, {"acos", clua_charge_arguments}, {"asin", clua_charge_arguments},
    {"atan", clua_charge_arguments}, {"ceil", clua_charge_arguments}, {"cos", clua_charge_arguments},
    {"deg", clua_charge_arguments}, {"exp", clua_charge_arguments}, {"floor", clua_charge_arguments},
    {"fmod", clua_charge_arguments}, {"huge", NULL}, {"log", clua_charge_arguments}, {"max", clua_charge_arguments},
    {"maxinteger", NULL}, {"min", clua_charge_arguments}, {"mininteger", NULL}, {"modf", clua_charge_arguments},
    {"pi", NULL}, {"rad", clua_charge_arguments}, {"sin", clua_charge_arguments}, {"sqrt", clua_charge_arguments},
    {"tan", clua_charge_arguments}, {"tointeger", clua_charge_arguments}, {"type", NULL},
    {"ult", clua_charge_arguments}, {NULL, NULL},
};
static const allowed utf8_names[] = {
    {"char", clua_charge_arguments}, {"charpattern", NULL}, {"codepoint", clua_charge_range}, {"codes", clua_codes},
    {"len", clua_charge_steps}, {"offset", clua_charge_steps}, {NULL, NULL},
};

/// As Lua's own, but a limit goes on up through it.
static int protected_call(lua_State *L) {
    luaL_checkany(L, 1);
    clua_spend(L, (size_t)lua_gettop(L) / 4);
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
    if (lua_type(L, 2) == LUA_TSTRING) { clua_spend(L, lua_rawlen(L, 2) / CLUA_BYTES_PER_INSTRUCTION); }
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
static void push_allowed(lua_State *L, lua_CFunction open, const allowed *names) {
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
    lua_newtable(L);
    for (; names->name != NULL; ++names) {
        lua_getfield(L, -2, names->name);
        if (names->wrapper != NULL) { lua_pushcclosure(L, names->wrapper, 1); }
        lua_setfield(L, -2, names->name);
    }
    lua_remove(L, -2);
}

/// Sets the field of the table on top.
static void add(lua_State *L, const char *name, lua_CFunction function) {
    lua_pushcfunction(L, function);
    lua_setfield(L, -2, name);
}

/// Shields the library on top, and takes it off as a global of the table below.
static void add_library(lua_State *L, const char *name, const char *prefix) {
    push_shield(L, prefix);
    lua_setfield(L, -2, name);
}

/// Gives the strings' methods (`s:rep(3)`) the same allowed functions as the library, and has their arithmetic charged,
/// which reads them as numbers (`s + 1`).
static void use_for_strings(lua_State *L) {
    static const char *const arithmetic[] = {
        "__add", "__sub", "__mul", "__mod", "__pow", "__div", "__idiv", "__unm", NULL,
    };
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    for (const char *const *event = arithmetic; *event != NULL; ++event) {
        lua_getfield(L, -1, *event);
        lua_pushcclosure(L, clua_charge_steps, 1);
        lua_setfield(L, -2, *event);
    }
    lua_pop(L, 2);
}

/// Builds the sandbox and leaves it as the registry's globals, which is what a loaded source gets for `_ENV`.
void clua_build_sandbox(lua_State *L) {
    push_allowed(L, luaopen_base, base_names);
    add(L, "ipairs", clua_ipairs);
    add(L, "next", clua_next);
    add(L, "pairs", clua_pairs);
    add(L, "pcall", protected_call);
    add(L, "rawset", raw_set);
    add(L, "tostring", clua_tostring);

    push_allowed(L, luaopen_string, string_names);
    add(L, "find", clua_find);
    add(L, "gmatch", clua_gmatch);
    add(L, "gsub", clua_gsub);
    add(L, "match", clua_match);
    add(L, "rep", clua_repeat);
    use_for_strings(L);
    add_library(L, "string", "string.");

    push_allowed(L, luaopen_table, table_names);
    add(L, "concat", clua_concat);
    add(L, "insert", clua_insert);
    add(L, "move", clua_move);
    add(L, "remove", clua_remove);
    add(L, "sort", clua_table_sort);
    add(L, "unpack", clua_unpack);
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
