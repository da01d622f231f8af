// dns-floor PORT: the least that a DNS server over UDP can do. It answers every query with one fixed address record, through
// the same batch system calls as mizzen-frontend, and looks at nothing but the question's end.
//
// dns-floor PORT API-PORT REQUEST MARK: the least that can be done between learning of a change and answering with it. The record
// is an SRV record, and its port number the first one of the last line with MARK in what the API server sends after REQUEST, a
// watch of all services. So it is told what Mizzen is told, by the same server over the same kind of connection, and the
// client does not know which of the two it asks. But it only looks for the number in the bytes and writes it into the record in
// its own memory: nothing is decoded, kept, published or handed to another process. One loop on one thread reads changes
// before queries, so that no answer waits for a wake-up, and none is older than what has arrived.
//
// `make bench` states Mizzen's figures as multiples of this program's, measured in the same run.

#define _GNU_SOURCE
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

enum { SLOTS = 32, PACKET = 4096, HEADER = 12, PORT_OFFSET = 16, TEXT = 1 << 20 };

struct record {
    size_t length;
    uint8_t bytes[32];
};

static const struct record address_record = {16, {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 96, 0, 1}};
static const struct record service_record = {19, {0xc0, 0x0c, 0, 33, 0, 1, 0, 0, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0}};

/// Writes the answer to `query` and returns its length, or 0 where there is no question to echo.
static size_t answer(uint8_t *out, const uint8_t *query, size_t length, const struct record *record) {
    size_t end = HEADER;
    while (end < length && query[end] != 0) end += query[end] + 1u;
    end += 5;  // root label, type, class
    if (end > length || end + record->length > PACKET) return 0;
    memcpy(out, query, end);
    out[2] |= 0x84;  // QR, AA
    out[3] = 0;
    memset(out + 6, 0, 6);
    out[7] = 1;
    memcpy(out + end, record->bytes, record->length);
    return end + record->length;
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

/// A connection to the API server over which the watch has been asked for.
static int watching(uint16_t port, const char *request) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ssize_t length = (ssize_t)strlen(request);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 || send(fd, request, (size_t)length, 0) != length) {
        fprintf(stderr, "dns-floor: cannot watch 127.0.0.1:%u: %s\n", port, strerror(errno));
        exit(69);
    }
    return fd;
}

/// Reads what has arrived, and takes the port number of the last whole line with `mark` into the record.
static void learn(int fd, const char *mark, struct record *record) {
    static const char member[] = "\"port\":";
    static char text[TEXT];
    static size_t held;
    ssize_t received;
    while ((received = recv(fd, text + held, sizeof text - held, MSG_DONTWAIT)) > 0) {
        held += (size_t)received;
        char *line = text, *end;
        while ((end = memchr(line, '\n', held - (size_t)(line - text))) != NULL) {
            size_t length = (size_t)(end - line);
            char *found = memmem(line, length, mark, strlen(mark)) ? memmem(line, length, member, sizeof member - 1) : NULL;
            if (found) {
                int port = atoi(found + sizeof member - 1);
                record->bytes[PORT_OFFSET] = (uint8_t)(port >> 8);
                record->bytes[PORT_OFFSET + 1] = (uint8_t)port;
            }
            line = end + 1;
        }
        held -= (size_t)(line - text);
        memmove(text, line, held);
    }
    if (received == 0 || errno != EAGAIN) {
        fprintf(stderr, "dns-floor: the watch has ended\n");
        exit(70);
    }
}

int main(int count, char **words) {
    if ((count != 2 && count != 5) || atoi(words[1]) <= 0) {
        fprintf(stderr, "usage: dns-floor PORT [API-PORT REQUEST MARK]\n");
        return 64;
    }
    struct record record = count == 5 ? service_record : address_record;
    int fd = listening((uint16_t)atoi(words[1]));
    int watch = count == 5 ? watching((uint16_t)atoi(words[2]), words[3]) : -1;
    int poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    if (watch >= 0) epoll_ctl(poller, EPOLL_CTL_ADD, watch, &event);
    struct mz_udp_batch *batch = mz_udp_batch_create(SLOTS, PACKET, PACKET);
    for (;;) {
        // Which of the two is ready does not matter: both are read until nothing is left.
        if (epoll_wait(poller, &event, 1, -1) < 0 && errno != EINTR) return 70;
        if (watch >= 0) learn(watch, words[4], &record);
        for (;;) {
            int received = mz_udp_batch_receive(batch, fd);
            if (received <= 0) break;
            for (unsigned slot = 0; slot < (unsigned)received; slot++) {
                size_t length = answer(
                    mz_udp_batch_answer(batch, slot), mz_udp_batch_packet(batch, slot),
                    mz_udp_batch_length(batch, slot), &record);
                mz_udp_batch_set_answer(batch, slot, length);
            }
            mz_udp_batch_send(batch, fd);
            if (received < SLOTS) break;
        }
    }
}
