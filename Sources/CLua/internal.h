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

/// Copying and reading is work that no instruction shows (`s .. s`, `string.find`): so many bytes count as one.
enum { CLUA_BYTES_PER_INSTRUCTION = 64 };

typedef enum clua_limit { CLUA_NO_LIMIT = 0, CLUA_INSTRUCTIONS, CLUA_MEMORY } clua_limit;

struct clua {
    lua_State *state;
    size_t memory_used, memory_limit;
    int64_t instructions_per_call, instructions_left;
    clua_limit exceeded;  // in this call: no pcall may swallow that
    bool sealed;          // the source has run: globals are read-only from now on
    clua_status failure;  // what an error raised now would mean
    csj_parser *parser;   // for event data and json.decode, which never overlap
    clua_buffer output;
    char name[64];
    char message[1024];  // fixed, for reporting an error must not need memory
};

static inline clua *clua_of(lua_State *L) { return *(clua **)lua_getextraspace(L); }

// limits.c
void *clua_allocate(void *lua, void *block, size_t old_size, size_t new_size);
void clua_start_budget(clua *lua);
void clua_spend(lua_State *L, size_t instructions);
bool clua_is_limit(lua_State *L, int status);

// machine.c
clua_status clua_protect(clua *lua, clua_status failure, lua_CFunction body, void *argument);

// sandbox.c
void clua_build_sandbox(lua_State *L);

// definition.c
int clua_push_initial(lua_State *L);  // nil when the reducer has none
int clua_push_reduce(lua_State *L);

// order.c
size_t clua_push_sorted_keys(lua_State *L, int table);
void clua_push_sorted_key(lua_State *L, int keys, size_t position);
int clua_pairs(lua_State *L);
int clua_next(lua_State *L);

// work.c
int clua_run_original(lua_State *L);
int clua_charge_repeat(lua_State *L);
int clua_charge_text(lua_State *L);
int clua_charge_concat(lua_State *L);
int clua_charge_range(lua_State *L);
int clua_charge_insert(lua_State *L);
int clua_charge_remove(lua_State *L);

// sort.c
int clua_table_sort(lua_State *L);

// text.c
int clua_tostring(lua_State *L);
int clua_format(lua_State *L);

// json-library.c
void clua_push_json_library(lua_State *L);
void clua_push_null(lua_State *L);
void clua_mark_array(lua_State *L, int index);
bool clua_is_marked_array(lua_State *L, int index);

// json-reader.c
void clua_push_json(lua_State *L, clua_text json, const char *what);
void clua_push_parsed(lua_State *L, const csj_parser *parser);

// json-writer.c
void clua_write_json(lua_State *L, const char *root);

#endif
