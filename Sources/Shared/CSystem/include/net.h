#ifndef MIZZEN_NET_H
#define MIZZEN_NET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Socket calls without sockaddr in their signatures: an address is 4 or 16 octets in network order, a port is in host order.
   Every function returns what the system call returned, -1 with errno set on failure. */

/* A non-blocking socket that a child process does not inherit. An IPv6 one takes no IPv4 traffic. */
int mz_socket(int is_v6, int is_stream);
int mz_bind(int fd, const uint8_t *address, size_t length, uint16_t port, uint32_t scope);
int mz_connect(int fd, const uint8_t *address, size_t length, uint16_t port, uint32_t scope);
/* Gives a connected datagram socket that was not bound another port, drawn by the kernel at random, and the same peer; what has arrived is thrown away. */
int mz_renew_port(int fd);
/* The port that a socket is bound to, or -1. */
int mz_bound_port(int fd);
/* The address of a name and of a connection's other end, IPv4 also where it is mapped into IPv6: its octets (4 or 16, 0 for none) and its port. */
int mz_address_bytes(const struct sockaddr_storage *name, uint8_t bytes[16], uint16_t *port);
int mz_peer_address(int fd, uint8_t bytes[16], uint16_t *port);
/* 1 if the peer of a connected stream speaks IPv6, 0 if IPv4. */
int mz_peer_is_v6(int fd);
/* SO_REUSEPORT, and for datagram sockets bound to every address the packet info that replies need. */
int mz_set_shared(int fd);
int mz_set_packet_info(int fd, int is_v6);
int mz_set_receive_buffer(int fd, int bytes);
int mz_set_send_buffer(int fd, int bytes);
int mz_set_no_delay(int fd);
/* What a connect that was under way came to: 0 or an errno value. */
int mz_socket_error(int fd);
ssize_t mz_send(int fd, const uint8_t *bytes, size_t count);
ssize_t mz_receive(int fd, uint8_t *bytes, size_t capacity);
ssize_t mz_writev2(int fd, const uint8_t *head, size_t head_count, const uint8_t *body, size_t body_count);

enum { MZ_READABLE = 1, MZ_WRITABLE = 2, MZ_FAILED = 4 };

struct mz_event {
    uint64_t token;
    uint32_t ready;
};

int mz_poll_create(void);
int mz_poll_add(int poll, int fd, uint32_t interest, uint64_t token);
int mz_poll_change(int poll, int fd, uint32_t interest, uint64_t token);
/* Waits for at most `milliseconds`, -1 for ever. */
int mz_poll_wait(int poll, struct mz_event *events, int capacity, int milliseconds);
int mz_wake_create(void);
int mz_wake(int fd);
int mz_wake_clear(int fd);

/* An address of a network interface, or of a peer. */
struct mz_interface_address {
    uint8_t bytes[16];
    uint32_t length;
    uint32_t scope;
};
/* The addresses of the interface called `name`, of all interfaces for NULL: how many there are, at most `capacity` written; 0 for an unknown name. */
int mz_interface_addresses(const char *name, struct mz_interface_address *out, int capacity);

/* The next connection that waits, and whose it is (length 0 for another family than IPv4 and IPv6). */
int mz_accept(int fd, struct mz_interface_address *peer);

/* How many datagrams the kernel has dropped because this socket's buffer was full, since it was opened; wraps. */
int mz_socket_drops(int fd, uint32_t *drops);
/* Waits until a descriptor is ready, at most `milliseconds`; a negative descriptor only waits. */
int mz_wait(int fd, uint32_t interest, int milliseconds);
/* How many processors the calling thread may run on, -1 when the kernel does not say. */
int mz_allowed_processors(void);

/* What tells the network namespace of this thread from all others of this boot; 0 where the kernel does not say. */
uint64_t mz_network_namespace(void);
/* Nanoseconds of the monotonic clock. */
uint64_t mz_now(void);
/* Names the calling thread, for `ps` and debuggers: 15 characters at most. */
int mz_name_thread(const char *name);

#endif
