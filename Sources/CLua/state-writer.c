// Owns the fast way from a state to its text, which is that of json-writer.c: each table is walked once, in Lua's own order, and
// the texts of its members are put in order afterwards; not where it is only to be found out whether there is a text. Where there is none, it does not say why, for what it comes upon first is chance: json-writer.c does.

#include <stdlib.h>
#include <string.h>

#include "json-text.h"
#include "state-members.h"

typedef struct writer {
    lua_State *L;
    clua_json_text text;
    clua_scratch *scratch;
    bool is_sorted;
} writer;

static bool write_value(writer *w, int depth);

// Tables that were seen

static size_t slot_of(const clua_scratch *scratch, const void *table) {
    return (size_t)((uint64_t)(uintptr_t)table * 0x9E3779B97F4A7C15 >> 20) & (scratch->seen_capacity - 1);
}

static void add_seen(clua_scratch *scratch, const void *table) {
    size_t slot = slot_of(scratch, table);
    while (scratch->seen[slot] != NULL) { slot = (slot + 1) & (scratch->seen_capacity - 1); }
    scratch->seen[slot] = table;
}

static bool grow_seen(clua_scratch *scratch) {
    const void **const old = scratch->seen;
    const size_t old_capacity = scratch->seen_capacity, capacity = old_capacity == 0 ? 64 : 2 * old_capacity;
    const void **const grown = calloc(capacity, sizeof *grown);
    if (grown == NULL) { return false; }
    scratch->seen = grown;
    scratch->seen_capacity = capacity;
    for (size_t i = 0; i < old_capacity; ++i) {
        if (old[i] != NULL) { add_seen(scratch, old[i]); }
    }
    free(old);
    return true;
}

/// Notes the table on top; false where it was noted before.
static bool see(writer *w) {
    clua_scratch *const scratch = w->scratch;
    if (2 * scratch->seen_count >= scratch->seen_capacity && !grow_seen(scratch)) { return false; }
    const void *const table = lua_topointer(w->L, -1);
    size_t slot = slot_of(scratch, table);
    for (; scratch->seen[slot] != NULL; slot = (slot + 1) & (scratch->seen_capacity - 1)) {
        if (scratch->seen[slot] == table) { return false; }
    }
    scratch->seen[slot] = table;
    ++scratch->seen_count;
    return true;
}

// Values

/// The table on top, which is a list if it has only the positions from 1 to n.
static bool write_list(writer *w, int depth) {
    lua_State *L = w->L;
    const int table = lua_gettop(L);
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, table) != 0; ++count) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1)) { return false; }
    }
    clua_json_work(&w->text, CLUA_STEPS_PER_INSTRUCTION * count);
    clua_json_append(&w->text, "[", 1);
    for (size_t i = 1; i <= count; ++i) {
        if (i > 1) { clua_json_append(&w->text, ",", 1); }
        if (lua_rawgeti(L, table, (lua_Integer)i) == LUA_TNIL || !write_value(w, depth)) { return false; }
        lua_pop(L, 1);
    }
    clua_json_append(&w->text, "]", 1);
    return true;
}

static bool reserve_members(clua_buffer *buffer, size_t count) {
    return clua_reserve(buffer, count * sizeof(clua_member), SIZE_MAX / 4);
}

/// Puts the members, which lie from `first` on in the scratch and from `begin` on in the text, each with a comma, in order.
static bool put_in_order(writer *w, size_t first, size_t begin) {
    clua_scratch *const scratch = w->scratch;
    clua_buffer *const output = w->text.output;
    const size_t count = scratch->member_count - first, length = output->length - begin;
    if (!reserve_members(&scratch->sorting, count) || !clua_reserve(&scratch->text, length, SIZE_MAX / 4)) { return false; }
    clua_member *const members = (clua_member *)scratch->members.bytes + first;
    clua_json_work(&w->text, 8 * count);
    clua_sort_members(members, (clua_member *)scratch->sorting.bytes, count);
    memcpy(scratch->text.bytes, output->bytes + begin, length);
    char *at = output->bytes + begin;
    for (size_t i = 0; i < count; ++i) {
        memcpy(at, scratch->text.bytes + (members[i].begin - begin), members[i].length);
        at += members[i].length;
    }
    return true;
}

/// The table on top, whose first key is a text.
static bool write_object(writer *w, int depth) {
    lua_State *L = w->L;
    clua_scratch *const scratch = w->scratch;
    const int table = lua_gettop(L);
    const size_t first = scratch->member_count;
    clua_json_append(&w->text, "{", 1);
    const size_t begin = w->text.output->length;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) { return false; }
        clua_member member = {.begin = w->text.output->length};
        member.key = lua_tolstring(L, -2, &member.key_length);
        if (!clua_json_string(&w->text, member.key, member.key_length)) { return false; }
        clua_json_append(&w->text, ":", 1);
        if (!write_value(w, depth)) { return false; }
        clua_json_append(&w->text, ",", 1);
        if (!w->is_sorted) { continue; }
        member.length = w->text.output->length - member.begin;
        if (!reserve_members(&scratch->members, scratch->member_count + 1)) { return false; }
        ((clua_member *)scratch->members.bytes)[scratch->member_count++] = member;
    }
    if (w->is_sorted && !put_in_order(w, first, begin)) { return false; }
    scratch->member_count = first;
    --w->text.output->length;  // of the last comma
    clua_json_append(&w->text, "}", 1);
    return true;
}

static bool write_table(writer *w, int depth) {
    lua_State *L = w->L;
    luaL_checkstack(L, 8, "nested too deep");
    if (depth == CSJ_MAXIMUM_DEPTH || !see(w)) { return false; }
    const bool marked = clua_is_marked_array(L, -1);
    lua_pushnil(L);
    if (lua_next(L, -2) == 0) {
        clua_json_append(&w->text, marked ? "[]" : "{}", 2);
        return true;
    }
    lua_pop(L, 1);
    const bool has_names = lua_type(L, -1) == LUA_TSTRING;
    lua_pop(L, 1);
    if (!has_names) { return write_list(w, depth + 1); }
    return !marked && write_object(w, depth + 1);
}

/// Writes the value on top, inside `depth` others; false where it has no text. Recursion is as deep as the value, which is
/// bounded here.
static bool write_value(writer *w, int depth) {
    lua_State *L = w->L;
    clua_json_work(&w->text, 8);
    switch (lua_type(L, -1)) {
    case LUA_TTABLE: return write_table(w, depth);
    case LUA_TSTRING: {
        size_t length;
        const char *bytes = lua_tolstring(L, -1, &length);
        return clua_json_string(&w->text, bytes, length);
    }
    case LUA_TNUMBER: return clua_json_number(&w->text);
    case LUA_TBOOLEAN:
        clua_json_append(&w->text, lua_toboolean(L, -1) ? "true" : "false", lua_toboolean(L, -1) ? 4 : 5);
        return true;
    case LUA_TLIGHTUSERDATA: clua_json_append(&w->text, "null", 4); return true;
    default: return false;
    }
}

/// Writes the value on top of the stack into the machine's output, in place of what was there: as clua_write_json does, or as long
/// and not in order. False where there is no text.
bool clua_write_state(lua_State *L, size_t limit, bool is_sorted) {
    clua *lua = clua_of(L);
    clua_free_scratch(lua);
    lua->output.length = 0;
    writer w = {L, {L, &lua->output, limit, 0}, &lua->scratch, is_sorted};
    const int value = lua_gettop(L);
    const bool is_written = write_value(&w, 0);
    lua_settop(L, value);
    clua_free_scratch(lua);
    return is_written;
}

void clua_free_scratch(clua *lua) {
    clua_scratch *const scratch = &lua->scratch;
    free(scratch->seen);
    free(scratch->members.bytes);
    free(scratch->sorting.bytes);
    free(scratch->text.bytes);
    *scratch = (clua_scratch){0};
}
