// dns-floor PORT [THREADS IGNORED]: the least that a DNS server over UDP can do. It answers every query with one fixed
// address record, through the same batch system calls as mizzen-frontend, and looks at nothing but the question's end.
// `make bench` states Mizzen's cost per query as a multiple of this program's, measured in the same run.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "udp.h"

enum { SLOTS = 32, PACKET = 4096, HEADER = 12 };

/// Writes the answer to `query` and returns its length, or 0 where there is no question to echo.
static size_t answer(uint8_t *out, const uint8_t *query, size_t length) {
    static const uint8_t record[] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 96, 0, 1};
    size_t end = HEADER;
    while (end < length && query[end] != 0) end += query[end] + 1u;
    end += 5;  // root label, type, class
    if (end > length || end + sizeof record > PACKET) return 0;
    memcpy(out, query, end);
    out[2] |= 0x84;  // QR, AA
    out[3] = 0;
    memset(out + 6, 0, 6);
    out[7] = 1;
    memcpy(out + end, record, sizeof record);
    return end + sizeof record;
}

static int listening(uint16_t port) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        fprintf(stderr, "dns-floor: cannot listen on 127.0.0.1:%u: %s\n", port, strerror(errno));
        exit(69);
    }
    return fd;
}

int main(int count, char **words) {
    if (count != 2 || atoi(words[1]) <= 0) {
        fprintf(stderr, "usage: dns-floor PORT\n");
        return 64;
    }
    int fd = listening((uint16_t)atoi(words[1]));
    int poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    struct mz_udp_batch *batch = mz_udp_batch_create(SLOTS, PACKET, PACKET);
    for (;;) {
        if (epoll_wait(poller, &event, 1, -1) < 0 && errno != EINTR) return 70;
        for (;;) {
            int received = mz_udp_batch_receive(batch, fd);
            if (received <= 0) break;
            for (unsigned slot = 0; slot < (unsigned)received; slot++) {
                size_t length = answer(
                    mz_udp_batch_answer(batch, slot), mz_udp_batch_packet(batch, slot),
                    mz_udp_batch_length(batch, slot));
                mz_udp_batch_set_answer(batch, slot, length);
            }
            mz_udp_batch_send(batch, fd);
            if (received < SLOTS) break;
        }
    }
}
