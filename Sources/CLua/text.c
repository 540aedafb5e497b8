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

/// Lua's own formatter, after every argument of `%s` has been made a text.
int clua_format(lua_State *L) {
    const char *format = luaL_checkstring(L, 1);
    const int arguments = lua_gettop(L);
    int argument = 1;
    for (const char *at = strchr(format, '%'); at != NULL; at = strchr(at, '%')) {
        ++at;
        if (*at == '%') {
            ++at;
            continue;
        }
        ++argument;
        at += strspn(at, "-+ #0123456789.");
        if (*at == 'p') { return luaL_error(L, "string.format: %%p would show an address"); }
        if (*at == 's' && argument <= arguments) {
            push_text(L, argument);
            lua_replace(L, argument);
        }
    }
    return clua_run_original(L);
}
