// A place in a value that is being written as JSON: see json-place.c.
#ifndef CLUA_JSON_PLACE_H
#define CLUA_JSON_PLACE_H

#include "internal.h"

/// A chain from the innermost key or position outwards, on the C stack of the recursion that walks the value.
typedef struct clua_place {
    const struct clua_place *outer;  // NULL at the root, whose key is what the whole value is called
    const char *key;                 // NULL for a position in a list
    size_t key_length;
    lua_Integer position;
} clua_place;

/// Raises "PLACE MESSAGE", the message by the rules of `lua_pushfstring`.
void clua_fail_at(lua_State *L, const clua_place *at, const char *format, ...);

/// Whether the value on top, which is at `at`, holds the table `wanted`. If so, pushes the name of the first place that
/// does, in the order of writing; what else is left on the stack is for the error that follows.
bool clua_push_place_of(lua_State *L, const clua_place *at, const void *wanted);

#endif
