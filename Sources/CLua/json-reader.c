// Owns the way from JSON to Lua values, straight from simdjson's tape. Whether a text is JSON is CSimdjson's to say.

#include <string.h>

#include "internal.h"

/// A document's tape and strings take about this many bytes for each byte of it, and Lua's allocator does not see them.
enum { PARSER_BYTES_PER_BYTE = 16 };

typedef struct tape {
    lua_State *L;
    const uint64_t *words;
    const uint8_t *strings;
    unsigned values;  // pushed so far
} tape;

static char tag_of(uint64_t word) { return (char)(word >> 56); }

/// How many elements a container's word promises; the tape counts no further than 24 bits.
static int count_of(uint64_t word) { return (int)(word >> 32 & 0xFFFFFF); }

static void push_string(tape *tape, uint64_t word) {
    const uint8_t *string = tape->strings + (word & 0x00FFFFFFFFFFFFFF);
    uint32_t length;
    memcpy(&length, string, sizeof length);
    lua_pushlstring(tape->L, (const char *)string + sizeof length, length);
}

/// Pushes the value at word `at` and returns where the next one is. Recursion is as deep as the JSON, which is bounded.
static size_t push_value(tape *tape, size_t at) {
    lua_State *L = tape->L;
    const uint64_t word = tape->words[at];
    if (++tape->values % 1024 == 0) { clua_spend(L, 256); }
    switch (tag_of(word)) {
    case '{':
        luaL_checkstack(L, 4, "nested too deep");
        lua_createtable(L, 0, count_of(word));
        for (++at; tag_of(tape->words[at]) != '}';) {
            push_string(tape, tape->words[at]);
            at = push_value(tape, at + 1);
            lua_rawset(L, -3);
        }
        return at + 1;
    case '[':
        luaL_checkstack(L, 4, "nested too deep");
        lua_createtable(L, count_of(word), 0);
        clua_mark_array(L, -1);
        ++at;
        for (lua_Integer index = 1; tag_of(tape->words[at]) != ']'; ++index) {
            at = push_value(tape, at);
            lua_rawseti(L, -2, index);
        }
        return at + 1;
    case '"': push_string(tape, word); return at + 1;
    case 'l': lua_pushinteger(L, (lua_Integer)tape->words[at + 1]); return at + 2;
    case 'u': lua_pushnumber(L, (lua_Number)tape->words[at + 1]); return at + 2;
    case 'd': {
        lua_Number number;
        memcpy(&number, &tape->words[at + 1], sizeof number);
        lua_pushnumber(L, number);
        return at + 2;
    }
    case 't': lua_pushboolean(L, true); return at + 1;
    case 'f': lua_pushboolean(L, false); return at + 1;
    default: clua_push_null(L); return at + 1;
    }
}

/// Where the value behind the one at word `at` is.
static size_t after_value(const tape *tape, size_t at) {
    const uint64_t word = tape->words[at];
    switch (tag_of(word)) {
    case '{': case '[': return (size_t)(word & 0xFFFFFFFF);
    case 'l': case 'u': case 'd': return at + 2;
    default: return at + 1;
    }
}

/// Pushes the value that the parser has read.
void clua_push_parsed(lua_State *L, const csj_parser *parser) {
    tape tape = {L, csj_tape(parser), csj_strings(parser), 0};
    push_value(&tape, 1);
}

static const csj_parser *parsed(lua_State *L, clua_text json, const char *what) {
    clua *lua = clua_of(L);
    if (json.length > lua->memory_limit / PARSER_BYTES_PER_BYTE) {
        luaL_error(L, "%s: %I bytes of JSON are too many", what, (LUAI_UACINT)json.length);
    }
    const csj_status status = csj_parse(lua->parser, json.bytes, json.length);
    if (status != CSJ_OK) { luaL_error(L, "%s: %s", what, csj_message(status)); }
    return lua->parser;
}

/// Reads the text and pushes its value. `what` names the text in an error.
void clua_push_json(lua_State *L, clua_text json, const char *what) { clua_push_parsed(L, parsed(L, json, what)); }

static bool is_read(const clua_use *use, const char *key, uint32_t length) {
    for (size_t i = 0; i < use->key_count; ++i) {
        if (use->keys[i].length == length && memcmp(use->keys[i].bytes, key, length) == 0) { return true; }
    }
    return false;
}

/// Reads the text of an object, and sets those of its fields in the table on top that are read; of several of one name the last.
void clua_pick_json(lua_State *L, clua_text json, const clua_use *use, const char *what) {
    const csj_parser *parser = parsed(L, json, what);
    tape tape = {L, csj_tape(parser), csj_strings(parser), 0};
    if (!csj_root_is_object(parser)) { luaL_error(L, "%s: not an object", what); }
    for (size_t at = 2; tag_of(tape.words[at]) != '}';) {
        const char *key = (const char *)tape.strings + (tape.words[at] & 0x00FFFFFFFFFFFFFF);
        uint32_t length;
        memcpy(&length, key, sizeof length);
        if (++tape.values % 1024 == 0) { clua_spend(L, 256); }
        if (is_read(use, key + sizeof length, length)) {
            push_string(&tape, tape.words[at]);
            at = push_value(&tape, at + 1);
            lua_rawset(L, -3);
        } else {
            at = after_value(&tape, at + 1);
        }
    }
}
