// What the writers of JSON share: the text that grows, and its strings and numbers.
#ifndef CLUA_JSON_TEXT_H
#define CLUA_JSON_TEXT_H

#include "internal.h"

typedef struct clua_json_text {
    lua_State *L;
    clua_buffer *output;
    size_t limit;
    size_t steps;  // not charged yet
} clua_json_text;

/// Charges work, a step for a byte or for what takes as long.
void clua_json_work(clua_json_text *text, size_t steps);

/// Raises an error where the text would pass its limit.
void clua_json_append(clua_json_text *text, const void *bytes, size_t count);

/// False where the bytes are not UTF-8.
bool clua_json_string(clua_json_text *text, const char *bytes, size_t length);

/// The number on top of the stack; false where it is not finite.
bool clua_json_number(clua_json_text *text);

#endif
