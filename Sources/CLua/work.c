// Owns the price of library functions that work longer than the one instruction that calls them, some without end:
// `string.rep("", 1 << 62)` and `table.move({}, 1, 1 << 62, 2)` never come back. A wrapper charges the budget and then
// is the original, which is its upvalue. Arguments that make no sense cost nothing here: the original refuses them.

#include "internal.h"

/// Calls the wrapper's upvalue in the wrapper's own frame, so that its errors name the function as the reducer does.
int clua_run_original(lua_State *L) {
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/// Charges for the positions from `first` to `last`, given as they stand in the arguments.
static void spend_range(lua_State *L, int first, int last) {
    const lua_Integer from = luaL_opt(L, lua_tointeger, first, 1);
    const lua_Integer to = luaL_opt(L, lua_tointeger, last, (lua_Integer)lua_rawlen(L, 1));
    if (from <= to) { clua_spend(L, (size_t)to - (size_t)from); }
}

/// `rep(text, times)`
int clua_charge_repeat(lua_State *L) {
    const lua_Integer times = lua_tointeger(L, 2);
    if (times > 0) { clua_spend(L, (size_t)times); }
    return clua_run_original(L);
}

/// `find(text, …)` and others that read a text
int clua_charge_text(lua_State *L) {
    clua_spend(L, lua_rawlen(L, 1) / CLUA_BYTES_PER_INSTRUCTION);
    return clua_run_original(L);
}

/// `concat(list, separator, first, last)`
int clua_charge_concat(lua_State *L) {
    spend_range(L, 3, 4);
    return clua_run_original(L);
}

/// `unpack(list, first, last)`, `move(list, first, last, …)`
int clua_charge_range(lua_State *L) {
    spend_range(L, 2, 3);
    return clua_run_original(L);
}

/// `insert(list, position, value)` and `remove(list, position)` shift what follows; without a position they do not.
int clua_charge_insert(lua_State *L) {
    if (lua_gettop(L) == 3) { spend_range(L, 2, 4); }
    return clua_run_original(L);
}

int clua_charge_remove(lua_State *L) {
    if (lua_gettop(L) == 2) { spend_range(L, 2, 3); }
    return clua_run_original(L);
}
