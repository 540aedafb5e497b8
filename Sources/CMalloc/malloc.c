// Owns: the calls behind CMalloc.h; one file in C, because <malloc.h> would hide types of Glibc from Swift.
#include "CMalloc.h"

#include <malloc.h>

void cmalloc_share_one_arena(void) { mallopt(M_ARENA_MAX, 1); }

size_t cmalloc_used_bytes(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

void cmalloc_trim(void) { malloc_trim(0); }
