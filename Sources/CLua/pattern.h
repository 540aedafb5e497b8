// Lua's patterns, matched step by step on the budget: see pattern.c.
#ifndef CLUA_PATTERN_H
#define CLUA_PATTERN_H

#include "internal.h"

enum {
    CLUA_CAPTURES = 32,
    CLUA_POSITION = -2,  // the length of a capture that is a position
};

typedef struct clua_matcher {
    lua_State *L;
    const char *subject, *subject_end;
    const char *pattern, *pattern_end;
    unsigned steps;  // not yet charged
    int depth;       // how much further it may recurse
    int count;       // of captures, open and closed
    struct {
        const char *begin;
        ptrdiff_t length;
    } captures[CLUA_CAPTURES];
} clua_matcher;

void clua_match_begin(clua_matcher *m, lua_State *L, clua_text subject, clua_text pattern);

/// The end of the match of the whole pattern at `at`, or NULL.
const char *clua_match_at(clua_matcher *m, const char *at);

/// Pushes a capture, counted from 0; the whole match, from `begin` to `end`, stands for the first where there is none.
void clua_push_capture(clua_matcher *m, int index, const char *begin, const char *end);

/// Pushes all captures, or the whole match where there is none and `begin` is not NULL. Returns how many.
int clua_push_captures(clua_matcher *m, const char *begin, const char *end);

/// Charges work at a pattern, in steps.
void clua_match_steps(clua_matcher *m, size_t steps);

#endif
