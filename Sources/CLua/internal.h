// What CLua's files share and nobody else sees: the state behind the opaque pointer, and what each file offers.
#ifndef CLUA_INTERNAL_H
#define CLUA_INTERNAL_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>

#include "CLua.h"
#include "CSimdjson.h"
#include "number.h"

typedef struct clua_buffer {
    char *bytes;
    size_t length, capacity;
} clua_buffer;

enum {
    /// Copying is work that no instruction shows (`s .. s`): so many bytes count as one.
    CLUA_BYTES_PER_INSTRUCTION = 64,
    /// And so many, where bytes are looked at one by one.
    CLUA_STEPS_PER_INSTRUCTION = 8,
    /// A string may have one such part of the memory: nothing walks one that is longer.
    CLUA_MEMORY_PER_STRING = 16,
};

/// What writing a state needs beside its text. It is the machine's, so that an error may leave the writing in its midst.
typedef struct clua_scratch {
    const void **seen;  // the tables written so far, by their address
    size_t seen_capacity, seen_count;
    clua_buffer members, sorting;
    size_t member_count;
    clua_buffer text;
} clua_scratch;

enum {
    CLUA_BLOCK_UNIT = 16,
    CLUA_BLOCK_CLASSES = 32,
    CLUA_SMALL_BLOCK = CLUA_BLOCK_UNIT * CLUA_BLOCK_CLASSES,
    CLUA_KEPT_AT_MOST = 256 << 10,
};

/// A block that nobody has, and the next of its size.
typedef struct clua_block {
    struct clua_block *next;
} clua_block;

typedef struct clua_slabs clua_slabs;

enum { CLUA_MOST_KEYS = 16, CLUA_LONGEST_KEY = 40 };

typedef struct clua_key {
    char bytes[CLUA_LONGEST_KEY];
    size_t length;
} clua_key;

/// What a reducer's function reads of an event.
typedef struct clua_use {
    bool is_known;        // or it may read all, and keep it
    uint32_t fields;      // by the numbers of clua_field
    bool has_whole_data;  // or these fields of it alone
    clua_key keys[CLUA_MOST_KEYS];
    size_t key_count;
} clua_use;

typedef enum clua_limit { CLUA_NO_LIMIT = 0, CLUA_INSTRUCTIONS, CLUA_MEMORY, CLUA_CLOCK, CLUA_REQUEST } clua_limit;

struct clua {
    lua_State *state;
    size_t memory_used, memory_limit;
    int64_t instructions_per_call, instructions_left;
    int64_t look_below;             // so few instructions left, and it is time to look at the clock and for a request
    int64_t milliseconds;           // of the clock, for a call
    int64_t looked_at, deadline;    // in nanoseconds; looked_at is 0 before the first look
    int64_t worked_at_look;         // the processor's time then
    int64_t left_at_look;           // and the instructions
    int interval;                   // of the count hook
    bool limited;                   // or only stopped on request
    const clua_stop *stop;          // may be absent
    int64_t paused_at;              // by the coarse clock, when others were asked last whether they go first
    bool finds_stack;               // the next block that grows is Lua's stack
    void *stack;                    // that block
    bool refuses_string;            // the last new block was refused, for it was too long a string
    clua_block *blocks[CLUA_BLOCK_CLASSES];  // given back and kept, by their size
    size_t kept;                             // bytes in them
    clua_slabs *slabs;                       // NULL while it is small
    bool has_no_slabs;                       // the system gave no addresses for them
    uint32_t walkable[64];          // large blocks that one instruction can walk: how many, by the exponent of their size
    uint64_t walkable_sizes;        // the exponents of which there are any, as bits
    clua_limit exceeded;            // in this call: no pcall may swallow that
    bool sealed;          // the source has run: globals are read-only from now on
    clua_status failure;  // what an error raised now would mean
    clua_use use;
    csj_parser *parser;   // for event data and json.decode, which never overlap
    clua_buffer output;
    clua_scratch scratch;
    char name[64];
    char message[1024];  // fixed, for reporting an error must not need memory
};

static inline clua *clua_of(lua_State *L) { return *(clua **)lua_getextraspace(L); }

/// How long the block is that so many bytes are given.
static inline size_t clua_room(size_t size) {
    return (size + CLUA_BLOCK_UNIT - 1) / CLUA_BLOCK_UNIT * CLUA_BLOCK_UNIT;
}

// blocks.c
void *clua_take_block(clua *lua, size_t size);
void clua_give_block(clua *lua, void *block, size_t size);
void *clua_resize_block(clua *lua, void *block, size_t old_size, size_t bytes);
void clua_free_blocks(clua *lua);

// slabs.c
clua_slabs *clua_slabs_new(size_t bytes);
void clua_slabs_free(clua_slabs *slabs);
bool clua_slabs_have(const clua_slabs *slabs, const void *block);
void *clua_slabs_take(clua_slabs *slabs, size_t size);
void clua_slabs_give(clua_slabs *slabs, void *block);

// limits.c
void *clua_allocate(void *lua, void *block, size_t old_size, size_t new_size);
void clua_find_stack(clua *lua);
size_t clua_longest_string(const clua *lua);
void clua_check_length(lua_State *L, size_t length);
void clua_start_budget(clua *lua);
void clua_start_next(lua_State *L);
int64_t clua_spent(const clua *lua);
void clua_lift_budget(clua *lua);
void clua_spend(lua_State *L, size_t instructions);
void clua_spend_walk(lua_State *L, size_t entries);
int clua_stop_at(lua_State *L, clua_limit limit, int level);
bool clua_is_limit(lua_State *L, int status);

// machine.c
clua_status clua_protect(clua *lua, clua_status failure, lua_CFunction body, void *argument);

// sandbox.c
void clua_build_sandbox(lua_State *L);

// definition.c
int clua_push_initial(lua_State *L);  // nil when the reducer has none
int clua_push_reduce(lua_State *L);

// event-use.c
void clua_find_use(lua_State *L);
const char *clua_field_name(clua_field field);

// event.c
void clua_push_used_event(lua_State *L);
void clua_push_event(lua_State *L, const clua_event *event, int used);

// json-text.c
bool clua_reserve(clua_buffer *buffer, size_t needed, size_t limit);

// order.c
size_t clua_push_sorted_keys(lua_State *L, int table);
void clua_push_sorted_key(lua_State *L, int keys, size_t position);
int clua_pairs(lua_State *L);
int clua_next(lua_State *L);

// charge.c
int clua_run_original(lua_State *L);
int clua_charge_arguments(lua_State *L);
int clua_charge_steps(lua_State *L);
int clua_charge_range(lua_State *L);
int clua_charge_pack(lua_State *L);
int clua_ipairs(lua_State *L);
int clua_codes(lua_State *L);

// list.c
int clua_concat(lua_State *L);
int clua_insert(lua_State *L);
int clua_move(lua_State *L);
int clua_remove(lua_State *L);
int clua_unpack(lua_State *L);

// sort.c
int clua_table_sort(lua_State *L);

// text.c
int clua_tostring(lua_State *L);
int clua_format(lua_State *L);
int clua_repeat(lua_State *L);

// search.c
int clua_find(lua_State *L);
int clua_match(lua_State *L);
int clua_gmatch(lua_State *L);

// substitute.c
int clua_gsub(lua_State *L);

// json-library.c
void clua_push_json_library(lua_State *L);
void clua_push_null(lua_State *L);
void clua_mark_array(lua_State *L, int index);
bool clua_is_marked_array(lua_State *L, int index);

// json-reader.c
void clua_push_json(lua_State *L, clua_text json, const char *what);
void clua_pick_json(lua_State *L, clua_text json, const clua_use *use, const char *what);
void clua_push_parsed(lua_State *L, const csj_parser *parser);

// state-writer.c
bool clua_write_state(lua_State *L, size_t limit, bool is_sorted);
void clua_free_scratch(clua *lua);

// json-writer.c
void clua_write_json(lua_State *L, const char *root, size_t limit);

#endif
