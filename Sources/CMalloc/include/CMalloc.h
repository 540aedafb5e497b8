// Owns: what glibc's allocator can be told, which Swift's Glibc module leaves out.
#ifndef CMALLOC_H
#define CMALLOC_H

/// All threads share one arena from now on.
void cmalloc_share_one_arena(void);

/// Gives the system back what is free.
void cmalloc_trim(void);

#endif
