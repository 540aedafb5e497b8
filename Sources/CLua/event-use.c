// Owns what a reducer's function reads of an event, found in its byte code (Lua 5.4). A function that only ever names fields
// (`event.data.status`) never has the event itself in its hands, nor anybody else by it: so it needs no other fields, and the table
// can be used again for the next event. Of any other function nothing is known, and it is given whole events, each a new one.
//
// Only the register of the second parameter is looked at: whatever does more with it than read a field by a constant name counts
// as taking the event away. Byte code of another form than is known here counts as that, too.

#include <string.h>

#include "internal.h"

enum {
    VERSION = 0x54,
    EVENT = 1,              // the register of the second parameter
    GETFIELD = 14,
    RETURN = 70,
    OPCODES = 83,
};

/// What of an instruction's operands is a register.
enum {
    A = 1,
    B = 2,
    C = 4,
    C_OR_K = 8,    // unless it says that it is a constant
    FROM_A = 16,   // some from A on
};

// In the order of Lua's lopcodes.h.
static const uint8_t operands[OPCODES] = {
    A | B, A, A, A, A, A, A, A,                    // MOVE LOADI LOADF LOADK LOADKX LOADFALSE LFALSESKIP LOADTRUE
    FROM_A, A, A, A, A | B | C, A | B, A | B, C_OR_K,  // LOADNIL GETUPVAL SETUPVAL GETTABUP GETTABLE GETI GETFIELD SETTABUP
    A | B | C_OR_K, A | C_OR_K, A | C_OR_K, A,     // SETTABLE SETI SETFIELD NEWTABLE
    FROM_A | B | C_OR_K, A | B,                    // SELF ADDI
    A | B, A | B, A | B, A | B, A | B, A | B, A | B,   // ADDK SUBK MULK MODK POWK DIVK IDIVK
    A | B, A | B, A | B, A | B, A | B,             // BANDK BORK BXORK SHRI SHLI
    A | B | C, A | B | C, A | B | C, A | B | C, A | B | C, A | B | C, A | B | C,  // ADD SUB MUL MOD POW DIV IDIV
    A | B | C, A | B | C, A | B | C, A | B | C, A | B | C,  // BAND BOR BXOR SHL SHR
    A | B, A, A,                                   // MMBIN MMBINI MMBINK
    A | B, A | B, A | B, A | B, FROM_A,            // UNM BNOT NOT LEN CONCAT
    0, A, 0,                                       // CLOSE TBC JMP
    A | B, A | B, A | B, A, A, A, A, A, A,         // EQ LT LE EQK EQI LTI LEI GTI GEI
    A, A | B, FROM_A, FROM_A, FROM_A, 0, A,        // TEST TESTSET CALL TAILCALL RETURN RETURN0 RETURN1
    FROM_A, FROM_A, FROM_A, FROM_A, FROM_A,        // FORLOOP FORPREP TFORPREP TFORCALL TFORLOOP
    FROM_A, A, FROM_A, 0, 0,                       // SETLIST CLOSURE VARARG VARARGPREP EXTRAARG
};

static const char *const field_names[CLUA_FIELDS] = {
    [CLUA_EVENT_ID] = "event_id", [CLUA_EVENT_CATEGORY] = "category", [CLUA_EVENT_TYPE] = "event_type",
    [CLUA_AGGREGATE_ID] = "aggregate_id", [CLUA_DATA] = "data", [CLUA_TIMESTAMP] = "timestamp",
    [CLUA_RECORDED_AT] = "recorded_at", [CLUA_VERSION] = "version", [CLUA_ID] = "id", [CLUA_TAGS] = "tags",
    [CLUA_METADATA] = "metadata",
};

const char *clua_field_name(clua_field field) { return field_names[field]; }

typedef struct reader {
    const uint8_t *at, *end;
    bool is_broken;
} reader;

/// A reader that has come to its end reads zeros, and is broken.
static const uint8_t *take(reader *reader, size_t count) {
    static const uint8_t nothing[8];
    if ((size_t)(reader->end - reader->at) < count) {
        reader->is_broken = true;
        reader->at = reader->end;
        return count <= sizeof nothing ? nothing : NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += count;
    return bytes;
}

static uint8_t take_byte(reader *reader) { return *take(reader, 1); }

/// Seven bits at a time, the upper ones first, the last byte marked.
static size_t take_size(reader *reader) {
    size_t value = 0;
    while (!reader->is_broken) {
        const uint8_t byte = take_byte(reader);
        if (value >> 56 != 0) { reader->is_broken = true; }
        value = value << 7 | (byte & 0x7F);
        if ((byte & 0x80) != 0) { return value; }
    }
    return 0;
}

/// Whether there are so many of something, of which each takes a byte at least.
static size_t take_count(reader *reader) {
    const size_t count = take_size(reader);
    if (count <= (size_t)(reader->end - reader->at)) { return count; }
    reader->is_broken = true;
    return 0;
}

static clua_text take_string(reader *reader) {
    const size_t size = take_size(reader);
    if (size == 0) { return (clua_text){NULL, 0}; }
    return (clua_text){take(reader, size - 1), size - 1};
}

static clua_text take_constant(reader *reader) {
    switch (take_byte(reader)) {
    case LUA_TNIL: case LUA_TBOOLEAN: case LUA_TBOOLEAN | 16: break;
    case LUA_TNUMBER: case LUA_TNUMBER | 16: take(reader, 8); break;
    case LUA_TSTRING: case LUA_TSTRING | 16: return take_string(reader);
    default: reader->is_broken = true;
    }
    return (clua_text){NULL, 0};
}

typedef struct code {
    const uint8_t *instructions, *constants;
    size_t instruction_count, constant_count;
} code;

static void skip_function(reader *reader, bool *captures_event);

/// What follows the constants of a function. `captures_event` is set where the function has the second parameter of the one round it,
/// `is_captured` where one in it has its own.
static void skip_rest(reader *reader, bool *captures_event, bool *is_captured) {
    for (size_t left = take_count(reader); left > 0; --left) {
        const uint8_t is_local = take_byte(reader), index = take_byte(reader);
        take_byte(reader);
        if (is_local != 0 && index == EVENT) { *captures_event = true; }
    }
    for (size_t left = take_count(reader); left > 0 && !reader->is_broken; --left) { skip_function(reader, is_captured); }
    // It is stripped of what debuggers want.
    for (int part = 0; part < 4; ++part) { reader->is_broken = take_size(reader) != 0 || reader->is_broken; }
}

static void skip_function(reader *reader, bool *captures_event) {
    bool unused = false;
    take_string(reader);
    take_size(reader);
    take_size(reader);
    take(reader, 3);
    const size_t count = take_count(reader);
    if (count > (size_t)(reader->end - reader->at) / 4) { reader->is_broken = true; }
    if (reader->is_broken) { return; }
    take(reader, 4 * count);
    for (size_t left = take_count(reader); left > 0 && !reader->is_broken; --left) { take_constant(reader); }
    skip_rest(reader, captures_event, &unused);
}

static bool has_header(reader *reader) {
    static const uint8_t start[] = {0x1B, 'L', 'u', 'a', VERSION, 0, 0x19, 0x93, '\r', '\n', 0x1A, '\n', 4, 8, 8};
    const lua_Integer integer = 0x5678;
    const lua_Number number = 370.5;
    const uint8_t *bytes = take(reader, sizeof start);
    if (reader->is_broken || memcmp(bytes, start, sizeof start) != 0) { return false; }
    if (memcmp(take(reader, sizeof integer), &integer, sizeof integer) != 0) { return false; }
    if (memcmp(take(reader, sizeof number), &number, sizeof number) != 0) { return false; }
    take_byte(reader);
    return !reader->is_broken;
}

static clua_text constant(const code *code, const reader *whole, size_t index) {
    reader reader = {code->constants, whole->end, false};
    clua_text found = {NULL, 0};
    if (index >= code->constant_count) { return found; }
    for (size_t left = index + 1; left > 0; --left) { found = take_constant(&reader); }
    return found;
}

typedef struct instruction {
    unsigned operation, a, b, c;
    bool k;
} instruction;

static instruction instruction_at(const code *code, size_t index) {
    uint32_t word;
    memcpy(&word, code->instructions + 4 * index, sizeof word);
    return (instruction){word & 0x7F, word >> 7 & 0xFF, word >> 16 & 0xFF, word >> 24, (word >> 15 & 1) != 0};
}

static bool touches_event(instruction i) {
    // So many less one.
    if (i.operation == RETURN && i.b > 0) { return i.a <= EVENT && EVENT + 1 < i.a + i.b; }
    const uint8_t registers = operands[i.operation];
    return ((registers & A) != 0 && i.a == EVENT) || ((registers & B) != 0 && i.b == EVENT)
        || ((registers & C) != 0 && i.c == EVENT) || ((registers & C_OR_K) != 0 && !i.k && i.c == EVENT)
        || ((registers & FROM_A) != 0 && i.a <= EVENT);
}

/// Notes that a field of the data is read.
static void note_key(clua_use *use, clua_text key) {
    if (key.bytes == NULL || key.length > CLUA_LONGEST_KEY) {
        use->has_whole_data = true;
        return;
    }
    for (size_t i = 0; i < use->key_count; ++i) {
        if (use->keys[i].length == key.length && memcmp(use->keys[i].bytes, key.bytes, key.length) == 0) { return; }
    }
    if (use->key_count == CLUA_MOST_KEYS) {
        use->has_whole_data = true;
        return;
    }
    clua_key *new = &use->keys[use->key_count++];
    new->length = key.length;
    memcpy(new->bytes, key.bytes, key.length);
}

static void note_field(clua_use *use, clua_text name) {
    for (int field = 0; field < CLUA_FIELDS; ++field) {
        const char *known = field_names[field];
        if (strlen(known) == name.length && memcmp(known, name.bytes, name.length) == 0) { use->fields |= 1u << field; }
    }
}

static bool is_text(clua_text name, const char *text) {
    return name.length == strlen(text) && memcmp(name.bytes, text, name.length) == 0;
}

/// False where the function does more with the event than read fields.
static bool read_code(const code *code, const reader *whole, clua_use *use) {
    for (size_t at = 0; at < code->instruction_count; ++at) {
        const instruction i = instruction_at(code, at);
        if (i.operation >= OPCODES) { return false; }
        if (!touches_event(i)) { continue; }
        if (i.operation != GETFIELD || i.a == EVENT) { return false; }
        const clua_text name = constant(code, whole, i.c);
        if (name.bytes == NULL) { return false; }
        note_field(use, name);
        if (!is_text(name, field_names[CLUA_DATA])) { continue; }
        // The data are not taken away where the next instruction reads a field of them into their place.
        const bool has_next = at + 1 < code->instruction_count;
        const instruction next = has_next ? instruction_at(code, at + 1) : (instruction){0};
        if (has_next && next.operation == GETFIELD && next.a == i.a && next.b == i.a) {
            note_key(use, constant(code, whole, next.c));
        } else {
            use->has_whole_data = true;
        }
    }
    return true;
}

static bool find_use(reader *reader, clua_use *use) {
    if (!has_header(reader)) { return false; }
    take_string(reader);
    take_size(reader);
    take_size(reader);
    const uint8_t parameters = take_byte(reader), is_variadic = take_byte(reader);
    take_byte(reader);
    code code = {0};
    code.instruction_count = take_count(reader);
    if (code.instruction_count > (size_t)(reader->end - reader->at) / 4) { return false; }
    code.instructions = take(reader, 4 * code.instruction_count);
    code.constant_count = take_count(reader);
    code.constants = reader->at;
    for (size_t left = code.constant_count; left > 0 && !reader->is_broken; --left) { take_constant(reader); }
    bool unused = false, is_captured = false;
    skip_rest(reader, &unused, &is_captured);
    if (reader->is_broken || reader->at != reader->end || is_variadic != 0 || is_captured) { return false; }
    // With fewer there is no way to it.
    return parameters <= EVENT || read_code(&code, reader, use);
}

static int keep(lua_State *L, const void *bytes, size_t count, void *target) {
    clua_buffer *buffer = target;
    if (!clua_reserve(buffer, buffer->length + count, clua_of(L)->memory_limit)) { return 1; }
    memcpy(buffer->bytes + buffer->length, bytes, count);
    buffer->length += count;
    return 0;
}

/// Finds out what the function on top reads of an event, and takes it off.
void clua_find_use(lua_State *L) {
    clua *lua = clua_of(L);
    clua_buffer *buffer = &lua->output;
    buffer->length = 0;
    lua->use = (clua_use){0};
    const bool is_kept = !lua_iscfunction(L, -1) && lua_dump(L, keep, buffer, 1) == 0;
    reader reader = {(const uint8_t *)buffer->bytes, (const uint8_t *)buffer->bytes + (is_kept ? buffer->length : 0), false};
    clua_use use = {0};
    if (is_kept && find_use(&reader, &use)) {
        use.is_known = true;
        lua->use = use;
    }
    buffer->length = 0;
    lua_pop(L, 1);
}

bool clua_reads(const clua *lua, clua_field field) {
    return !lua->use.is_known || (lua->use.fields >> field & 1) != 0;
}
