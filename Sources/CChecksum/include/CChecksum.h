// CChecksum: the CRC-32 of zlib (ISO 3309), as fast as the processor allows. Owns the choice of instructions; knows nothing
// of what is summed.
#ifndef CCHECKSUM_H
#define CCHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/// The CRC-32 of `bytes`, continued from `previous` (0 to begin): what zlib's `crc32` gives.
uint32_t cchecksum_crc32(uint32_t previous, const uint8_t *bytes, size_t length);

#endif
