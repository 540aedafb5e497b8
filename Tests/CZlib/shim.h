// zlib, as the system's package installs it.
#include <zlib.h>
