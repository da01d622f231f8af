#ifndef MIZZEN_DESCRIPTORS_H
#define MIZZEN_DESCRIPTORS_H

#include <stdint.h>

/* Raises the limit of open files to what is allowed. */
int mz_raise_file_limit(void);
/* How many files may be open now; the usual 1,024 where the kernel does not say. */
uint64_t mz_file_limit(void);

/* What is left free, in halves of the reserve: an eighth of the limit, at most 64. */
enum { MZ_LEAVES_FOR_OWN = 2, MZ_LEAVES_FOR_HTTP = 3, MZ_LEAVES_FOR_CLIENTS = 4 };

/* Whether so much is left once `fd` is in use: the lowest free number is given out, so the number says how many are not free. */
int mz_leaves_descriptors(int fd, uint32_t halves);

/* How many connections were closed as they came: see accept4 in descriptors.c. */
uint64_t mz_refused_connections(void);

#endif
