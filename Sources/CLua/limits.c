// Owns what a call may use up: memory, by the allocator every Lua block comes from; instructions, by Lua's count hook and
// by what C functions charge; time, of the processor and of the clock; and the wish of another thread that it ends. Limits
// protect the daemon; they are never part of a state, so the sandbox's pcall does not catch them.
//
// Two operators walk bytes where nobody can charge them: comparing two long strings, and copying a long `...`. So the hook looks the more often the more bytes one of them could walk, and at each look the
// processor's time is charged where it exceeds what was counted.

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"

enum {
    /// How often the hook looks: rarely enough to cost little, often enough to be exact to a thousandth of the default.
    HOOK_INTERVAL = 1000,
    /// From this size on it matters how long a string is that one instruction can walk: 2^14 bytes.
    LARGE_EXPONENT = 14,
    LARGE = 1 << LARGE_EXPONENT,
    /// So many bytes may be walked between two looks: 2^24.
    WALK_EXPONENT = 24,
    /// A walk over a table takes no time to speak of where all tables are smaller than this.
    WORTH_A_LOOK = 256 << 10,
    /// A collection of all garbage looks at so many bytes in the time of an instruction.
    BYTES_COLLECTED_PER_INSTRUCTION = 256,
    /// An instruction is worth so much time of the processor. Most take a twentieth of it.
    NANOSECONDS_PER_INSTRUCTION = 200,
};

struct clua_stop {
    atomic_bool requested;
    int64_t (*pause)(void *); // may be absent
    void *context;
};

clua_stop *clua_stop_new(void) { return calloc(1, sizeof(clua_stop)); }

void clua_stop_free(clua_stop *stop) { free(stop); }

void clua_stop_request(clua_stop *stop) { atomic_store_explicit(&stop->requested, true, memory_order_relaxed); }

bool clua_stop_is_requested(const clua_stop *stop) {
    return atomic_load_explicit(&stop->requested, memory_order_relaxed);
}

void clua_stop_pausing(clua_stop *stop, int64_t (*pause)(void *), void *context) {
    stop->pause = pause;
    stop->context = context;
}

void clua_obey(clua *lua, const clua_stop *stop) { lua->stop = stop; }

// Memory

/// A large block has one byte more, behind its end, for whether one instruction can walk all of it.
static char *mark_of(void *block, size_t size) { return (char *)block + size; }

static size_t padded(size_t size) { return size < LARGE ? clua_room(size) : size + 1; }

static int exponent_of(size_t size) { return 63 - __builtin_clzll(size); }

static void count_walkable(clua *lua, size_t size, int change) {
    const int exponent = exponent_of(size);
    lua->walkable[exponent] += (uint32_t)change;
    const uint64_t bit = (uint64_t)1 << exponent;
    lua->walkable_sizes = lua->walkable[exponent] > 0 ? lua->walkable_sizes | bit : lua->walkable_sizes & ~bit;
}

/// The hook's interval by the largest block that one instruction can walk.
static int fitting_interval(const clua *lua) {
    if (lua->walkable_sizes == 0) { return HOOK_INTERVAL; }
    const int exponent = exponent_of(lua->walkable_sizes) + 1;
    const int interval = exponent >= WALK_EXPONENT ? 1 : 1 << (WALK_EXPONENT - exponent);
    return interval < HOOK_INTERVAL ? interval : HOOK_INTERVAL;
}

static void on_count(lua_State *L, lua_Debug *activation);

static void set_interval(clua *lua, int interval) {
    lua->interval = interval;
    lua_sethook(lua->state, on_count, LUA_MASKCOUNT, interval);
}

/// Keeps account of a block that one instruction can walk, and has the hook look as often as its size demands: never less
/// often during a call, and more often only a few times, for whoever sets the hook restarts its count.
static void account_walkable(clua *lua, void *block, size_t old_size, size_t new_size) {
    if (old_size >= LARGE) { count_walkable(lua, old_size, -1); }
    if (new_size < LARGE) { return; }
    count_walkable(lua, new_size, 1);
    *mark_of(block, new_size) = true;
    if (fitting_interval(lua) < lua->interval) { set_interval(lua, fitting_interval(lua)); }
}

/// Lua collects all garbage before it asks a second time for memory that was refused. A state that is nearly full could
/// have it do so at each instruction.
static void charge_collection(clua *lua) {
    lua->instructions_left -= (int64_t)(lua->memory_used / BYTES_COLLECTED_PER_INSTRUCTION);
    if (lua->state != NULL && lua->interval > 1) { set_interval(lua, 1); }
}

/// Whether there is memory for so much more. What is new has been copied or will be filled, so it is charged as work too.
static inline bool take(clua *lua, size_t growth) {
    if (growth > lua->memory_limit - lua->memory_used) {
        charge_collection(lua);
        return false;
    }
    lua->instructions_left -= (int64_t)(growth / CLUA_BYTES_PER_INSTRUCTION);
    return true;
}

/// The allocator for blocks that are large, or were, and for the stack.
static void *allocate_large(clua *lua, void *block, size_t old_size, size_t new_size, bool walkable) {
    if (new_size == 0) {
        if (walkable) { account_walkable(lua, NULL, old_size, 0); }
        free(block);
        lua->memory_used -= old_size;
        return NULL;
    }
    if (new_size > old_size && !take(lua, new_size - old_size)) { return NULL; }
    void *moved = clua_resize_block(lua, block, old_size, padded(new_size));
    if (moved == NULL) { return NULL; }
    lua->memory_used += new_size - old_size;
    if (block != NULL && block == lua->stack) { lua->stack = moved; }
    if (new_size >= LARGE) { *mark_of(moved, new_size) = false; }
    if (walkable) { account_walkable(lua, moved, old_size, new_size); }
    return moved;
}

/// Lua's allocator.
void *clua_allocate(void *context, void *block, size_t old_size, size_t new_size) {
    clua *lua = context;
    if (block == NULL) {  // Lua passes the kind of object as the old size
        if (new_size >= LARGE) {
            const bool is_string = old_size == LUA_TSTRING;
            lua->refuses_string = is_string && new_size > clua_longest_string(lua);
            return lua->refuses_string ? NULL : allocate_large(lua, NULL, 0, new_size, is_string);
        }
        if (new_size == 0 || !take(lua, new_size)) { return NULL; }
        void *new = clua_take_block(lua, new_size);
        if (new != NULL) { lua->memory_used += new_size; }
        return new;
    }
    if (lua->finds_stack) {
        lua->stack = block;
        lua->finds_stack = false;
    }
    if (block == lua->stack) { return allocate_large(lua, block, old_size, new_size, true); }
    if (old_size >= LARGE || new_size >= LARGE) {
        const bool walkable = old_size >= LARGE && *mark_of(block, old_size) != 0;
        return allocate_large(lua, block, old_size, new_size, walkable);
    }
    if (new_size == 0) {
        clua_give_block(lua, block, old_size);
        lua->memory_used -= old_size;
        return NULL;
    }
    if (new_size > old_size && !take(lua, new_size - old_size)) { return NULL; }
    void *moved = clua_room(new_size) == clua_room(old_size) ? block : clua_resize_block(lua, block, old_size, clua_room(new_size));
    if (moved != NULL) { lua->memory_used += new_size - old_size; }
    return moved;
}

/// Learns which block is Lua's stack: the one that grows for this.
void clua_find_stack(clua *lua) {
    lua->finds_stack = true;
    lua_checkstack(lua->state, 200);
}

size_t clua_longest_string(const clua *lua) { return lua->memory_limit / CLUA_MEMORY_PER_STRING; }

void clua_check_length(lua_State *L, size_t length) {
    if (length > clua_longest_string(clua_of(L))) { clua_stop_at(L, CLUA_MEMORY, 1); }
}

// Stopping

/// Ends the call. Where it was and why is written down here, for an error must not need memory.
int clua_stop_at(lua_State *L, clua_limit limit, int level) {
    clua *lua = clua_of(L);
    lua->exceeded = limit;
    lua_Debug at;
    at.currentline = -1;
    while (at.currentline < 0 && lua_getstack(L, level, &at) && lua_getinfo(L, "Sl", &at)) { ++level; }
    if (at.currentline > 0) {
        snprintf(lua->message, sizeof lua->message, "%s:%d: ", at.short_src, at.currentline);
    } else {
        snprintf(lua->message, sizeof lua->message, "%s: ", lua->name);
    }
    const size_t length = strlen(lua->message);
    char *reason = lua->message + length;
    const size_t room = sizeof lua->message - length;
    switch (limit) {
    case CLUA_INSTRUCTIONS:
        snprintf(reason, room, "stopped after %lld instructions", (long long)lua->instructions_per_call);
        break;
    case CLUA_CLOCK: snprintf(reason, room, "stopped after %lld milliseconds", (long long)lua->milliseconds); break;
    case CLUA_REQUEST: snprintf(reason, room, "stopped on request"); break;
    default: snprintf(reason, room, "a string of more than %zu bytes", clua_longest_string(lua)); break;
    }
    lua_pushnil(L);
    return lua_error(L);
}

/// Whether the error on top of the stack is a limit's, and not the reducer's own. Lua reports a lack of memory by its
/// status, its string buffers by this very message.
bool clua_is_limit(lua_State *L, int status) {
    clua *lua = clua_of(L);
    if (lua->exceeded != CLUA_NO_LIMIT) { return true; }
    const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (status != LUA_ERRMEM && strcmp(message, "not enough memory") != 0) { return false; }
    lua->exceeded = CLUA_MEMORY;
    if (lua->refuses_string) {
        snprintf(lua->message, sizeof lua->message, "%s: a string of more than %zu bytes", lua->name,
                 clua_longest_string(lua));
    } else {
        snprintf(lua->message, sizeof lua->message, "%s: stopped at %zu bytes of memory", lua->name, lua->memory_limit);
    }
    return true;
}

// Time and work

static int64_t nanoseconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/// Charges what the processor worked since the last look and nobody counted.
static void charge_time(clua *lua, bool first) {
    const int64_t worked = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    if (!first) {
        const int64_t counted = lua->left_at_look - lua->instructions_left;
        const int64_t worth = (worked - lua->worked_at_look) / NANOSECONDS_PER_INSTRUCTION;
        if (worth > counted) { lua->instructions_left -= worth - counted; }
    }
    lua->worked_at_look = worked;
    lua->left_at_look = lua->instructions_left;
}

/// Ends the call if another thread wants that, or its time is over. The clock is the one that is cheap to read and moves
/// every few milliseconds; most calls are over before anybody looks, so the time begins at the first look.
static void look(lua_State *L, int level) {
    clua *lua = clua_of(L);
    lua->look_below = lua->instructions_left - HOOK_INTERVAL;
    if (lua->stop != NULL && clua_stop_is_requested(lua->stop)) { clua_stop_at(L, CLUA_REQUEST, level); }
    const int64_t now = nanoseconds(CLOCK_MONOTONIC_COARSE);
    if (lua->stop != NULL && lua->stop->pause != NULL && now != lua->paused_at) {
        lua->paused_at = now;
        const int64_t paused = lua->stop->pause(lua->stop->context);
        if (paused < 0 || clua_stop_is_requested(lua->stop)) { clua_stop_at(L, CLUA_REQUEST, level); }
        // That was not the reducer's time.
        if (lua->looked_at != 0) { lua->deadline += paused; }
    }
    if (!lua->limited || now == lua->looked_at) { return; }
    const bool first = lua->looked_at == 0;
    if (first) { lua->deadline = now + lua->milliseconds * 1000000; }
    lua->looked_at = now;
    if (now > lua->deadline) { clua_stop_at(L, CLUA_CLOCK, level); }
    charge_time(lua, first);
    if (lua->instructions_left < 0) { clua_stop_at(L, CLUA_INSTRUCTIONS, level); }
}

static void on_count(lua_State *L, lua_Debug *activation) {
    (void)activation;
    clua *lua = clua_of(L);
    lua->instructions_left -= lua->interval;
    if (lua->instructions_left < 0) { clua_stop_at(L, CLUA_INSTRUCTIONS, 0); }
    look(L, 0);
}

/// Gives the coming call its full budget. The hook is set anew so that its count starts at zero for every call:
/// otherwise an event's budget would depend on the events before it.
void clua_start_budget(clua *lua) {
    lua->exceeded = CLUA_NO_LIMIT;
    lua->limited = true;
    lua->instructions_left = lua->instructions_per_call;
    lua->look_below = lua->instructions_left - HOOK_INTERVAL;
    lua->looked_at = 0;
    set_interval(lua, fitting_interval(lua));
}

/// The same for the next event of a call.
void clua_start_next(lua_State *L) {
    clua *lua = clua_of(L);
    if (lua->stop != NULL && clua_stop_is_requested(lua->stop)) { clua_stop_at(L, CLUA_REQUEST, 1); }
    clua_start_budget(lua);
}

/// Instructions that the call, or the event of it, has taken, as far as they have been counted.
int64_t clua_spent(const clua *lua) { return lua->instructions_per_call - lua->instructions_left; }

/// What follows in this call is our work, not the reducer's. It can be stopped on request.
void clua_lift_budget(clua *lua) {
    lua->limited = false;
    lua->instructions_left = INT64_MAX;
    lua->look_below = INT64_MAX - HOOK_INTERVAL;
}

/// Charges work that a C function is about to do for the reducer.
void clua_spend(lua_State *L, size_t instructions) {
    clua *lua = clua_of(L);
    if (lua->instructions_left < 0 || instructions > (uint64_t)lua->instructions_left) {
        clua_stop_at(L, CLUA_INSTRUCTIONS, 1);
    }
    lua->instructions_left -= (int64_t)instructions;
    if (lua->instructions_left < lua->look_below) { look(L, 1); }
}

/// Charges a walk over a table with so many entries. How many places are empty nobody tells: for that there is the look,
/// which only a large memory makes worth its time.
void clua_spend_walk(lua_State *L, size_t entries) {
    clua_spend(L, entries);
    if (clua_of(L)->memory_used >= WORTH_A_LOOK) { look(L, 1); }
}
