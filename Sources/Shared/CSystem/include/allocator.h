/// What a process may ask of malloc, so that what it has freed is the system's again. True where it was done, false where this C library
/// has no such thing.
#ifndef MIZZEN_ALLOCATOR_H
#define MIZZEN_ALLOCATOR_H

#include <stdbool.h>
// Says which C library this is: without it the test below fails silently wherever this header comes first.
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>

/// At most `arenas` heaps, however many threads there are; those that exist stay. Blocks of `large` bytes and more are mapped one
/// by one and unmapped when they are freed. (Left alone, glibc raises that limit with each such block, up to 32 MiB.)
static inline bool mz_allocator_limit(int arenas, int large) {
    return mallopt(M_ARENA_MAX, arenas) == 1 && mallopt(M_MMAP_THRESHOLD, large) == 1;
}

/// Gives free pages back, those in the middle of heaps too.
static inline bool mz_allocator_trim(void) {
    malloc_trim(0);
    return true;
}
#else
static inline bool mz_allocator_limit(int arenas, int large) {
    (void)arenas;
    (void)large;
    return false;
}
static inline bool mz_allocator_trim(void) { return false; }
#endif

#endif
