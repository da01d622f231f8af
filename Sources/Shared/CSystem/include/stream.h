#ifndef MIZZEN_STREAM_H
#define MIZZEN_STREAM_H

#include "net.h"

/* Streams to a peer that is named by a path or a host, as net.h has them for addresses. */

/* A non-blocking local stream socket. */
int mz_local_socket(void);
/* Connects it to the socket at `path`. */
int mz_connect_local(int fd, const char *path);
/* The addresses of `host`, a name or an address in text, as the system's resolver knows them, in the order in which to try them: how many were
   written, at most `capacity`; or a negative EAI code. May wait for name servers. */
int mz_resolve(const char *host, struct mz_interface_address *out, int capacity);
/* What a code of mz_resolve means. */
const char *mz_resolve_reason(int code);
/* Waits until `fd` is ready or `wake` is readable, at most `milliseconds`: a mask of MZ_READABLE, MZ_WRITABLE and MZ_FAILED for `fd`, and 8
   for `wake`. Descriptors may be negative. */
int mz_wait_or_wake(int fd, uint32_t interest, int wake, int milliseconds);

enum { MZ_WOKEN = 8 };

#endif
