/// RE2 (Debian's libre2) for Swift: compile once, match from any thread.
///
/// Nothing here throws: RE2 reports through its results, and an allocator without memory ends the process as it does in Swift.
#ifndef MIZZEN_CRE2_H
#define MIZZEN_CRE2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A compiled pattern, or the reason why it is none.
typedef struct mz_re2 mz_re2;

/// A part of the text that was searched, in octets; `start` is -1 for a group that took no part in the match.
typedef struct mz_re2_range {
    ptrdiff_t start;
    ptrdiff_t end;
} mz_re2_range;

/// Compiles `length` octets of UTF-8. `memory` bounds, in octets, what the compiled pattern and its automata may ever occupy.
/// Never NULL; ask `mz_re2_is_valid` before matching. `mz_re2_free` gives it back.
mz_re2 *mz_re2_compile(const uint8_t *pattern, size_t length, int64_t memory);
void mz_re2_free(mz_re2 *expression);

bool mz_re2_is_valid(const mz_re2 *expression);
/// RE2's reason, and the part of the pattern that it names (which may be empty). They live as long as `expression`.
const char *mz_re2_reason(const mz_re2 *expression, size_t *length);
const char *mz_re2_fragment(const mz_re2 *expression, size_t *length);

/// How many groups a valid pattern has, the whole match not counted.
int mz_re2_group_count(const mz_re2 *expression);
/// The name of group `number`, or NULL if it has none. It lives as long as `expression`.
const char *mz_re2_group_name(const mz_re2 *expression, int number, size_t *length);

/// Searches `length` octets for the leftmost match and fills `count` ranges: the whole match, then the groups in order.
/// With `count` 0 it only says whether there is one, which is much faster. Safe from many threads at once.
bool mz_re2_match(const mz_re2 *expression, const uint8_t *text, size_t length, mz_re2_range *ranges, int count);

#ifdef __cplusplus
}
#endif

#endif
