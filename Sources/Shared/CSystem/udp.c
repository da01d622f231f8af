#define _GNU_SOURCE
#include "udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

_Static_assert(sizeof ((struct mz_udp_peer *)0)->control.bytes >= CMSG_SPACE(sizeof(struct in6_pktinfo)), "packet info fits");

struct mz_udp_batch {
    unsigned slots;
    size_t in_size, out_size;
    uint8_t *in, *out;
    struct mz_udp_peer *peers;
    struct mmsghdr *received, *answers;
    struct iovec *in_parts, *out_parts;
    /* Lengths of the answers, 0 for none. */
    size_t *lengths;
    unsigned used;
};

struct mz_udp_batch *mz_udp_batch_create(unsigned slots, size_t in_size, size_t out_size)
{
    struct mz_udp_batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return NULL;
    batch->slots = slots;
    batch->in_size = in_size;
    batch->out_size = out_size;
    batch->peers = calloc(slots, sizeof *batch->peers);
    batch->received = calloc(slots, sizeof *batch->received);
    batch->answers = calloc(slots, sizeof *batch->answers);
    batch->in_parts = calloc(slots, sizeof *batch->in_parts);
    batch->out_parts = calloc(slots, sizeof *batch->out_parts);
    batch->lengths = calloc(slots, sizeof *batch->lengths);
    /* Mapped, so that only the pages which answers really need are ever there. */
    batch->in = mmap(NULL, slots * in_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    batch->out = mmap(NULL, slots * out_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (batch->in == MAP_FAILED)
        batch->in = NULL;
    if (batch->out == MAP_FAILED)
        batch->out = NULL;
    if (!batch->peers || !batch->received || !batch->answers || !batch->in_parts || !batch->out_parts || !batch->lengths ||
        !batch->in || !batch->out) {
        mz_udp_batch_free(batch);
        return NULL;
    }
    return batch;
}

void mz_udp_batch_free(struct mz_udp_batch *batch)
{
    if (!batch)
        return;
    if (batch->in)
        munmap(batch->in, batch->slots * batch->in_size);
    if (batch->out)
        munmap(batch->out, batch->slots * batch->out_size);
    free(batch->peers);
    free(batch->received);
    free(batch->answers);
    free(batch->in_parts);
    free(batch->out_parts);
    free(batch->lengths);
    free(batch);
}

/* Turns the packet info of a datagram into the ancillary data that sends its answer from the same address. */
static void keep_local_address(struct mz_udp_peer *peer, struct msghdr *header)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item)) {
        if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(item), sizeof info);
            /* The interface is left to the routes: a client may be reached by another one than its query came by. */
            info.ipi_ifindex = 0;
            info.ipi_spec_dst = info.ipi_addr;
            memcpy(CMSG_DATA(item), &info, sizeof info);
            peer->control_length = (uint32_t)CMSG_SPACE(sizeof info);
        } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(item), sizeof info);
            /* Link-local addresses mean nothing without their interface. */
            if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
                info.ipi6_ifindex = 0;
            memcpy(CMSG_DATA(item), &info, sizeof info);
            peer->control_length = (uint32_t)CMSG_SPACE(sizeof info);
        }
    }
}

int mz_udp_batch_receive(struct mz_udp_batch *batch, int fd)
{
    batch->used = 0;
    for (unsigned i = 0; i < batch->slots; i++) {
        struct msghdr *header = &batch->received[i].msg_hdr;
        batch->in_parts[i].iov_base = batch->in + i * batch->in_size;
        batch->in_parts[i].iov_len = batch->in_size;
        header->msg_name = &batch->peers[i].remote;
        header->msg_namelen = sizeof batch->peers[i].remote;
        header->msg_iov = &batch->in_parts[i];
        header->msg_iovlen = 1;
        header->msg_control = batch->peers[i].control.bytes;
        header->msg_controllen = sizeof batch->peers[i].control.bytes;
        header->msg_flags = 0;
    }
    int count = recvmmsg(fd, batch->received, batch->slots, MSG_DONTWAIT, NULL);
    if (count < 0)
        return count;
    for (int i = 0; i < count; i++) {
        struct msghdr *header = &batch->received[i].msg_hdr;
        struct mz_udp_peer *peer = &batch->peers[i];
        peer->remote_length = header->msg_namelen;
        peer->control_length = 0;
        if (header->msg_controllen > 0)
            keep_local_address(peer, header);
        if (header->msg_flags & MSG_TRUNC)
            batch->received[i].msg_len = 0;
        batch->lengths[i] = 0;
    }
    batch->used = (unsigned)count;
    return count;
}

const uint8_t *mz_udp_batch_packet(const struct mz_udp_batch *batch, unsigned slot) { return batch->in + slot * batch->in_size; }
size_t mz_udp_batch_length(const struct mz_udp_batch *batch, unsigned slot) { return batch->received[slot].msg_len; }
int mz_udp_batch_is_oversized(const struct mz_udp_batch *batch, unsigned slot)
{
    return (batch->received[slot].msg_hdr.msg_flags & MSG_TRUNC) != 0;
}
const struct mz_udp_peer *mz_udp_batch_peer(const struct mz_udp_batch *batch, unsigned slot) { return &batch->peers[slot]; }
uint8_t *mz_udp_batch_answer(struct mz_udp_batch *batch, unsigned slot) { return batch->out + slot * batch->out_size; }
void mz_udp_batch_set_answer(struct mz_udp_batch *batch, unsigned slot, size_t length) { batch->lengths[slot] = length; }

static void address_answer(struct msghdr *header, struct iovec *part, const struct mz_udp_peer *peer)
{
    memset(header, 0, sizeof *header);
    header->msg_name = (void *)&peer->remote;
    header->msg_namelen = peer->remote_length;
    header->msg_iov = part;
    header->msg_iovlen = 1;
    if (peer->control_length > 0) {
        header->msg_control = (void *)peer->control.bytes;
        header->msg_controllen = peer->control_length;
    }
}

int mz_udp_batch_send(struct mz_udp_batch *batch, int fd)
{
    unsigned count = 0;
    for (unsigned i = 0; i < batch->used; i++) {
        if (batch->lengths[i] == 0)
            continue;
        batch->out_parts[count].iov_base = batch->out + i * batch->out_size;
        batch->out_parts[count].iov_len = batch->lengths[i];
        address_answer(&batch->answers[count].msg_hdr, &batch->out_parts[count], &batch->peers[i]);
        count++;
    }
    batch->used = 0;
    unsigned next = 0;
    int lost = 0;
    while (next < count) {
        int sent = sendmmsg(fd, batch->answers + next, count - next, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            next += (unsigned)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
            /* A client asks again; waiting here would delay everyone. */
            return lost + (int)(count - next);
        } else if (errno != EINTR) {
            lost++;
            next++;
        }
    }
    return lost;
}

int mz_udp_peer_is_v6(const struct mz_udp_peer *peer) { return peer->remote.ss_family == AF_INET6; }

ssize_t mz_udp_send(int fd, const struct mz_udp_peer *peer, const uint8_t *bytes, size_t count)
{
    struct msghdr header;
    struct iovec part = {(void *)bytes, count};
    address_answer(&header, &part, peer);
    return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}
