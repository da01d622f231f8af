/// The record table's hash: 64 bits, keyed by a seed that each table draws when it is made, so that nobody can choose
/// object names that meet in one bucket. It is part of the table's layout: a change is a new layout version.
#ifndef MIZZEN_KEYED_HASH_H
#define MIZZEN_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t mz_fold_multiply(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/// Hashes `length` bytes into `seed`. Hashing two parts one after the other, the first result as the second seed,
/// tells ("ab", "c") from ("a", "bc") because the length is hashed too.
static inline uint64_t mz_keyed_hash(uint64_t seed, const void *bytes, size_t length) {
    const uint8_t *cursor = (const uint8_t *)bytes;
    uint64_t hash = seed ^ 0x9e3779b97f4a7c15ull;
    size_t left = length;
    while (left >= 8) {
        uint64_t word;
        memcpy(&word, cursor, 8);
        hash = mz_fold_multiply(hash ^ word, 0xd6e8feb86659fd93ull);
        cursor += 8;
        left -= 8;
    }
    uint64_t tail = 0;
    if (left > 0) memcpy(&tail, cursor, left);
    hash = mz_fold_multiply(hash ^ tail, 0xa0761d6478bd642full ^ length);
    return hash ^ (hash >> 29);
}

#endif
