// Owns the matching of patterns. They mean what Lua's mean, to the last error; but each step is charged, because a
// pattern can take steps without end, and nothing could interrupt Lua's own. Recursion is bounded as it is there.

#include "pattern.h"

#include <ctype.h>
#include <string.h>

enum {
    OPEN = -1,     // the length of a capture that has only begun
    DEPTH = 200,   // of recursion: one level for a capture's bracket and one for a repetition
    STEPS = 1024,  // are charged at once
};

void clua_match_steps(clua_matcher *m, size_t steps) {
    if (steps < STEPS - m->steps) {
        m->steps += (unsigned)steps;
        return;
    }
    const size_t total = m->steps + steps;
    m->steps = 0;
    clua_spend(m->L, total / CLUA_STEPS_PER_INSTRUCTION);
}

static inline void step(clua_matcher *m) {
    if (++m->steps < STEPS) { return; }
    m->steps = 0;
    clua_spend(m->L, STEPS / CLUA_STEPS_PER_INSTRUCTION);
}

void clua_match_begin(clua_matcher *m, lua_State *L, clua_text subject, clua_text pattern) {
    m->L = L;
    m->subject = subject.bytes;
    m->subject_end = m->subject + subject.length;
    m->pattern = pattern.bytes;
    m->pattern_end = m->pattern + pattern.length;
    m->steps = 0;
    m->depth = DEPTH;
    m->count = 0;
}

// Items: one character of the pattern, a class, or a set

/// Where the item that begins at `item` ends: before its repetition.
static const char *item_end(clua_matcher *m, const char *item) {
    const char first = *item++;
    if (first == '%') {
        if (item == m->pattern_end) { luaL_error(m->L, "malformed pattern (ends with '%%')"); }
        return item + 1;
    }
    if (first != '[') { return item; }
    const char *const begin = item;
    if (item < m->pattern_end && *item == '^') { ++item; }
    bool is_first = true;  // a bracket that comes first is a character
    for (;; is_first = false) {
        if (item == m->pattern_end) { luaL_error(m->L, "malformed pattern (missing ']')"); }
        const char character = *item++;
        if (character == ']' && !is_first) { break; }
        if (character != '%') { continue; }
        if (item == m->pattern_end) { luaL_error(m->L, "malformed pattern (missing ']')"); }
        ++item;
    }
    clua_match_steps(m, (size_t)(item - begin) / 2);
    return item;
}

static bool in_class(unsigned char character, unsigned char class) {
    bool found;
    switch (tolower(class)) {
    case 'a': found = isalpha(character) != 0; break;
    case 'c': found = iscntrl(character) != 0; break;
    case 'd': found = isdigit(character) != 0; break;
    case 'g': found = isgraph(character) != 0; break;
    case 'l': found = islower(character) != 0; break;
    case 'p': found = ispunct(character) != 0; break;
    case 's': found = isspace(character) != 0; break;
    case 'u': found = isupper(character) != 0; break;
    case 'w': found = isalnum(character) != 0; break;
    case 'x': found = isxdigit(character) != 0; break;
    case 'z': found = character == '\0'; break;  // not in the manual any more, but there
    default: return class == character;
    }
    return found != (isupper(class) != 0);
}

/// Whether the character is in the set between `set`, its opening bracket, and `last`, its closing one.
static bool in_set(clua_matcher *m, unsigned char character, const char *set, const char *last) {
    const char *item = set + 1;
    const bool is_negated = *item == '^';
    if (is_negated) { ++item; }
    bool found = false;
    const char *const begin = item;
    while (item < last && !found) {
        const unsigned char first = (unsigned char)*item;
        if (first == '%') {
            found = in_class(character, (unsigned char)item[1]);
            item += 2;
        } else if (item[1] == '-' && item + 2 < last) {
            found = first <= character && character <= (unsigned char)item[2];
            item += 3;
        } else {
            found = first == character;
            ++item;
        }
    }
    clua_match_steps(m, (size_t)(item - begin) / 2);
    return found != is_negated;
}

/// Whether there is a character at `at`, and the item takes it.
static bool takes(clua_matcher *m, const char *at, const char *item, const char *end) {
    if (at >= m->subject_end) { return false; }
    step(m);
    const unsigned char character = (unsigned char)*at;
    switch (*item) {
    case '.': return true;
    case '%': return in_class(character, (unsigned char)item[1]);
    case '[': return in_set(m, character, item, end - 1);
    default: return (unsigned char)*item == character;
    }
}

// Captures

static const char *match(clua_matcher *m, const char *at, const char *item);

static const char *open_capture(clua_matcher *m, const char *at, const char *rest, ptrdiff_t length) {
    if (m->count == CLUA_CAPTURES) { luaL_error(m->L, "too many captures"); }
    m->captures[m->count].begin = at;
    m->captures[m->count].length = length;
    ++m->count;
    const char *const end = match(m, at, rest);
    if (end == NULL) { --m->count; }
    return end;
}

static const char *close_capture(clua_matcher *m, const char *at, const char *rest) {
    int index = m->count - 1;
    while (index >= 0 && m->captures[index].length != OPEN) { --index; }
    if (index < 0) { luaL_error(m->L, "invalid pattern capture"); }
    m->captures[index].length = at - m->captures[index].begin;
    const char *const end = match(m, at, rest);
    if (end == NULL) { m->captures[index].length = OPEN; }
    return end;
}

/// The end of what was captured before, again at `at`; or NULL.
static const char *match_back(clua_matcher *m, const char *at, unsigned char digit) {
    const int index = digit - '1';
    if (index < 0 || index >= m->count || m->captures[index].length == OPEN) {
        luaL_error(m->L, "invalid capture index %%%d", index + 1);
    }
    const size_t length = (size_t)m->captures[index].length;
    if (length > (size_t)(m->subject_end - at)) { return NULL; }
    clua_match_steps(m, length / CLUA_STEPS_PER_INSTRUCTION);
    return memcmp(m->captures[index].begin, at, length) == 0 ? at + length : NULL;
}

void clua_push_capture(clua_matcher *m, int index, const char *begin, const char *end) {
    if (index >= m->count) {
        if (index != 0) { luaL_error(m->L, "invalid capture index %%%d", index + 1); }
        lua_pushlstring(m->L, begin, (size_t)(end - begin));
        return;
    }
    const ptrdiff_t length = m->captures[index].length;
    if (length == OPEN) { luaL_error(m->L, "unfinished capture"); }
    if (length == CLUA_POSITION) {
        lua_pushinteger(m->L, m->captures[index].begin - m->subject + 1);
    } else {
        lua_pushlstring(m->L, m->captures[index].begin, (size_t)length);
    }
}

int clua_push_captures(clua_matcher *m, const char *begin, const char *end) {
    const int count = m->count == 0 && begin != NULL ? 1 : m->count;
    luaL_checkstack(m->L, count, "too many captures");
    for (int i = 0; i < count; ++i) { clua_push_capture(m, i, begin, end); }
    return count;
}

// The pattern

/// `%bxy`: the end of the balanced text at `at`, or NULL.
static const char *match_balanced(clua_matcher *m, const char *at, const char *pair) {
    if (m->pattern_end - pair < 2) { luaL_error(m->L, "malformed pattern (missing arguments to '%%b')"); }
    if (at >= m->subject_end || *at != pair[0]) { return NULL; }
    size_t open = 1;
    for (++at; at < m->subject_end; ++at) {
        step(m);
        if (*at == pair[1]) {
            if (--open == 0) { return at + 1; }
        } else if (*at == pair[0]) {
            ++open;
        }
    }
    return NULL;
}

/// `%f[set]`: whether a run of the set begins here. Both ends of the text count as a zero byte.
static bool is_frontier(clua_matcher *m, const char *at, const char *set, const char *end) {
    const unsigned char before = at == m->subject ? '\0' : (unsigned char)at[-1];
    const unsigned char here = at == m->subject_end ? '\0' : (unsigned char)*at;
    return !in_set(m, before, set, end - 1) && in_set(m, here, set, end - 1);
}

/// As many as there are, then fewer, until the rest of the pattern matches.
static const char *match_most(clua_matcher *m, const char *at, const char *item, const char *end) {
    ptrdiff_t count = 0;
    while (takes(m, at + count, item, end)) { ++count; }
    for (; count >= 0; --count) {
        const char *const found = match(m, at + count, end + 1);
        if (found != NULL) { return found; }
    }
    return NULL;
}

/// None, then more, until the rest of the pattern matches.
static const char *match_least(clua_matcher *m, const char *at, const char *item, const char *end) {
    for (;;) {
        const char *const found = match(m, at, end + 1);
        if (found != NULL) { return found; }
        if (!takes(m, at, item, end)) { return NULL; }
        ++at;
    }
}

/// Matches from `item` on; recurses where there is something to come back to.
static const char *match_rest(clua_matcher *m, const char *at, const char *item) {
    while (at != NULL && item != m->pattern_end) {
        step(m);
        if (*item == '(') {
            const bool is_position = item + 1 < m->pattern_end && item[1] == ')';
            return is_position ? open_capture(m, at, item + 2, CLUA_POSITION) : open_capture(m, at, item + 1, OPEN);
        }
        if (*item == ')') { return close_capture(m, at, item + 1); }
        if (*item == '$' && item + 1 == m->pattern_end) { return at == m->subject_end ? at : NULL; }
        if (*item == '%' && item + 1 < m->pattern_end) {
            const char kind = item[1];
            if (kind == 'b') {
                at = match_balanced(m, at, item + 2);
                item += 4;
                continue;
            }
            if (kind == 'f') {
                const char *const set = item + 2;
                if (set == m->pattern_end || *set != '[') { luaL_error(m->L, "missing '[' after '%%f' in pattern"); }
                const char *const end = item_end(m, set);
                if (!is_frontier(m, at, set, end)) { return NULL; }
                item = end;
                continue;
            }
            if (kind >= '0' && kind <= '9') {
                at = match_back(m, at, (unsigned char)kind);
                item += 2;
                continue;
            }
        }
        const char *const end = item_end(m, item);
        const char repetition = end < m->pattern_end ? *end : '\0';
        const bool may_be_absent = repetition == '*' || repetition == '?' || repetition == '-';
        if (!takes(m, at, item, end)) {
            if (!may_be_absent) { return NULL; }
            item = end + 1;
        } else if (repetition == '*') {
            return match_most(m, at, item, end);
        } else if (repetition == '+') {
            return match_most(m, at + 1, item, end);
        } else if (repetition == '-') {
            return match_least(m, at, item, end);
        } else if (repetition == '?') {
            const char *const found = match(m, at + 1, end + 1);
            if (found != NULL) { return found; }
            item = end + 1;
        } else {
            ++at;
            item = end;
        }
    }
    return at;
}

static const char *match(clua_matcher *m, const char *at, const char *item) {
    if (m->depth-- == 0) { luaL_error(m->L, "pattern too complex"); }
    step(m);
    const char *const end = match_rest(m, at, item);
    ++m->depth;
    return end;
}

const char *clua_match_at(clua_matcher *m, const char *at) {
    m->count = 0;
    m->depth = DEPTH;
    return match(m, at, m->pattern);
}
