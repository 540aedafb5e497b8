// Owns `string.gsub`: what stands in the place of each match. What a pattern means is pattern.c's.

#include <string.h>

#include "pattern.h"

/// Adds the replacement text, argument 3, with what `%0` to `%9` stand for in it.
static void add_template(clua_matcher *m, luaL_Buffer *result, const char *begin, const char *end) {
    size_t length;
    const char *at = lua_tolstring(m->L, 3, &length);
    const char *const template_end = at + length;
    clua_match_steps(m, length / CLUA_STEPS_PER_INSTRUCTION);
    for (const char *escape; (escape = memchr(at, '%', (size_t)(template_end - at))) != NULL; at = escape + 2) {
        luaL_addlstring(result, at, (size_t)(escape - at));
        const char kind = escape[1];
        if (kind == '%') {
            luaL_addchar(result, '%');
        } else if (kind == '0') {
            luaL_addlstring(result, begin, (size_t)(end - begin));
        } else if (kind >= '1' && kind <= '9') {
            clua_push_capture(m, kind - '1', begin, end);
            luaL_addvalue(result);
        } else {
            luaL_error(m->L, "invalid use of '%%' in replacement string");
        }
        clua_match_steps(m, (size_t)(end - begin) / CLUA_STEPS_PER_INSTRUCTION + 1);
    }
    luaL_addlstring(result, at, (size_t)(template_end - at));
}

/// Adds what stands for the match; whether that is anything else than the match.
static bool add_replacement(clua_matcher *m, luaL_Buffer *result, const char *begin, const char *end) {
    lua_State *const L = m->L;
    switch (lua_type(L, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(L, 3);
        lua_call(L, clua_push_captures(m, begin, end), 1);
        break;
    case LUA_TTABLE:
        clua_push_capture(m, 0, begin, end);
        lua_gettable(L, 3);
        break;
    default: add_template(m, result, begin, end); return true;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(result, begin, (size_t)(end - begin));
        return false;
    }
    if (!lua_isstring(L, -1)) { luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1)); }
    luaL_addvalue(result);
    return true;
}

int clua_gsub(lua_State *L) {
    clua_text subject, pattern;
    subject.bytes = luaL_checklstring(L, 1, &subject.length);
    pattern.bytes = luaL_checklstring(L, 2, &pattern.length);
    const int type = lua_type(L, 3);
    if (lua_type(L, 4) == LUA_TSTRING) { clua_spend(L, lua_rawlen(L, 4) / CLUA_STEPS_PER_INSTRUCTION); }
    const lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)subject.length + 1);
    luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
                     "string/function/table");
    const bool is_anchored = pattern.length > 0 && *(const char *)pattern.bytes == '^';
    if (is_anchored) { pattern = (clua_text){(const char *)pattern.bytes + 1, pattern.length - 1}; }

    clua_matcher m;
    clua_match_begin(&m, L, subject, pattern);
    luaL_Buffer result;
    luaL_buffinit(L, &result);
    const char *at = m.subject, *last_end = NULL;
    bool is_changed = false;
    lua_Integer count = 0;
    while (count < most) {
        const char *const end = clua_match_at(&m, at);
        if (end != NULL && end != last_end) {
            ++count;
            is_changed = add_replacement(&m, &result, at, end) || is_changed;
            clua_check_length(L, luaL_bufflen(&result));
            at = last_end = end;
        } else if (at < m.subject_end) {
            luaL_addchar(&result, *at++);
        } else {
            break;
        }
        if (is_anchored) { break; }
    }
    if (is_changed) {
        luaL_addlstring(&result, at, (size_t)(m.subject_end - at));
        luaL_pushresult(&result);
    } else {
        lua_pushvalue(L, 1);
    }
    lua_pushinteger(L, count);
    return 2;
}
