// Owns the numbers that JSON allows and simdjson refuses: integers beyond 64 bits and values beyond a double. They are
// valid data and must be kept. Only a document that simdjson refused for a number comes here, so speed does not matter.
//
// Instead of a second parser, which would need its own proof of strictness, the text is rewritten: each such number
// becomes `0` and spaces of the same length, simdjson judges the result, and the values are put into its tape. One
// valid number followed by spaces stands where another valid number stood, so the rewritten text is valid JSON exactly
// when the original was. A malformed number is left as it is, for simdjson to refuse.

#include "numbers.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include <simdjson.h>

namespace csj {
namespace {

using Byte = std::uint8_t;

bool is_digit(Byte byte) { return byte >= '0' && byte <= '9'; }

/// Whether the byte could belong to a number, well formed or not.
bool is_numeric(Byte byte) {
    return is_digit(byte) || byte == '+' || byte == '-' || byte == '.' || byte == 'e' || byte == 'E';
}

const Byte *skip_digits(const Byte *at, const Byte *end) {
    return std::find_if_not(at, end, is_digit);
}

/// The end of the string whose opening quote is at `at`.
Byte *skip_string(Byte *at, Byte *end) {
    for (++at; at < end && *at != '"'; ++at) {
        if (*at == '\\') { ++at; }
    }
    return at < end ? at + 1 : end;
}

/// RFC 8259's `number`, and whether it is an integer: no fraction, no exponent.
struct Grammar {
    bool valid;
    bool integer;

    Grammar(const Byte *at, const Byte *end) : valid(false), integer(true) {
        if (at != end && *at == '-') { ++at; }
        const Byte *digits = at;
        at = skip_digits(at, end);
        if (at == digits || (*digits == '0' && at - digits > 1)) { return; }
        if (at != end && *at == '.') {
            integer = false;
            digits = ++at;
            at = skip_digits(at, end);
            if (at == digits) { return; }
        }
        if (at != end && (*at == 'e' || *at == 'E')) {
            integer = false;
            ++at;
            if (at != end && (*at == '+' || *at == '-')) { ++at; }
            digits = at;
            at = skip_digits(at, end);
            if (at == digits) { return; }
        }
        valid = at == end;
    }
};

template <typename Integer> bool fits(const char *first, const char *last) {
    Integer value;
    return std::from_chars(first, last, value).ec == std::errc();
}

/// Whether the token is a valid number that simdjson refuses, and which double is nearest to it.
bool is_wide(const Byte *begin, const Byte *end, double &value) {
    const Grammar grammar(begin, end);
    if (!grammar.valid) { return false; }
    const char *first = reinterpret_cast<const char *>(begin);
    const char *last = reinterpret_cast<const char *>(end);
    value = simdjson::internal::from_chars(first, last);
    if (!grammar.integer) { return std::isinf(value); }
    return !fits<std::int64_t>(first, last) && !fits<std::uint64_t>(first, last);
}

}  // namespace

std::vector<WideNumber> blank_wide_numbers(Byte *text, std::size_t length) {
    std::vector<WideNumber> wide;
    std::size_t ordinal = 0;
    Byte *const end = text + length;
    for (Byte *at = text; at < end;) {
        if (*at == '"') {
            at = skip_string(at, end);
        } else if (*at == '-' || is_digit(*at)) {
            Byte *const token_end = std::find_if_not(at, end, is_numeric);
            double value;
            if (is_wide(at, token_end, value)) {
                wide.push_back({ordinal, value});
                std::fill(at, token_end, ' ');
                *at = '0';
            }
            ++ordinal;
            at = token_end;
        } else {
            ++at;
        }
    }
    return wide;
}

void restore_wide_numbers(std::uint64_t *tape, const std::vector<WideNumber> &numbers) {
    std::size_t ordinal = 0;
    auto next = numbers.begin();
    for (std::size_t at = 1; next != numbers.end(); ++at) {
        const auto tag = char(tape[at] >> 56);
        if (tag != 'l' && tag != 'u' && tag != 'd') { continue; }
        if (ordinal == next->ordinal) {
            tape[at] = std::uint64_t('d') << 56;
            std::memcpy(&tape[at + 1], &next->value, sizeof(double));
            ++next;
        }
        ++ordinal;
        ++at;  // a number's value is the word after its tag
    }
}

}  // namespace csj
