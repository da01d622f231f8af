#define _GNU_SOURCE
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <poll.h>
#include <stdlib.h>

int mz_socket(int is_v6, int is_stream)
{
    int fd = socket(is_v6 ? AF_INET6 : AF_INET, (is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd >= 0 && is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static socklen_t fill(struct sockaddr_storage *out, const uint8_t *address, size_t length, uint16_t port, uint32_t scope)
{
    memset(out, 0, sizeof *out);
    if (length == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, address, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)out;
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    in->sin6_scope_id = scope;
    memcpy(&in->sin6_addr, address, 16);
    return sizeof *in;
}

int mz_bind(int fd, const uint8_t *address, size_t length, uint16_t port, uint32_t scope)
{
    struct sockaddr_storage name;
    socklen_t size = fill(&name, address, length, port, scope);
    return bind(fd, (struct sockaddr *)&name, size);
}

int mz_connect(int fd, const uint8_t *address, size_t length, uint16_t port, uint32_t scope)
{
    struct sockaddr_storage name;
    socklen_t size = fill(&name, address, length, port, scope);
    return connect(fd, (struct sockaddr *)&name, size);
}

int mz_renew_port(int fd)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0)
        return -1;
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    if (connect(fd, &nobody, sizeof nobody) < 0)
        return -1;
    /* Nothing more comes now; a buffer holds fewer datagrams than this, and an error that waits is told once. */
    char octet;
    for (int left = 1 << 16; left > 0; left--)
        if (recv(fd, &octet, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
            break;
    return connect(fd, (struct sockaddr *)&peer, size);
}

int mz_bound_port(int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &size) < 0)
        return -1;
    return ntohs(name.ss_family == AF_INET ? ((struct sockaddr_in *)&name)->sin_port : ((struct sockaddr_in6 *)&name)->sin6_port);
}

int mz_peer_is_v6(int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    if (getpeername(fd, (struct sockaddr *)&name, &size) < 0)
        return -1;
    return name.ss_family == AF_INET6;
}

int mz_address_bytes(const struct sockaddr_storage *name, uint8_t bytes[16], uint16_t *port)
{
    if (name->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)name;
        memcpy(bytes, &v4->sin_addr, 4);
        *port = ntohs(v4->sin_port);
        return 4;
    }
    if (name->ss_family != AF_INET6)
        return 0;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)name;
    *port = ntohs(v6->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        memcpy(bytes, (const uint8_t *)&v6->sin6_addr + 12, 4);
        return 4;
    }
    memcpy(bytes, &v6->sin6_addr, 16);
    return 16;
}

int mz_peer_address(int fd, uint8_t bytes[16], uint16_t *port)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    if (getpeername(fd, (struct sockaddr *)&name, &size) < 0)
        return 0;
    return mz_address_bytes(&name, bytes, port);
}

int mz_set_shared(int fd)
{
    int one = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0)
        return -1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
}

int mz_set_packet_info(int fd, int is_v6)
{
    int one = 1;
    if (is_v6)
        return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
    return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
}

int mz_set_receive_buffer(int fd, int bytes)
{
    return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

int mz_set_send_buffer(int fd, int bytes)
{
    return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

int mz_set_no_delay(int fd)
{
    int one = 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int mz_socket_error(int fd)
{
    int value = 0;
    socklen_t size = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &size) < 0)
        return -1;
    return value;
}

int mz_accept(int fd, struct mz_interface_address *peer)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    int accepted = accept4(fd, (struct sockaddr *)&name, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    memset(peer, 0, sizeof *peer);
    if (accepted < 0)
        return -1;
    if (name.ss_family == AF_INET) {
        memcpy(peer->bytes, &((struct sockaddr_in *)&name)->sin_addr, 4);
        peer->length = 4;
    } else if (name.ss_family == AF_INET6) {
        memcpy(peer->bytes, &((struct sockaddr_in6 *)&name)->sin6_addr, 16);
        peer->length = 16;
        peer->scope = ((struct sockaddr_in6 *)&name)->sin6_scope_id;
    }
    return accepted;
}

ssize_t mz_send(int fd, const uint8_t *bytes, size_t count)
{
    return send(fd, bytes, count, MSG_NOSIGNAL);
}

ssize_t mz_receive(int fd, uint8_t *bytes, size_t capacity)
{
    return recv(fd, bytes, capacity, 0);
}

ssize_t mz_writev2(int fd, const uint8_t *head, size_t head_count, const uint8_t *body, size_t body_count)
{
    struct iovec parts[2] = {{(void *)head, head_count}, {(void *)body, body_count}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

int mz_poll_create(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

static int control(int poll, int operation, int fd, uint32_t interest, uint64_t token)
{
    struct epoll_event event = {0};
    if (interest & MZ_READABLE)
        event.events |= EPOLLIN | EPOLLRDHUP;
    if (interest & MZ_WRITABLE)
        event.events |= EPOLLOUT;
    event.data.u64 = token;
    return epoll_ctl(poll, operation, fd, &event);
}

int mz_poll_add(int poll, int fd, uint32_t interest, uint64_t token)
{
    return control(poll, EPOLL_CTL_ADD, fd, interest, token);
}

int mz_poll_change(int poll, int fd, uint32_t interest, uint64_t token)
{
    return control(poll, EPOLL_CTL_MOD, fd, interest, token);
}

int mz_poll_wait(int poll, struct mz_event *events, int capacity, int milliseconds)
{
    struct epoll_event ready[64];
    int count = epoll_wait(poll, ready, capacity < 64 ? capacity : 64, milliseconds);
    for (int i = 0; i < count; i++) {
        events[i].token = ready[i].data.u64;
        events[i].ready = 0;
        if (ready[i].events & (EPOLLIN | EPOLLRDHUP))
            events[i].ready |= MZ_READABLE;
        if (ready[i].events & EPOLLOUT)
            events[i].ready |= MZ_WRITABLE;
        if (ready[i].events & (EPOLLERR | EPOLLHUP))
            events[i].ready |= MZ_FAILED;
    }
    return count;
}

int mz_wake_create(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int mz_wake(int fd)
{
    uint64_t one = 1;
    return write(fd, &one, sizeof one) == sizeof one ? 0 : -1;
}

int mz_wake_clear(int fd)
{
    uint64_t count;
    return read(fd, &count, sizeof count) == sizeof count ? 0 : -1;
}

int mz_interface_addresses(const char *name, struct mz_interface_address *out, int capacity)
{
    struct ifaddrs *all;
    int count = 0;
    if (getifaddrs(&all) < 0)
        return -1;
    for (struct ifaddrs *one = all; one; one = one->ifa_next) {
        if (!one->ifa_addr || (name && strcmp(one->ifa_name, name) != 0))
            continue;
        struct mz_interface_address address = {{0}, 0, 0};
        if (one->ifa_addr->sa_family == AF_INET) {
            memcpy(address.bytes, &((struct sockaddr_in *)one->ifa_addr)->sin_addr, 4);
            address.length = 4;
        } else if (one->ifa_addr->sa_family == AF_INET6) {
            memcpy(address.bytes, &((struct sockaddr_in6 *)one->ifa_addr)->sin6_addr, 16);
            address.length = 16;
            address.scope = ((struct sockaddr_in6 *)one->ifa_addr)->sin6_scope_id;
        } else {
            continue;
        }
        if (count < capacity)
            out[count] = address;
        count++;
    }
    freeifaddrs(all);
    return count;
}

uint64_t mz_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int mz_socket_drops(int fd, uint32_t *drops)
{
    uint32_t figures[SK_MEMINFO_VARS];
    socklen_t length = sizeof figures;
    memset(figures, 0, sizeof figures);
    int result = getsockopt(fd, SOL_SOCKET, SO_MEMINFO, figures, &length);
    *drops = figures[SK_MEMINFO_DROPS];
    return result;
}

int mz_wait(int fd, uint32_t interest, int milliseconds)
{
    short wanted = (short)((interest & MZ_READABLE ? POLLIN : 0) | (interest & MZ_WRITABLE ? POLLOUT : 0));
    struct pollfd item = {.fd = fd, .events = wanted};
    return poll(&item, 1, milliseconds);
}

int mz_allowed_processors(void)
{
    /* The kernel refuses a set that is smaller than its own. */
    for (int processors = 1024; processors <= 1 << 20; processors *= 2) {
        cpu_set_t *set = CPU_ALLOC(processors);
        if (!set)
            return -1;
        size_t size = CPU_ALLOC_SIZE(processors);
        int result = sched_getaffinity(0, size, set);
        int count = result < 0 ? -1 : CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (result == 0)
            return count;
        if (errno != EINVAL)
            return -1;
    }
    return -1;
}

int mz_name_thread(const char *name)
{
    return pthread_setname_np(pthread_self(), name);
}

/* Headers older than Linux 5.14 lack the name. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

uint64_t mz_network_namespace(void)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        int result = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length);
        close(fd);
        if (result == 0 && cookie != 0)
            return cookie;
    }
    /* A number of this kind is given again once its namespace is gone; a cookie is not. */
    struct stat status;
    return stat("/proc/self/ns/net", &status) == 0 ? (uint64_t)status.st_ino : 0;
}
