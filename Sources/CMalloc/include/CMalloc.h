// Owns: what glibc's allocator can be told, which Swift's Glibc module leaves out.
#ifndef CMALLOC_H
#define CMALLOC_H

#include <stddef.h>

/// All threads share one arena from now on.
void cmalloc_share_one_arena(void);

/// Bytes that are given out, of the arena that is shared and of what is mapped by itself.
size_t cmalloc_used_bytes(void);

/// Gives the system back what is free.
void cmalloc_trim(void);

#endif
