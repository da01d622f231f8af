#include <zlib.h>

// What zlib.h has as a macro, which Swift cannot call: a stream of bare deflate blocks (RFC 1951), windows of 32 KB.
static inline int mizzen_deflate_init(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
}
