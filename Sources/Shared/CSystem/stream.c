#define _GNU_SOURCE
#include "stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int mz_local_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int mz_connect_local(int fd, const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof name.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name.sun_path, path, length);
    return connect(fd, (struct sockaddr *)&name, sizeof name);
}

int mz_resolve(const char *host, struct mz_interface_address *out, int capacity)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *all;
    int code = getaddrinfo(host, NULL, &hints, &all);
    if (code != 0)
        return code < 0 ? code : -code;
    int count = 0;
    for (struct addrinfo *one = all; one && count < capacity; one = one->ai_next) {
        struct mz_interface_address address = {{0}, 0, 0};
        if (one->ai_family == AF_INET) {
            memcpy(address.bytes, &((struct sockaddr_in *)one->ai_addr)->sin_addr, 4);
            address.length = 4;
        } else if (one->ai_family == AF_INET6) {
            memcpy(address.bytes, &((struct sockaddr_in6 *)one->ai_addr)->sin6_addr, 16);
            address.length = 16;
            address.scope = ((struct sockaddr_in6 *)one->ai_addr)->sin6_scope_id;
        } else {
            continue;
        }
        out[count++] = address;
    }
    freeaddrinfo(all);
    return count;
}

const char *mz_resolve_reason(int code)
{
    return gai_strerror(code);
}

int mz_wait_or_wake(int fd, uint32_t interest, int wake, int milliseconds)
{
    short wanted = (short)((interest & MZ_READABLE ? POLLIN | POLLRDHUP : 0) | (interest & MZ_WRITABLE ? POLLOUT : 0));
    struct pollfd items[2] = {{.fd = fd, .events = wanted}, {.fd = wake, .events = POLLIN}};
    if (poll(items, 2, milliseconds) < 0)
        return errno == EINTR ? 0 : -1;
    int found = 0;
    if (items[0].revents & (POLLIN | POLLRDHUP))
        found |= MZ_READABLE;
    if (items[0].revents & POLLOUT)
        found |= MZ_WRITABLE;
    if (items[0].revents & (POLLERR | POLLHUP | POLLNVAL))
        found |= MZ_FAILED;
    if (items[1].revents)
        found |= MZ_WOKEN;
    return found;
}
