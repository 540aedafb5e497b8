// Owns the parser: its padded copy of the text, its tape, and the translation of simdjson's errors. What simdjson is
// too strict about is in numbers.cpp. No exception leaves this file, for C could not catch it.

#define SIMDJSON_EXCEPTIONS 0
#include "CSimdjson.h"
#include "numbers.hpp"

#include <cstring>
#include <memory>
#include <new>

#include <simdjson.h>

struct csj_parser {
    simdjson::dom::parser dom;
    std::unique_ptr<std::uint8_t[]> text;
    std::size_t capacity = 0;
};

namespace {

/// Large enough for most events, so that a parser grows once or never.
constexpr std::size_t MINIMUM_CAPACITY = 4096;

/// simdjson counts the value inside the innermost container as one level more.
constexpr std::size_t SIMDJSON_DEPTH = CSJ_MAXIMUM_DEPTH + 1;

/// simdjson reads in whole vectors, so its text needs padding behind it; doubling keeps growth rare.
bool reserve(csj_parser &parser, std::size_t length) {
    if (length <= parser.capacity) { return true; }
    std::size_t capacity = MINIMUM_CAPACITY;
    while (capacity < length) { capacity *= 2; }
    parser.capacity = 0;
    parser.text.reset(new (std::nothrow) std::uint8_t[capacity + simdjson::SIMDJSON_PADDING]());
    if (!parser.text || parser.dom.doc.allocate(capacity) || parser.dom.allocate(capacity, SIMDJSON_DEPTH)) {
        return false;
    }
    parser.capacity = capacity;
    return true;
}

csj_status translate(simdjson::error_code error) {
    switch (error) {
    case simdjson::SUCCESS: return CSJ_OK;
    case simdjson::EMPTY: return CSJ_EMPTY;
    case simdjson::NUMBER_ERROR: return CSJ_NUMBER;
    case simdjson::STRING_ERROR:
    case simdjson::UNESCAPED_CHARS:
    case simdjson::UNCLOSED_STRING: return CSJ_STRING;
    case simdjson::UTF8_ERROR: return CSJ_UTF8;
    case simdjson::DEPTH_ERROR: return CSJ_DEPTH;
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC: return CSJ_MEMORY;
    default: return CSJ_SYNTAX;
    }
}

csj_status parse_text(csj_parser &parser, std::size_t length) {
    return translate(parser.dom.parse(parser.text.get(), length, /* realloc_if_needed: */ false).error());
}

csj_status parse_wide_numbers(csj_parser &parser, std::size_t length) try {
    const auto numbers = csj::blank_wide_numbers(parser.text.get(), length);
    if (numbers.empty()) { return CSJ_NUMBER; }
    const csj_status status = parse_text(parser, length);
    if (status == CSJ_OK) { csj::restore_wide_numbers(parser.dom.doc.tape.get(), numbers); }
    return status;
} catch (const std::bad_alloc &) {
    return CSJ_MEMORY;
}

}  // namespace

extern "C" {

csj_parser *csj_parser_new(void) {
    return new (std::nothrow) csj_parser;
}

void csj_parser_free(csj_parser *parser) {
    delete parser;
}

csj_status csj_parse(csj_parser *parser, const std::uint8_t *bytes, std::size_t length) {
    if (length == 0) { return CSJ_EMPTY; }
    if (!reserve(*parser, length)) { return CSJ_MEMORY; }
    std::memcpy(parser->text.get(), bytes, length);
    const csj_status status = parse_text(*parser, length);
    return status == CSJ_NUMBER ? parse_wide_numbers(*parser, length) : status;
}

const std::uint64_t *csj_tape(const csj_parser *parser) {
    return parser->dom.doc.tape.get();
}

const std::uint8_t *csj_strings(const csj_parser *parser) {
    return parser->dom.doc.string_buf.get();
}

bool csj_root_is_object(const csj_parser *parser) {
    return (csj_tape(parser)[1] >> 56) == '{';
}

bool csj_is_utf8(const std::uint8_t *bytes, std::size_t length) {
    return simdjson::validate_utf8(reinterpret_cast<const char *>(bytes), length);
}

const char *csj_message(csj_status status) {
    switch (status) {
    case CSJ_OK: return "valid JSON";
    case CSJ_EMPTY: return "empty, where a JSON value was expected";
    case CSJ_SYNTAX: return "not valid JSON";
    case CSJ_NUMBER: return "not valid JSON: a malformed number";
    case CSJ_STRING: return "not valid JSON: a malformed string";
    case CSJ_UTF8: return "not valid UTF-8";
    case CSJ_DEPTH: return "JSON nested more than 1024 deep";
    case CSJ_MEMORY: return "JSON too large for memory";
    }
    return "not valid JSON";
}

}
