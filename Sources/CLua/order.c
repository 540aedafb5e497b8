// Owns the order of a table's keys. Lua's own order depends on a random seed and on addresses; this one depends on the
// keys alone: integers ascending, other numbers, strings bytewise, booleans, json.null. Tables and functions have no
// order that two runs agree on, so a table that has one as a key can be used but not traversed.

#include <string.h>

#include "internal.h"

typedef enum rank { RANK_INTEGER, RANK_FLOAT, RANK_STRING, RANK_BOOLEAN, RANK_NULL } rank;

typedef struct sort_key {
    rank rank;
    size_t index;  // of the key in the table of keys, which keeps it alive
    union {
        lua_Integer integer;
        lua_Number number;
        struct {
            const char *bytes;
            size_t length;
        } string;
    } value;
} sort_key;

/// What has been compared and is not charged yet, in quarters of an instruction.
typedef struct effort {
    lua_State *L;
    size_t quarters;
} effort;

static void charge(effort *effort) {
    clua_spend(effort->L, effort->quarters / 4);
    effort->quarters %= 4;
}

static int compare(effort *effort, const sort_key *a, const sort_key *b) {
    if (++effort->quarters >= 1024) { charge(effort); }
    if (a->rank != b->rank) { return a->rank < b->rank ? -1 : 1; }
    switch (a->rank) {
    case RANK_INTEGER:
    case RANK_BOOLEAN: return (a->value.integer > b->value.integer) - (a->value.integer < b->value.integer);
    case RANK_FLOAT: return (a->value.number > b->value.number) - (a->value.number < b->value.number);
    case RANK_STRING: {
        const size_t a_length = a->value.string.length, b_length = b->value.string.length;
        const size_t shared = a_length < b_length ? a_length : b_length;
        effort->quarters += shared / (CLUA_BYTES_PER_INSTRUCTION / 4);
        const int order = memcmp(a->value.string.bytes, b->value.string.bytes, shared);
        return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
    }
    case RANK_NULL: return 0;
    }
    return 0;
}

/// Merges the runs [begin, middle) and [middle, end).
static void merge(effort *effort, const sort_key *from, sort_key *into, size_t begin, size_t middle, size_t end) {
    size_t left = begin, right = middle;
    for (size_t out = begin; out < end; ++out) {
        const bool takes_right =
            left == middle || (right < end && compare(effort, &from[right], &from[left]) < 0);
        into[out] = from[takes_right ? right++ : left++];
    }
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/// A merge sort, because the C library's cannot be left in its midst by an error.
static void sort(effort *effort, sort_key *keys, size_t count) {
    sort_key *from = keys, *into = lua_newuserdatauv(effort->L, count * sizeof *keys, 0);
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            merge(effort, from, into, begin, least(begin + width, count), least(begin + 2 * width, count));
        }
        sort_key *const merged = into;
        into = from;
        from = merged;
    }
    if (from != keys) { memcpy(keys, from, count * sizeof *keys); }
    lua_pop(effort->L, 1);
}

static sort_key read_key(lua_State *L, int index) {
    sort_key key = {0};
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            key.rank = RANK_INTEGER;
            key.value.integer = lua_tointeger(L, index);
        } else {
            key.rank = RANK_FLOAT;
            key.value.number = lua_tonumber(L, index);
        }
        return key;
    case LUA_TSTRING:
        key.rank = RANK_STRING;
        key.value.string.bytes = lua_tolstring(L, index, &key.value.string.length);
        return key;
    case LUA_TBOOLEAN:
        key.rank = RANK_BOOLEAN;
        key.value.integer = lua_toboolean(L, index);
        return key;
    case LUA_TLIGHTUSERDATA: key.rank = RANK_NULL; return key;
    default:
        luaL_error(L, "cannot traverse a table that has a %s as a key: it has no order", luaL_typename(L, index));
        return key;
    }
}

/// Pushes a table of the keys, as Lua has them, and a userdata of their order. Returns how many there are.
size_t clua_push_sorted_keys(lua_State *L, int table) {
    table = lua_absindex(L, table);
    luaL_checkstack(L, 5, "nested too deep");
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) { ++count; }
    clua_spend_walk(L, count);

    lua_createtable(L, count < INT32_MAX ? (int)count : 0, 0);
    sort_key *sorted = lua_newuserdatauv(L, count * sizeof *sorted, 0);
    const int keys = lua_gettop(L) - 1;
    effort effort = {L, 0};
    size_t filled = 0;
    bool in_order = true;  // lists mostly are: spare them the sort
    for (lua_pushnil(L); lua_next(L, table) != 0; ++filled) {
        lua_pop(L, 1);
        sorted[filled] = read_key(L, -1);
        sorted[filled].index = filled + 1;
        if (filled > 0 && in_order) {
            in_order = compare(&effort, &sorted[filled - 1], &sorted[filled]) <= 0;
        }
        lua_pushvalue(L, -1);
        lua_rawseti(L, keys, (lua_Integer)sorted[filled].index);
    }
    if (!in_order) { sort(&effort, sorted, count); }
    charge(&effort);
    return count;
}

/// Pushes the key at `position`, from 0; `keys` is where `clua_push_sorted_keys` left its table.
void clua_push_sorted_key(lua_State *L, int keys, size_t position) {
    const sort_key *sorted = lua_touserdata(L, keys + 1);
    lua_rawgeti(L, keys, (lua_Integer)sorted[position].index);
}

/// One step of a loop over `pairs`. Upvalues: the table, its keys, their order, how many are done, how many there are.
static int step(lua_State *L) {
    const size_t count = (size_t)lua_tointeger(L, lua_upvalueindex(5));
    const sort_key *sorted = lua_touserdata(L, lua_upvalueindex(3));
    for (size_t done = (size_t)lua_tointeger(L, lua_upvalueindex(4)); done < count; ++done) {
        lua_rawgeti(L, lua_upvalueindex(2), (lua_Integer)sorted[done].index);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
            lua_pushinteger(L, (lua_Integer)done + 1);
            lua_replace(L, lua_upvalueindex(4));
            return 2;
        }
        lua_pop(L, 2);  // removed since the loop began
    }
    lua_pushinteger(L, (lua_Integer)count);
    lua_replace(L, lua_upvalueindex(4));
    lua_pushnil(L);
    return 1;
}

/// The keys are those of when the loop begins: a loop may assign to them, as Lua promises, and does not see new ones.
int clua_pairs(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    const size_t count = clua_push_sorted_keys(L, 1);
    lua_pushinteger(L, 0);
    lua_pushinteger(L, (lua_Integer)count);
    lua_pushcclosure(L, step, 5);
    return 1;
}

/// The least key above the one given, by looking at them all: for "is it empty?", while loops want `pairs`.
int clua_next(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    const bool from_start = lua_isnil(L, 2);
    const sort_key previous = from_start ? (sort_key){0} : read_key(L, 2);
    lua_pushnil(L);  // the least so far, at 3
    sort_key least = {0};
    effort effort = {L, 0};
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, 1) != 0; ++count) {
        lua_pop(L, 1);
        const sort_key key = read_key(L, -1);
        if (!from_start && compare(&effort, &key, &previous) <= 0) { continue; }
        if (!lua_isnil(L, 3) && compare(&effort, &key, &least) >= 0) { continue; }
        least = key;
        lua_pushvalue(L, -1);
        lua_replace(L, 3);
    }
    charge(&effort);
    clua_spend_walk(L, count);
    if (lua_isnil(L, 3)) { return 1; }
    lua_pushvalue(L, 3);
    lua_rawget(L, 1);
    return 2;
}
