/// Loads, stores and copies on memory that several processes map.
///
/// Swift's own atomics own their storage; the record table lives in a mapped file. Every access to a word that
/// another process may be writing goes through these functions, so that the compiler neither tears, caches nor
/// repeats it and the thread sanitiser knows that it is meant. All take addresses aligned to the word's size.
#ifndef MIZZEN_ATOMICS_H
#define MIZZEN_ATOMICS_H

#include <stddef.h>
#include <stdint.h>

static inline uint32_t mz_load_u32_acquire(const void *address) {
    return __atomic_load_n((const uint32_t *)address, __ATOMIC_ACQUIRE);
}

static inline uint32_t mz_load_u32_relaxed(const void *address) {
    return __atomic_load_n((const uint32_t *)address, __ATOMIC_RELAXED);
}

static inline void mz_store_u32_relaxed(void *address, uint32_t value) {
    __atomic_store_n((uint32_t *)address, value, __ATOMIC_RELAXED);
}

static inline void mz_store_u32_release(void *address, uint32_t value) {
    __atomic_store_n((uint32_t *)address, value, __ATOMIC_RELEASE);
}

static inline uint64_t mz_load_u64_acquire(const void *address) {
    return __atomic_load_n((const uint64_t *)address, __ATOMIC_ACQUIRE);
}

static inline uint64_t mz_load_u64_relaxed(const void *address) {
    return __atomic_load_n((const uint64_t *)address, __ATOMIC_RELAXED);
}

static inline void mz_store_u64_relaxed(void *address, uint64_t value) {
    __atomic_store_n((uint64_t *)address, value, __ATOMIC_RELAXED);
}

static inline void mz_store_u64_release(void *address, uint64_t value) {
    __atomic_store_n((uint64_t *)address, value, __ATOMIC_RELEASE);
}

/// Adds without order; any number of threads may at once.
static inline void mz_add_u64_relaxed(void *address, uint64_t value) {
    (void)__atomic_fetch_add((uint64_t *)address, value, __ATOMIC_RELAXED);
}

/// Stores `value` where `*expected` stands and returns 1; else returns 0 with what stands there in `*expected`.
static inline int mz_exchange_u64_relaxed(void *address, uint64_t *expected, uint64_t value) {
    return __atomic_compare_exchange_n((uint64_t *)address, expected, value, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/// Orders the loads before it before the loads after it (the reader's side of a sequence lock).
static inline void mz_fence_acquire(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }

/// Orders the stores before it before the stores after it (the writer's side of a sequence lock).
static inline void mz_fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }

/// Copies `words` 8-byte words out of shared memory, each whole; the copy as a whole may be mixed, which the caller
/// finds out by comparing the sequence number before and after.
static inline void mz_copy_words_from_shared(void *destination, const void *source, size_t words) {
    uint64_t *to = (uint64_t *)destination;
    const uint64_t *from = (const uint64_t *)source;
    for (size_t i = 0; i < words; i++) to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
}

/// Copies `words` 8-byte words into shared memory, each whole.
static inline void mz_copy_words_to_shared(void *destination, const void *source, size_t words) {
    uint64_t *to = (uint64_t *)destination;
    const uint64_t *from = (const uint64_t *)source;
    for (size_t i = 0; i < words; i++) __atomic_store_n(to + i, from[i], __ATOMIC_RELAXED);
}

#endif
