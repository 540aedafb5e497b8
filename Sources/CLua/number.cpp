// Owns the text of numbers in JSON. A float's is the shortest that reads back as the same float, and never one that
// reads back as an integer. In C++ for `std::to_chars`, which no locale changes.

#include <charconv>
#include <cmath>
#include <cstring>

#include "number.h"

std::size_t clua_format_integer(char *text, long long value) {
    return std::size_t(std::to_chars(text, text + CLUA_NUMBER_SIZE, value).ptr - text);
}

std::size_t clua_format_double(char *text, double value) {
    const double magnitude = std::fabs(value);
    const bool plain = magnitude == 0 || (magnitude >= 1e-5 && magnitude < 1e16);  // as most languages print it
    const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
    char *end = std::to_chars(text, text + CLUA_NUMBER_SIZE, value, format).ptr;
    if (plain && std::memchr(text, '.', std::size_t(end - text)) == nullptr) {
        *end++ = '.';
        *end++ = '0';
    }
    return std::size_t(end - text);
}
