// The numbers that JSON allows and simdjson refuses: see numbers.cpp.
#ifndef CSIMDJSON_NUMBERS_HPP
#define CSIMDJSON_NUMBERS_HPP

#include <cstddef>
#include <cstdint>
#include <vector>

namespace csj {

/// A number too large for simdjson: which one of the document's numbers it is, and its nearest double.
struct WideNumber {
    std::size_t ordinal;
    double value;
};

/// Overwrites each such number in `text` with `0` and spaces, and says what stood there.
std::vector<WideNumber> blank_wide_numbers(std::uint8_t *text, std::size_t length);

/// Puts them back, into the tape of the blanked text.
void restore_wide_numbers(std::uint64_t *tape, const std::vector<WideNumber> &numbers);

}  // namespace csj

#endif
