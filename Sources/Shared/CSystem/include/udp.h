#ifndef MIZZEN_UDP_H
#define MIZZEN_UDP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Where a datagram came from, and which of our addresses it came to where the socket has packet info: enough to answer it later. */
struct mz_udp_peer {
    struct sockaddr_storage remote;
    socklen_t remote_length;
    uint32_t control_length;
    /* The ancillary data of the answer, ready to send. */
    union {
        char bytes[64];
        size_t align;
    } control;
};

/* A fixed number of slots, each with room for one datagram received and the answer to it. One thread uses a batch. */
struct mz_udp_batch;

struct mz_udp_batch *mz_udp_batch_create(unsigned slots, size_t in_size, size_t out_size);
void mz_udp_batch_free(struct mz_udp_batch *batch);
/* Receives what is there, at most one datagram a slot. How many, or -1 with errno. Answers of the last round are forgotten. */
int mz_udp_batch_receive(struct mz_udp_batch *batch, int fd);
const uint8_t *mz_udp_batch_packet(const struct mz_udp_batch *batch, unsigned slot);
/* 0 for a datagram that did not fit the slot. */
size_t mz_udp_batch_length(const struct mz_udp_batch *batch, unsigned slot);
int mz_udp_batch_is_oversized(const struct mz_udp_batch *batch, unsigned slot);
const struct mz_udp_peer *mz_udp_batch_peer(const struct mz_udp_batch *batch, unsigned slot);
uint8_t *mz_udp_batch_answer(struct mz_udp_batch *batch, unsigned slot);
void mz_udp_batch_set_answer(struct mz_udp_batch *batch, unsigned slot, size_t length);
/* Sends the answers that were set. How many were lost (a full buffer, an unreachable client). */
int mz_udp_batch_send(struct mz_udp_batch *batch, int fd);

int mz_udp_peer_is_v6(const struct mz_udp_peer *peer);
ssize_t mz_udp_send(int fd, const struct mz_udp_peer *peer, const uint8_t *bytes, size_t count);

#endif
