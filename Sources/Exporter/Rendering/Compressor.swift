import CZlib
import Glibc
@_spi(CustomByteBufferAllocator) import NIOCore

/// A piece of text as deflate blocks (RFC 1951) that refer to nothing before them and end on a byte: whatever is put before or after them,
/// they mean the same.
struct DeflatedText: Sendable {
    let blocks: ByteBuffer
    fileprivate let checksum: UInt
    /// Bytes of text.
    fileprivate let size: Int
}

/// Puts deflated pieces together to one gzip file (RFC 1952), so that each piece is compressed by itself, once, and sent in any order.
struct GzipFile {
    private var checksum: UInt = 0
    private var size = 0

    /// What stands before the first piece: deflate, without name and time, from Unix.
    static let head = ByteBuffer(bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])

    mutating func append(_ text: DeflatedText) -> ByteBuffer {
        checksum = crc32_combine(checksum, text.checksum, text.size)
        size += text.size
        return text.blocks
    }

    /// What stands behind the last piece: a last block without content, the checksum, and the size modulo 2^32.
    var tail: ByteBuffer {
        var buffer = ByteBuffer(bytes: [3, 0])
        buffer.writeInteger(UInt32(truncatingIfNeeded: checksum), endianness: .little)
        buffer.writeInteger(UInt32(truncatingIfNeeded: size), endianness: .little)
        return buffer
    }
}

/// Deflates pieces of text. Not for several threads at once.
@safe final class Compressor {
    /// Above this zlib takes twice the time for a tenth less.
    private static let level: Int32 = 4

    private var stream = unsafe z_stream()
    /// The text that is compressed, and room for what it becomes: it is not known beforehand how long it gets.
    private var text = ByteBuffer()
    private var room: [UInt8] = []

    init() {
        // Safe: the stream lives as long as this, at one address, as zlib asks for: it is a stored property of an object, and only ever
        // lent out.
        let result = unsafe mizzen_deflate_init(&stream, Self.level)
        // zlib refuses only parameters that it does not know, and where there is no memory.
        precondition(result == Z_OK, "zlib \(result)")
    }

    deinit { _ = unsafe deflateEnd(&stream) }

    /// - Parameter print: appends the text.
    func deflated(_ print: (inout ByteBuffer) -> Void) -> DeflatedText {
        text.clear()
        print(&text)
        return deflated(text)
    }

    /// - Returns: a buffer that holds no byte more than the blocks, as it is kept.
    func deflated(_ text: ByteBuffer) -> DeflatedText {
        _ = unsafe deflateReset(&stream)
        // An upper bound for a whole stream, whose head and end are longer than the flush's empty block, so that one call does all.
        let bound = unsafe Int(deflateBound(&stream, uLong(text.readableBytes))) + 16
        if room.count < bound { room = Array(repeating: 0, count: bound) }
        let (size, checksum) = unsafe text.withUnsafeReadableBytes { text in
            unsafe room.withUnsafeMutableBufferPointer { room in
                // Safe: zlib reads and writes only within the counts that are set here, and not after the call; it does not write to its
                // input.
                let input = unsafe text.bindMemory(to: UInt8.self).baseAddress
                unsafe stream.next_in = UnsafeMutablePointer(mutating: input)
                unsafe stream.avail_in = UInt32(text.count)
                unsafe stream.next_out = room.baseAddress
                unsafe stream.avail_out = UInt32(room.count)
                let result = unsafe deflate(&stream, Z_FULL_FLUSH)
                unsafe precondition(result == Z_OK && stream.avail_in == 0 && stream.avail_out > 0, "zlib \(result)")
                return unsafe (room.count - Int(stream.avail_out), crc32(0, input, UInt32(text.count)))
            }
        }
        // Safe: malloc gives nil only when there is no memory, where nothing can go on; the buffer frees what malloc gave with free, as NIO's
        // own allocator does. What NIO allocates itself is rounded up to a power of two.
        let memory = unsafe UnsafeMutableRawBufferPointer(start: malloc(size), count: size)
        unsafe memory.copyBytes(from: room.prefix(size))
        let blocks = unsafe ByteBuffer(takingOwnershipOf: memory, allocator: ByteBufferAllocator())
        return DeflatedText(blocks: blocks, checksum: checksum, size: text.readableBytes)
    }
}
