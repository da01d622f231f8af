/// What a process may ask of malloc, so that what it has freed is the system's again.
#ifndef MIZZEN_ALLOCATOR_H
#define MIZZEN_ALLOCATOR_H

#ifdef __GLIBC__
#include <malloc.h>

/// At most `arenas` heaps, however many threads there are; those that exist stay. Blocks of `large` bytes and more are mapped one
/// by one and unmapped when they are freed. (Left alone, glibc raises that limit with each such block, up to 32 MiB.)
static inline void mz_allocator_limit(int arenas, int large) {
    mallopt(M_ARENA_MAX, arenas);
    mallopt(M_MMAP_THRESHOLD, large);
}

/// Gives free pages back, those in the middle of heaps too.
static inline void mz_allocator_trim(void) { malloc_trim(0); }
#else
static inline void mz_allocator_limit(int arenas, int large) { (void)arenas; (void)large; }
static inline void mz_allocator_trim(void) {}
#endif

#endif
