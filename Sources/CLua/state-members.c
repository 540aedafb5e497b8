// Owns the order of an object's members by their keys, bytewise: eight bytes of each key, behind what all have in common, are
// looked at by digits; only keys that agree in them are compared. Raises no error and allocates nothing.

#include "state-members.h"

#include <string.h>

enum {
    /// So few are inserted one by one.
    FEW = 24,
    DIGITS = 256,
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static int compare_keys(const clua_member *a, const clua_member *b) {
    const int order = memcmp(a->key, b->key, least(a->key_length, b->key_length));
    return order != 0 ? order : (a->key_length > b->key_length) - (a->key_length < b->key_length);
}

static bool precedes(const clua_member *a, const clua_member *b) {
    return a->prefix != b->prefix ? a->prefix < b->prefix : compare_keys(a, b) < 0;
}

static void insert_each(clua_member *members, size_t count) {
    for (size_t i = 1; i < count; ++i) {
        const clua_member member = members[i];
        size_t at = i;
        for (; at > 0 && precedes(&member, &members[at - 1]); --at) { members[at] = members[at - 1]; }
        members[at] = member;
    }
}

/// A merge sort, for keys that agree in their prefixes.
static void merge_sort(clua_member *members, clua_member *scratch, size_t count) {
    if (count <= FEW) {
        insert_each(members, count);
        return;
    }
    const size_t half = count / 2;
    merge_sort(members, scratch, half);
    merge_sort(members + half, scratch, count - half);
    memcpy(scratch, members, half * sizeof *members);
    for (size_t left = 0, right = half, out = 0; left < half; ++out) {
        const bool takes_right = right < count && precedes(&members[right], &scratch[left]);
        members[out] = takes_right ? members[right++] : scratch[left++];
    }
}

/// By one byte of the prefix, keeping the order of those that agree in it; false where all do.
static bool distribute(const clua_member *from, clua_member *into, size_t count, int shift) {
    size_t places[DIGITS] = {0};
    for (size_t i = 0; i < count; ++i) { ++places[from[i].prefix >> shift & (DIGITS - 1)]; }
    if (places[from[0].prefix >> shift & (DIGITS - 1)] == count) { return false; }
    size_t place = 0;
    for (size_t digit = 0; digit < DIGITS; ++digit) {
        const size_t size = places[digit];
        places[digit] = place;
        place += size;
    }
    for (size_t i = 0; i < count; ++i) { into[places[from[i].prefix >> shift & (DIGITS - 1)]++] = from[i]; }
    return true;
}

/// How many bytes all keys begin with.
static size_t shared_length(const clua_member *members, size_t count) {
    size_t shared = members[0].key_length;
    for (size_t i = 1; i < count && shared > 0; ++i) {
        shared = least(shared, members[i].key_length);
        if (memcmp(members[0].key, members[i].key, shared) == 0) { continue; }
        size_t same = 0;
        while (members[0].key[same] == members[i].key[same]) { ++same; }
        shared = same;
    }
    return shared;
}

/// The eight bytes behind the first `skipped`, zeros behind the end: a key that ends sooner comes first, or agrees.
static uint64_t prefix_of(const clua_member *member, size_t skipped) {
    uint64_t prefix = 0;
    memcpy(&prefix, member->key + skipped, least(sizeof prefix, member->key_length - skipped));
    return __builtin_bswap64(prefix);
}

void clua_sort_members(clua_member *members, clua_member *scratch, size_t count) {
    if (count < 2) { return; }
    const size_t shared = shared_length(members, count);
    bool in_order = true;
    for (size_t i = 0; i < count; ++i) {
        members[i].prefix = prefix_of(&members[i], shared);
        in_order = in_order && (i == 0 || !precedes(&members[i], &members[i - 1]));
    }
    if (in_order) { return; }
    if (count <= FEW) {
        insert_each(members, count);
        return;
    }
    clua_member *from = members, *into = scratch;
    for (int shift = 0; shift < 64; shift += 8) {
        if (!distribute(from, into, count, shift)) { continue; }
        clua_member *const distributed = into;
        into = from;
        from = distributed;
    }
    if (from != members) { memcpy(members, from, count * sizeof *members); }
    for (size_t begin = 0; begin < count;) {
        size_t end = begin + 1;
        while (end < count && members[end].prefix == members[begin].prefix) { ++end; }
        merge_sort(members + begin, scratch, end - begin);
        begin = end;
    }
}
