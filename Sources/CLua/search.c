// Owns `string.find`, `match` and `gmatch`: where a text is searched from, and what comes of a match. What a pattern
// means is pattern.c's.

#define _GNU_SOURCE  // for memmem, which takes no longer than the two texts are long

#include <string.h>

#include "pattern.h"

static clua_text check_text(lua_State *L, int argument) {
    clua_text text;
    text.bytes = luaL_checklstring(L, argument, &text.length);
    return text;
}

/// The offset at which a search begins: of a position from 1, or from the end where it is negative.
static size_t check_offset(lua_State *L, int argument, size_t length) {
    if (lua_type(L, argument) == LUA_TSTRING) { clua_spend(L, lua_rawlen(L, argument) / CLUA_STEPS_PER_INSTRUCTION); }
    const lua_Integer position = luaL_optinteger(L, argument, 1);
    if (position > 0) { return (size_t)position - 1; }
    return position == 0 || position < -(lua_Integer)length ? 0 : length - (size_t)-position;
}

static bool is_plain(clua_text pattern) {
    const char *const bytes = pattern.bytes;
    for (size_t i = 0; i < pattern.length; ++i) {
        if (bytes[i] != '\0' && strchr("^$*+?.([%-", bytes[i]) != NULL) { return false; }
    }
    return true;
}

static int find_plain(lua_State *L, clua_text subject, clua_text text, size_t offset) {
    const char *const begin = subject.bytes;
    const char *const found = memmem(begin + offset, subject.length - offset, text.bytes, text.length);
    if (found == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - begin + 1);
    lua_pushinteger(L, found - begin + (lua_Integer)text.length);
    return 2;
}

static int search(lua_State *L, bool wants_place) {
    const clua_text subject = check_text(L, 1);
    clua_text pattern = check_text(L, 2);
    const size_t offset = check_offset(L, 3, subject.length);
    if (offset > subject.length) {
        lua_pushnil(L);
        return 1;
    }
    clua_spend(L, pattern.length / CLUA_STEPS_PER_INSTRUCTION);
    if (wants_place && (lua_toboolean(L, 4) || is_plain(pattern))) {
        clua_spend(L, (subject.length - offset) / (CLUA_BYTES_PER_INSTRUCTION / 2));
        return find_plain(L, subject, pattern, offset);
    }
    const bool is_anchored = pattern.length > 0 && *(const char *)pattern.bytes == '^';
    if (is_anchored) { pattern = (clua_text){(const char *)pattern.bytes + 1, pattern.length - 1}; }
    clua_matcher m;
    clua_match_begin(&m, L, subject, pattern);
    for (const char *at = m.subject + offset; at <= m.subject_end; ++at) {
        const char *const end = clua_match_at(&m, at);
        if (end != NULL && wants_place) {
            lua_pushinteger(L, at - m.subject + 1);
            lua_pushinteger(L, end - m.subject);
            return clua_push_captures(&m, NULL, NULL) + 2;
        }
        if (end != NULL) { return clua_push_captures(&m, at, end); }
        if (is_anchored) { break; }
    }
    lua_pushnil(L);
    return 1;
}

int clua_find(lua_State *L) { return search(L, true); }

int clua_match(lua_State *L) { return search(L, false); }

/// A loop over the matches: where the next search begins, and where the last match ended.
typedef struct matches {
    clua_matcher matcher;
    const char *next, *last_end;
} matches;

/// One step of it. Upvalues: the loop's userdata, and the two texts, which must live as long.
static int next_match(lua_State *L) {
    matches *const loop = lua_touserdata(L, lua_upvalueindex(1));
    clua_matcher *const m = &loop->matcher;
    for (const char *at = loop->next; at <= m->subject_end; ++at) {
        const char *const end = clua_match_at(m, at);
        if (end == NULL || end == loop->last_end) { continue; }
        loop->next = loop->last_end = end;
        return clua_push_captures(m, at, end);
    }
    return 0;
}

int clua_gmatch(lua_State *L) {
    const clua_text subject = check_text(L, 1), pattern = check_text(L, 2);
    const size_t offset = check_offset(L, 3, subject.length);
    lua_settop(L, 2);
    matches *const loop = lua_newuserdatauv(L, sizeof *loop, 0);
    clua_match_begin(&loop->matcher, L, subject, pattern);
    loop->next = loop->matcher.subject + (offset > subject.length ? subject.length + 1 : offset);
    loop->last_end = NULL;
    lua_insert(L, 1);
    lua_pushcclosure(L, next_match, 3);
    return 1;
}
