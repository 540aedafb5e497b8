// Owns how values become text for a reducer: `tostring` and `string.format`, which in Lua show addresses and the
// machine's own spelling of NaN. JSON text is json-writer.c's.

#include <math.h>
#include <string.h>

#include "internal.h"

/// Pushes the value as text; of a table or a function only what it is.
static void push_text(lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TSTRING: luaL_tolstring(L, index, NULL); break;
    case LUA_TNUMBER:
        if (isnan(lua_tonumber(L, index))) {
            lua_pushliteral(L, "nan");  // the sign of 0/0 is the processor's choice
        } else {
            luaL_tolstring(L, index, NULL);
        }
        break;
    case LUA_TLIGHTUSERDATA: lua_pushliteral(L, "null"); break;
    default: lua_pushstring(L, luaL_typename(L, index)); break;
    }
}

int clua_tostring(lua_State *L) {
    luaL_checkany(L, 1);
    push_text(L, 1);
    return 1;
}

/// What a conversion of `string.format` costs for its argument: a float may have hundreds of digits; a text is copied, or
/// read byte by byte.
static size_t price_of(lua_State *L, char conversion, int argument) {
    const size_t length = lua_type(L, argument) == LUA_TSTRING ? lua_rawlen(L, argument) : 0;
    const size_t price = strchr("aAeEfgG", conversion) != NULL ? 16 : 1;
    return price + length / (conversion == 's' ? CLUA_BYTES_PER_INSTRUCTION : CLUA_STEPS_PER_INSTRUCTION);
}

/// Lua's own formatter, after every argument of `%s` has been made a text. A format may hold zero bytes.
int clua_format(lua_State *L) {
    size_t length;
    const char *at = luaL_checklstring(L, 1, &length);
    const char *const end = at + length;
    const int arguments = lua_gettop(L);
    clua_spend(L, length / CLUA_STEPS_PER_INSTRUCTION);
    int argument = 1;
    while ((at = memchr(at, '%', (size_t)(end - at))) != NULL) {
        ++at;
        if (at < end && *at == '%') {
            ++at;
            continue;
        }
        ++argument;
        while (at < end && *at != '\0' && strchr("-+ #0123456789.", *at) != NULL) { ++at; }
        if (at == end) { break; }
        if (*at == 'p') { return luaL_error(L, "string.format: %%p would show an address"); }
        if (argument > arguments) { break; }  // the original says so
        clua_spend(L, price_of(L, *at, argument));
        if (*at == 's') {
            push_text(L, argument);
            lua_replace(L, argument);
        }
    }
    return clua_run_original(L);
}

/// `rep(text, times, separator)`, copying what is there already twice as often each time.
int clua_repeat(lua_State *L) {
    size_t length, gap_length;
    const char *text = luaL_checklstring(L, 1, &length);
    if (lua_type(L, 2) == LUA_TSTRING) { clua_spend(L, lua_rawlen(L, 2) / CLUA_STEPS_PER_INSTRUCTION); }
    const lua_Integer times = luaL_checkinteger(L, 2);
    const char *gap = luaL_optlstring(L, 3, "", &gap_length);
    const size_t period = length + gap_length;
    if (times <= 0 || period == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((lua_Unsigned)times > SIZE_MAX / period) { return clua_stop_at(L, CLUA_MEMORY, 1); }
    const size_t total = (size_t)times * period - gap_length;
    clua_check_length(L, total);
    clua_spend(L, total / CLUA_BYTES_PER_INSTRUCTION);
    luaL_Buffer buffer;
    char *into = luaL_buffinitsize(L, &buffer, total);
    size_t filled = length;
    memcpy(into, text, length);
    if (times > 1) {
        memcpy(into + length, gap, gap_length);
        filled = period;
    }
    while (filled < total) {
        const size_t count = filled < total - filled ? filled : total - filled;
        memcpy(into + filled, into, count);
        filled += count;
    }
    luaL_pushresultsize(&buffer, total);
    return 1;
}
