// Owns where in a value we are and what to call it: "state.users.ann[3]". A refusal by json-writer.c names that place.

#include "json-place.h"

#include <stdarg.h>
#include <string.h>

static bool is_name(const char *key, size_t length) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return length > 0 && strspn(key, letters) == length && !(key[0] >= '0' && key[0] <= '9');
}

static void add_place(luaL_Buffer *path, const clua_place *at) {
    if (at->outer == NULL) {
        luaL_addstring(path, at->key);
        return;
    }
    add_place(path, at->outer);
    if (at->key == NULL) {
        lua_pushfstring(path->L, "[%I]", (LUAI_UACINT)at->position);
        luaL_addvalue(path);
        return;
    }
    const bool name = is_name(at->key, at->key_length);
    luaL_addstring(path, name ? "." : "[\"");
    luaL_addlstring(path, at->key, at->key_length);
    luaL_addstring(path, name ? "" : "\"]");
}

/// A place may be deep, and a message must leave room for what is wrong there.
enum { LONGEST_PATH = 400 };

static void push_path(lua_State *L, const clua_place *at) {
    luaL_Buffer path;
    luaL_buffinit(L, &path);
    add_place(&path, at);
    if (luaL_bufflen(&path) > LONGEST_PATH) {
        luaL_buffsub(&path, luaL_bufflen(&path) - LONGEST_PATH);
        luaL_addstring(&path, "…");
    }
    luaL_pushresult(&path);
}

void clua_fail_at(lua_State *L, const clua_place *at, const char *format, ...) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    push_path(L, at);
    lua_pushliteral(L, " ");
    va_list arguments;
    va_start(arguments, format);
    lua_pushvfstring(L, format, arguments);
    va_end(arguments);
    lua_concat(L, 3);
    lua_error(L);
}

bool clua_push_place_of(lua_State *L, const clua_place *at, const void *wanted) {
    if (!lua_istable(L, -1)) { return false; }
    if (lua_topointer(L, -1) == wanted) {
        push_path(L, at);
        return true;
    }
    const int table = lua_gettop(L);
    const size_t count = clua_push_sorted_keys(L, table);
    for (size_t i = 0; i < count; ++i) {
        clua_push_sorted_key(L, table + 1, i);
        clua_place inner = {.outer = at};
        if (lua_isinteger(L, -1)) {
            inner.position = lua_tointeger(L, -1);
        } else {
            inner.key = lua_tolstring(L, -1, &inner.key_length);
        }
        lua_pushvalue(L, -1);
        lua_rawget(L, table);
        if (clua_push_place_of(L, &inner, wanted)) { return true; }
        lua_settop(L, table + 2);
    }
    lua_settop(L, table);
    return false;
}
