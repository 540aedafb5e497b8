// Owns the event that a reducer is given: a new table with all that there is, or, for a function of which it is known what it
// reads (event-use.c), one that is used again and again, with that.

#include "internal.h"

static char event_key, data_key;  // where the registry keeps what is used again

static void push_tags(lua_State *L, const clua_event *event) {
    lua_createtable(L, (int)event->tag_count, 0);
    clua_mark_array(L, -1);
    for (size_t i = 0; i < event->tag_count; ++i) {
        lua_pushlstring(L, event->tags[i].bytes, event->tags[i].length);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_text(lua_State *L, clua_text text) {
    if (text.bytes == NULL) { lua_pushnil(L); } else { lua_pushlstring(L, text.bytes, text.length); }
}

static void push_object(lua_State *L, clua_text json, const char *name) {
    if (json.bytes == NULL) { lua_pushnil(L); } else { clua_push_json(L, json, name); }
}

/// A table that the registry keeps; empty when it is pushed first.
static void push_kept(lua_State *L, void *key, int count) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE) { return; }
    lua_pop(L, 1);
    lua_createtable(L, 0, count);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

/// Those of the data's fields that are read.
static void push_read_data(lua_State *L, clua_text json, const clua_use *use) {
    push_kept(L, &data_key, (int)use->key_count);
    for (size_t i = 0; i < use->key_count; ++i) {
        lua_pushlstring(L, use->keys[i].bytes, use->keys[i].length);
        lua_pushnil(L);
        lua_rawset(L, -3);
    }
    clua_pick_json(L, json, use, clua_field_name(CLUA_DATA));
}

static void push_field(lua_State *L, const clua_event *event, clua_field field) {
    const clua_use *use = &clua_of(L)->use;
    switch (field) {
    case CLUA_EVENT_ID: lua_pushinteger(L, event->event_id); return;
    case CLUA_EVENT_CATEGORY: push_text(L, event->category); return;
    case CLUA_EVENT_TYPE: push_text(L, event->event_type); return;
    case CLUA_AGGREGATE_ID: push_text(L, event->aggregate_id); return;
    case CLUA_DATA:
        if (use->is_known && !use->has_whole_data) { return push_read_data(L, event->data, use); }
        return push_object(L, event->data, clua_field_name(field));
    case CLUA_TIMESTAMP: lua_pushnumber(L, event->timestamp); return;
    case CLUA_RECORDED_AT: lua_pushnumber(L, event->recorded_at); return;
    case CLUA_VERSION: lua_pushinteger(L, event->version); return;
    case CLUA_ID: push_text(L, event->id); return;
    case CLUA_TAGS: push_tags(L, event); return;
    case CLUA_METADATA: push_object(L, event->metadata, clua_field_name(field)); return;
    default: lua_pushnil(L); return;
    }
}

/// Pushes the table that is used again, or nil where each event is to have a new one.
void clua_push_used_event(lua_State *L) {
    if (clua_of(L)->use.is_known) { push_kept(L, &event_key, CLUA_FIELDS); } else { lua_pushnil(L); }
}

/// Has the table that is used again let go of what may be large before the next is made; fields that are picked from the data do
/// so themselves.
static void clear_used(lua_State *L, const clua *lua) {
    static const clua_field large[] = {CLUA_DATA, CLUA_TAGS, CLUA_METADATA};
    for (size_t i = lua->use.has_whole_data ? 0 : 1; i < sizeof large / sizeof *large; ++i) {
        if (!clua_reads(lua, large[i])) { continue; }
        lua_pushnil(L);
        lua_setfield(L, -2, clua_field_name(large[i]));
    }
}

/// `used` is where the table is that is used again.
void clua_push_event(lua_State *L, const clua_event *event, int used) {
    const clua *lua = clua_of(L);
    if (lua->use.is_known) {
        lua_pushvalue(L, used);
        clear_used(L, lua);
    } else {
        // A reducer may keep it, or parts of it, in its state.
        lua_createtable(L, 0, CLUA_FIELDS);
    }
    const uint32_t all = (1u << CLUA_FIELDS) - 1;
    for (uint32_t left = lua->use.is_known ? lua->use.fields : all; left != 0; left &= left - 1) {
        const clua_field field = (clua_field)__builtin_ctz(left);
        push_field(L, event, field);
        lua_setfield(L, -2, clua_field_name(field));
    }
}
