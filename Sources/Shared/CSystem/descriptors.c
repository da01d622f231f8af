#define _GNU_SOURCE
#include "descriptors.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int mz_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -1;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

uint64_t mz_file_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 1024 : limit.rlim_cur;
}

int mz_leaves_descriptors(int fd, uint32_t halves)
{
    uint64_t limit = mz_file_limit();
    uint64_t reserve = limit / 8 < 64 ? limit / 8 : 64;
    return (uint64_t)fd + reserve * halves / 2 < limit;
}

static atomic_uint_fast64_t refused;

uint64_t mz_refused_connections(void)
{
    return atomic_load_explicit(&refused, memory_order_relaxed);
}

/* Where the program's own code begins and ends, from the linker. */
extern const char __executable_start, etext;

/* The one door through which connections come, for libraries too: the program's definition goes before the C library's.
   libzmq has no limit for the connections that it accepts, and where it meets EMFILE at a local socket it ends the process. So here a
   connection that would take one of the last descriptors is closed as it comes, and whoever accepts is told that it has ended. Code of this
   program makes room before it comes to that (ConnectionRoom, the frontend's worker) and may have more of them; what comes from a shared
   library leaves the share of clients. */
static int take(int listener, struct sockaddr *address, socklen_t *length, int flags, const char *caller)
{
    int is_own = caller >= &__executable_start && caller < &etext;
    int fd = (int)syscall(SYS_accept4, listener, address, length, flags);
    if (fd < 0) {
        if (errno == EMFILE && !is_own)
            errno = ENFILE;
        return -1;
    }
    if (mz_leaves_descriptors(fd, is_own ? MZ_LEAVES_FOR_OWN : MZ_LEAVES_FOR_CLIENTS))
        return fd;
    close(fd);
    atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
    /* A connection that ended while it waited. SwiftNIO then accepts none for a second, and takes a spurious event (EAGAIN) for a fault. */
    errno = ECONNABORTED;
    return -1;
}

int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags)
{
    return take(listener, address, length, flags, __builtin_return_address(0));
}

int accept(int listener, struct sockaddr *address, socklen_t *length)
{
    return take(listener, address, length, 0, __builtin_return_address(0));
}
