// scrape-floor FILE PORT PIECE: answers every request on 127.0.0.1:PORT with FILE, held in memory in pieces of PIECE bytes each allocated by
// itself, by writev over them. It is what serving an exposition costs when there is nothing but serving: the floor of `scripts/bench scrape`.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { batch = 1024 };

static void fail(const char *what) {
    perror(what);
    exit(69);
}

// Reads until the empty line that ends a request; 0 when the client has closed.
static int read_request(int client) {
    char text[8192];
    size_t length = 0;
    for (;;) {
        ssize_t got = read(client, text + length, sizeof text - 1 - length);
        if (got <= 0) return 0;
        length += (size_t)got;
        text[length] = 0;
        if (strstr(text, "\r\n\r\n")) return 1;
        if (length == sizeof text - 1) return 0;
    }
}

static int write_all(int client, struct iovec *pieces, size_t count) {
    while (count > 0) {
        ssize_t sent = writev(client, pieces, (int)(count < batch ? count : batch));
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return 0;
        while (count > 0 && (size_t)sent >= pieces->iov_len) {
            sent -= (ssize_t)pieces->iov_len;
            pieces++;
            count--;
        }
        if (count > 0) {
            pieces->iov_base = (char *)pieces->iov_base + sent;
            pieces->iov_len -= (size_t)sent;
        }
    }
    return 1;
}

int main(int count, char **words) {
    if (count != 4) {
        fprintf(stderr, "usage: scrape-floor FILE PORT PIECE\n");
        return 64;
    }
    FILE *file = fopen(words[1], "rb");
    if (!file) fail(words[1]);
    size_t piece = strtoul(words[3], NULL, 10), number = 0, room = 0, size = 0;
    struct iovec *pieces = NULL;
    for (;;) {
        char *bytes = malloc(piece);
        size_t got = fread(bytes, 1, piece, file);
        if (got == 0) break;
        if (number == room) pieces = realloc(pieces, (room = room * 2 + 64) * sizeof *pieces);
        pieces[number++] = (struct iovec){ bytes, got };
        size += got;
    }
    int server = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[2])),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 16)) fail("listen");
    struct iovec *left = malloc((number + 1) * sizeof *left);
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client < 0) fail("accept");
        while (read_request(client)) {
            char head[160];
            int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", size);
            left[0] = (struct iovec){ head, (size_t)length };
            memcpy(left + 1, pieces, number * sizeof *left);
            if (!write_all(client, left, number + 1)) break;
        }
        close(client);
    }
}
