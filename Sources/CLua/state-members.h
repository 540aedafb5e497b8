// What an object has while it is being written in one pass, and its order: see state-members.c.
#ifndef CLUA_STATE_MEMBERS_H
#define CLUA_STATE_MEMBERS_H

#include "internal.h"

/// A member of an object. Its key is the table's, which keeps it alive; its text lies in the output.
typedef struct clua_member {
    const char *key;
    size_t key_length;
    uint64_t prefix;  // of the key, behind what all keys of the object begin with
    size_t begin, length;
} clua_member;

/// Sorts by the keys, bytewise. `scratch` has room for as many.
void clua_sort_members(clua_member *members, clua_member *scratch, size_t count);

#endif
