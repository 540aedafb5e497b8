// Owns the price of Lua's own library functions, each of which may work far longer than the one instruction that calls
// it. A wrapper charges the budget and then is the original, which is its upvalue. Arguments that make no sense cost
// nothing more here: the original refuses them. Functions whose work is not known beforehand are ours (list.c, search.c).

#include "internal.h"

/// Calls the wrapper's upvalue in the wrapper's own frame, so that its errors name the function as the reducer does.
int clua_run_original(lua_State *L) {
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/// Charges for the texts among the arguments, each read once, and for how many arguments there are.
static void spend_arguments(lua_State *L, size_t bytes_per_instruction) {
    const int count = lua_gettop(L);
    size_t bytes = 0;
    for (int i = 1; i <= count; ++i) {
        if (lua_type(L, i) == LUA_TSTRING) { bytes += lua_rawlen(L, i); }
    }
    const size_t work = bytes / bytes_per_instruction + (size_t)count / 4;
    if (work > 0) { clua_spend(L, work); }
}

/// Any function that reads its texts once, of which numbers may be written as texts.
int clua_charge_arguments(lua_State *L) {
    spend_arguments(L, CLUA_BYTES_PER_INSTRUCTION);
    return clua_run_original(L);
}

/// One that looks at each byte of them by itself.
int clua_charge_steps(lua_State *L) {
    spend_arguments(L, CLUA_STEPS_PER_INSTRUCTION);
    return clua_run_original(L);
}

/// `byte(text, first, last)`, `codepoint(text, first, last)`: a result for each position.
int clua_charge_range(lua_State *L) {
    spend_arguments(L, CLUA_STEPS_PER_INSTRUCTION);
    const lua_Integer length = (lua_Integer)lua_rawlen(L, 1);
    lua_Integer first = luaL_opt(L, lua_tointeger, 2, 1), last = luaL_opt(L, lua_tointeger, 3, first);
    if (first < 0) { first = first < -length ? 1 : length + first + 1; }
    if (last < 0) { last = last < -length ? 0 : length + last + 1; }
    if (last > length) { last = length; }
    if (first <= last) { clua_spend(L, (size_t)(last - first) / 2); }
    return clua_run_original(L);
}

/// `pack(format, …)`, whose format may ask for any number of bytes, as `c1000000` does.
int clua_charge_pack(lua_State *L) {
    spend_arguments(L, CLUA_BYTES_PER_INSTRUCTION);
    size_t length, size = 0, total = 0;
    const char *format = luaL_checklstring(L, 1, &length);
    for (size_t i = 0; i < length; ++i) {
        const bool is_digit = format[i] >= '0' && format[i] <= '9';
        size = !is_digit ? 0 : size < INT32_MAX ? size * 10 + (size_t)(format[i] - '0') : size;
        if (i + 1 == length || format[i + 1] < '0' || format[i + 1] > '9') { total += size; }
        if (total > INT32_MAX) { break; }
    }
    clua_check_length(L, total);
    clua_spend(L, length + total / CLUA_STEPS_PER_INSTRUCTION);
    return clua_run_original(L);
}

/// The step of a loop over `ipairs`.
static int next_position(lua_State *L) {
    spend_arguments(L, CLUA_BYTES_PER_INSTRUCTION);
    const lua_Integer position = (lua_Integer)((lua_Unsigned)luaL_checkinteger(L, 2) + 1);
    lua_pushinteger(L, position);
    return lua_geti(L, 1, position) == LUA_TNIL ? 1 : 2;
}

int clua_ipairs(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushcfunction(L, next_position);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

/// The step of a loop over `utf8.codes`: the upvalue is Lua's own, which passes over the bytes that continue a character,
/// however many there are.
static int next_code(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    if (lua_type(L, 2) == LUA_TSTRING) { clua_spend(L, lua_rawlen(L, 2) / CLUA_STEPS_PER_INSTRUCTION); }
    const lua_Integer at = lua_tointeger(L, 2);
    if (at > 0 && (lua_Unsigned)at < length) {
        size_t end = (size_t)at;
        while (end < length && (text[end] & 0xC0) == 0x80) { ++end; }
        if (end - (size_t)at > 4) { clua_spend(L, (end - (size_t)at) / CLUA_STEPS_PER_INSTRUCTION); }
    }
    return clua_run_original(L);
}

/// `utf8.codes(text, lax)`: the upvalue is Lua's own.
int clua_codes(lua_State *L) {
    spend_arguments(L, CLUA_STEPS_PER_INSTRUCTION);
    const int results = clua_run_original(L);
    lua_pushvalue(L, -results);
    lua_pushcclosure(L, next_code, 1);
    lua_replace(L, -results - 1);
    return results;
}
