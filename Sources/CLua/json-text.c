// Owns the text of JSON: a buffer that grows to a limit, and how strings and numbers are written.

#include "json-text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void clua_json_work(clua_json_text *text, size_t steps) {
    text->steps += steps;
    if (text->steps < 4096) { return; }
    clua_spend(text->L, text->steps / CLUA_STEPS_PER_INSTRUCTION);
    text->steps = 0;
}

/// Makes the buffer large enough; false where that is beyond the limit, or there is no memory.
bool clua_reserve(clua_buffer *buffer, size_t needed, size_t limit) {
    if (needed <= buffer->capacity) { return true; }
    const size_t twice = needed < 2048 ? 4096 : needed * 2;
    const size_t capacity = twice < limit ? twice : limit;
    char *grown = needed > limit ? NULL : realloc(buffer->bytes, capacity);
    if (grown == NULL) { return false; }
    buffer->bytes = grown;
    buffer->capacity = capacity;
    return true;
}

void clua_json_append(clua_json_text *text, const void *bytes, size_t count) {
    clua_buffer *output = text->output;
    clua_json_work(text, count);
    if (!clua_reserve(output, output->length + count, text->limit)) {
        lua_pushliteral(text->L, "not enough memory");
        lua_error(text->L);
    }
    memcpy(output->bytes + output->length, bytes, count);
    output->length += count;
}

static void append_escape(clua_json_text *text, unsigned char byte) {
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    switch (byte) {
    case '"':
    case '\\': escape[1] = (char)byte; break;
    case '\b': escape[1] = 'b'; break;
    case '\f': escape[1] = 'f'; break;
    case '\n': escape[1] = 'n'; break;
    case '\r': escape[1] = 'r'; break;
    case '\t': escape[1] = 't'; break;
    default: break;
    }
    clua_json_append(text, escape, escape[1] == 'u' ? 6 : 2);
}

static bool is_plain(unsigned char byte) { return byte >= 0x20 && byte != '"' && byte != '\\'; }

bool clua_json_string(clua_json_text *text, const char *bytes, size_t length) {
    clua_json_work(text, length);
    unsigned char all = 0;
    bool plain = true;
    for (size_t i = 0; i < length; ++i) {
        all |= (unsigned char)bytes[i];
        plain &= is_plain((unsigned char)bytes[i]);
    }
    if (all >= 0x80 && !csj_is_utf8((const uint8_t *)bytes, length)) { return false; }
    clua_json_append(text, "\"", 1);
    size_t start = 0;
    for (size_t i = 0; i < length && !plain; ++i) {
        const unsigned char byte = (unsigned char)bytes[i];
        if (is_plain(byte)) { continue; }
        clua_json_append(text, bytes + start, i - start);
        append_escape(text, byte);
        start = i + 1;
    }
    clua_json_append(text, bytes + start, length - start);
    clua_json_append(text, "\"", 1);
    return true;
}

bool clua_json_number(clua_json_text *text) {
    char digits[CLUA_NUMBER_SIZE];
    if (lua_isinteger(text->L, -1)) {
        clua_json_append(text, digits, clua_format_integer(digits, lua_tointeger(text->L, -1)));
        return true;
    }
    const double number = lua_tonumber(text->L, -1);
    if (!isfinite(number)) { return false; }
    clua_json_append(text, digits, clua_format_double(digits, number));
    return true;
}
