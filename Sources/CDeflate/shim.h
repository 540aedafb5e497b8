// Owns: libdeflate, as the system's package installs it: zlib streams and CRC-32.
#include <libdeflate.h>
