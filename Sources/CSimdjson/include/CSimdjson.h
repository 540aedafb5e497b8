// CSimdjson: strict JSON reading. Owns the one answer to "is this valid JSON?" and hands out what it read as simdjson's
// tape (https://github.com/simdjson/simdjson/blob/master/doc/tape.md). Knows nothing of events, Lua or writing JSON.
#ifndef CSIMDJSON_H
#define CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The deepest nesting of arrays and objects that is accepted, an innermost empty one not counted.
enum { CSJ_MAXIMUM_DEPTH = 1024 };

typedef enum csj_status {
    CSJ_OK = 0,
    CSJ_EMPTY,
    CSJ_SYNTAX,
    CSJ_NUMBER,
    CSJ_STRING,
    CSJ_UTF8,
    CSJ_DEPTH,
    CSJ_MEMORY,
} csj_status;

/// One parser, for one thread at a time. It keeps its buffers, so a parser that has seen a large document stays large.
typedef struct csj_parser csj_parser;

/// NULL when there is no memory.
csj_parser *csj_parser_new(void);
void csj_parser_free(csj_parser *parser);

/// Reads one whole document, of any type at its root. `bytes` is copied first: it owes no padding and may be freed.
///
/// Accepts exactly RFC 8259 in UTF-8 (no byte order mark, no lone surrogate escapes), at most `CSJ_MAXIMUM_DEPTH` deep.
/// Numbers have no limit: an integer beyond 64 bits, and a number beyond a double (then infinite), come out as doubles.
/// Duplicate keys are kept as they are.
csj_status csj_parse(csj_parser *parser, const uint8_t *bytes, size_t length);

/// What was read, valid until the next `csj_parse` and only after one that returned `CSJ_OK`. Word 0 is the root's.
const uint64_t *csj_tape(const csj_parser *parser);

/// The bytes that string words of the tape point into: a native 32-bit length, then UTF-8.
const uint8_t *csj_strings(const csj_parser *parser);

bool csj_root_is_object(const csj_parser *parser);

bool csj_is_utf8(const uint8_t *bytes, size_t length);

/// What is wrong, as the end of a sentence: "not valid JSON". A constant.
const char *csj_message(csj_status status);

#ifdef __cplusplus
}
#endif

#endif
