#include "atomics.h"
#include "keyed_hash.h"

// The table's readers in other processes see these words as they are; a lock hidden in a library would break them.
_Static_assert(__atomic_always_lock_free(sizeof(uint64_t), 0), "64-bit atomics must be lock-free");
_Static_assert(__atomic_always_lock_free(sizeof(uint32_t), 0), "32-bit atomics must be lock-free");
