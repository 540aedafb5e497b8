// Owns a run of Lua without any sandbox. Errors end here, for they must not cross a Swift frame.

#include "CPlainLua.h"

#include <lauxlib.h>
#include <lualib.h>

plain_lua *plain_lua_run(const char *name, const char *text, size_t length) {
    lua_State *L = luaL_newstate();
    if (L == NULL) { return NULL; }
    luaL_openlibs(L);
    if (luaL_loadbufferx(L, text, length, name, "t") == LUA_OK) { lua_pcall(L, 0, 1, 0); }
    return (plain_lua *)L;
}

void plain_lua_free(plain_lua *lua) { lua_close((lua_State *)lua); }

const char *plain_lua_result(const plain_lua *lua, size_t *length) {
    lua_State *L = (lua_State *)lua;
    return lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, length) : NULL;
}
