// CLua: one sandboxed Lua state that runs one reducer. Owns the border to Lua: whatever can raise a Lua error runs
// inside a protected call behind these functions, because a Lua error is a longjmp and must never cross a Swift frame.
// Knows nothing of logs, snapshots or which events a reducer should be given.
#ifndef CLUA_H
#define CLUA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// One Lua state, for one thread at a time; it may move between threads.
typedef struct clua clua;

typedef enum clua_status {
    CLUA_OK = 0,
    CLUA_SYNTAX,   // the source does not compile
    CLUA_INVALID,  // the source runs, but does not return a reducer
    CLUA_FAULT,    // the reducer raised an error
    CLUA_BUDGET,   // it ran past its instructions, its time or its memory
    CLUA_STOPPED,  // another thread asked for that
    CLUA_STATE,    // the state is not what JSON can hold
} clua_status;

typedef struct clua_text {
    const void *bytes;  // NULL: absent
    size_t length;
} clua_text;

typedef struct clua_event {
    int64_t event_id;
    clua_text category, event_type, aggregate_id;
    clua_text data;
    double timestamp, recorded_at;  // seconds since the Unix epoch
    uint32_t version;
    clua_text id;        // may be absent
    clua_text metadata;  // may be absent
    const clua_text *tags;
    size_t tag_count;
} clua_event;

/// The fields of an event as a reducer sees it.
typedef enum clua_field {
    CLUA_EVENT_ID = 0,
    CLUA_EVENT_CATEGORY,
    CLUA_EVENT_TYPE,
    CLUA_AGGREGATE_ID,
    CLUA_DATA,
    CLUA_TIMESTAMP,
    CLUA_RECORDED_AT,
    CLUA_VERSION,
    CLUA_ID,
    CLUA_TAGS,
    CLUA_METADATA,
    CLUA_FIELDS,  // how many
} clua_field;

typedef enum clua_kind {
    CLUA_CATEGORY = 0,
    CLUA_TYPE,
    CLUA_AGGREGATE,
    CLUA_TAG,
} clua_kind;

/// A flag by which any thread can end the calls of the states that obey it.
typedef struct clua_stop clua_stop;

clua_stop *clua_stop_new(void);  // NULL without memory
void clua_stop_free(clua_stop *stop);
/// Has `pause` called every few milliseconds by the thread that runs a call; it may let others go first, and returns the nanoseconds
/// that it did, which count as nobody's; below zero is a request. Before anything obeys it.
void clua_stop_pausing(clua_stop *stop, int64_t (*pause)(void *), void *context);
void clua_stop_request(clua_stop *stop);
bool clua_stop_is_requested(const clua_stop *stop);

/// NULL when `memory_bytes` does not even hold the sandbox. `name` is what errors call the source.
clua *clua_new(const char *name, size_t memory_bytes, int64_t instructions_per_call, int64_t milliseconds_per_call);
void clua_free(clua *lua);

/// Has the calls from now on end once `stop` is requested; by nobody, for NULL. It must outlive them.
void clua_obey(clua *lua, const clua_stop *stop);

/// Compiles and runs the source, text only, and takes the reducer it returns. Once, before everything below.
clua_status clua_load(clua *lua, clua_text source);

/// The strings of the reducer's `events`, in the order written.
size_t clua_selection_count(clua *lua, clua_kind kind);
clua_text clua_selection_item(clua *lua, clua_kind kind, size_t index);

/// Whether the reducer may read a field of an event: where it does not, an event need not have it.
bool clua_reads(const clua *lua, clua_field field);

/// Makes the state what `initial` returns.
clua_status clua_start(clua *lua);

/// Makes the state what the JSON says.
clua_status clua_restore(clua *lua, clua_text json);

/// Makes the state what `reduce` returns, for one event after the other; each has the whole of its budget. `done` is how many that
/// were: at least one, and not all where that takes long, so that others get their turn. After a failure the state is undefined: free the whole.
clua_status clua_reduce(clua *lua, const clua_event *events, size_t count, size_t *done);

/// The state as JSON, valid until the next call.
clua_status clua_encode(clua *lua, clua_text *json);

/// Whether the state has JSON. Takes less than to write it.
clua_status clua_check(clua *lua);

/// What the Lua state holds now, in bytes.
size_t clua_memory_bytes(const clua *lua);

/// What all states have of memory that malloc does not know of, in bytes. From any thread.
size_t clua_slab_bytes(void);

/// Why the last call failed: UTF-8, most of the time, and never empty after a failure.
clua_text clua_message(const clua *lua);

#endif
