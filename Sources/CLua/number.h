// The text of numbers in JSON: see number.cpp. C and C++ share it.
#ifndef CLUA_NUMBER_H
#define CLUA_NUMBER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Room for any number: 17 digits, sign, point, zeros before the digits or an exponent.
enum { CLUA_NUMBER_SIZE = 40 };

/// Both write to `text`, which holds CLUA_NUMBER_SIZE bytes, without a terminator, and return how many they wrote.
size_t clua_format_integer(char *text, long long value);
size_t clua_format_double(char *text, double value);  // finite

#ifdef __cplusplus
}
#endif

#endif
