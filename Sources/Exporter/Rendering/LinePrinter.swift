import NIOCore

/// Puts lines together: the family's name, the labels that identify the object, and the rest, three copies a line.
///
/// This is what a scrape does 240,000 times for 5,000 pods. Parts are some 20 to 100 bytes long, for which a call of memcpy costs more than
/// the bytes: they are copied in steps of 32 bytes, over their ends, and what is too much is overwritten by the next part. So each source has
/// ``padding`` bytes behind its last, and the target as many.
enum LinePrinter {
    /// Bytes.
    static let padding = 32

    /// Appends the lines of a piece.
    /// - Parameter name: the family's, with ``padding`` bytes behind it.
    static func print(_ piece: TextPiece, _ identities: IdentityList, name: [UInt8], into buffer: inout ByteBuffer) {
        buffer.reserveCapacity(minimumWritableBytes: piece.size + padding)
        // Safe: the pointers are used only during the calls. A piece's lengths were written together with its content, for as many places
        // as there are identities, and its size is the sum of what is copied here: `size` bytes are written, and at most padding - 1 more,
        // for which there is room. Reads go at most padding - 1 bytes beyond a part, where the arrays have as many.
        unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: piece.size + padding) { target in
            unsafe name.withUnsafeBytes { name in
                unsafe identities.bytes.withUnsafeBytes { labels in
                    unsafe piece.bytes.withUnsafeBytes { samples in
                        unsafe print(
                            samples.baseAddress!, labels.baseAddress!, identities.starts, name.baseAddress!, name.count - padding,
                            target.baseAddress!)
                    }
                }
            }
        }
    }

    /// - Returns: how many bytes were written.
    private static func print(
        _ samples: UnsafeRawPointer, _ labels: UnsafeRawPointer, _ starts: [UInt32], _ name: UnsafeRawPointer, _ nameLength: Int,
        _ target: UnsafeMutableRawPointer
    ) -> Int {
        var (source, out) = unsafe (samples, target)
        for slot in 0..<starts.count - 1 {
            let end = unsafe readLength(&source)
            guard end > 0 else { continue }
            let (identity, identityLength) = unsafe (labels + Int(starts[slot]), Int(starts[slot + 1] - starts[slot]))
            let last = unsafe source + end
            while unsafe source < last {
                let length = unsafe readLength(&source)
                unsafe copy(name, nameLength, &out)
                unsafe copy(identity, identityLength, &out)
                unsafe copy(source, length, &out)
                unsafe source += length
            }
        }
        return unsafe out - target
    }

    @inline(__always)
    private static func readLength(_ source: inout UnsafeRawPointer) -> Int {
        let short = unsafe source.load(as: UInt8.self)
        unsafe source += 1
        guard short == 255 else { return Int(short) }
        let long = unsafe UInt32(littleEndian: source.loadUnaligned(as: UInt32.self))
        unsafe source += 4
        return Int(long)
    }

    @inline(__always)
    private static func copy(_ source: UnsafeRawPointer, _ count: Int, _ target: inout UnsafeMutableRawPointer) {
        var done = 0
        repeat {
            unsafe (target + done).storeBytes(of: (source + done).loadUnaligned(as: SIMD32<UInt8>.self), as: SIMD32<UInt8>.self)
            done += 32
        } while done < count
        unsafe target += count
    }
}
