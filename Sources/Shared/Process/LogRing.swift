import CMizzenSystem
import Synchronization

/// Lines on their way from the threads that log to the one that writes. Never waits, takes no lock, allocates nothing after `init`.
///
/// Memory contract: the ring is `capacity` bytes, and a position is a count of bytes since the start, so that it never wraps. `head` is
/// what producers have reserved, `tail` what the consumer has given back. A producer reserves room by moving `head`, copies its line
/// behind an 8-byte header, and stores the header last (release); a header is 0 until then. The consumer, one thread, reads records
/// in order as far as their headers are there (acquire), sets what it has read to 0, and then moves `tail` (release), which
/// producers load (acquire) before they reserve. A record does not go around the end: what is left there becomes one without a line.
@safe final class LogRing: @unchecked Sendable {
    // @unchecked: see the memory contract above.
    private static let headerSize = 8
    private static let filled: UInt64 = 1 << 63
    private static let empty: UInt64 = 1 << 62

    let capacity: Int
    private let memory: UnsafeMutableRawPointer
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)

    /// - Parameter capacity: bytes, a power of two from 64 on.
    init(capacity: Int) {
        precondition(capacity >= 64 && capacity.nonzeroBitCount == 1)
        self.capacity = capacity
        unsafe memory = .allocate(byteCount: capacity, alignment: 4096)
        // Safe: the memory was just allocated with this size.
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: capacity)
    }

    deinit { unsafe memory.deallocate() }

    /// Everything appended before this call lies before it.
    var end: Int { head.load(ordering: .relaxed) }

    /// Copies a line in. False, and nothing happens, when there is no room. Any thread.
    func append(_ line: Span<UInt8>) -> Bool {
        let needed = Self.size(ofLine: line.count)
        var start = head.load(ordering: .relaxed)
        while true {
            let room = capacity - start & (capacity - 1)
            let padding = needed <= room ? 0 : room
            guard start + padding + needed - tail.load(ordering: .acquiring) <= capacity else { return false }
            let (isOurs, found) = head.weakCompareExchange(
                expected: start, desired: start + padding + needed, ordering: .relaxed)
            if isOurs {
                if padding > 0 { setHeader(at: start, Self.empty | UInt64(padding)) }
                fill(line, at: start + padding)
                return true
            }
            start = found
        }
    }

    private func fill(_ line: Span<UInt8>, at position: Int) {
        // Safe: the record was reserved by this thread and ends before the ring does.
        unsafe line.withUnsafeBytes { bytes in
            if let source = bytes.baseAddress {
                unsafe address(position + Self.headerSize).copyMemory(from: source, byteCount: bytes.count)
            }
        }
        setHeader(at: position, Self.filled | UInt64(line.count))
    }

    private func setHeader(at position: Int, _ word: UInt64) {
        // Safe: positions are multiples of 8 inside the ring.
        unsafe mz_store_u64_release(address(position), word)
    }

    private func address(_ position: Int) -> UnsafeMutableRawPointer {
        // Safe: the mask keeps it inside the ring.
        unsafe memory + position & (capacity - 1)
    }

    private static func size(ofLine count: Int) -> Int { headerSize + (count + 7) & ~7 }

    /// Moves the next whole lines to the front of `buffer`. The consumer only.
    ///
    /// - Parameter limit: lines beyond this many bytes wait for the next call, unless the first alone is longer.
    /// - Returns: how many bytes and lines that was, and the position after them.
    func take(into buffer: inout [UInt8], limit: Int) -> (bytes: Int, lines: Int, position: Int) {
        var position = tail.load(ordering: .relaxed)
        var taken = (bytes: 0, lines: 0)
        while true {
            // Safe: as in `setHeader`.
            let header = unsafe mz_load_u64_acquire(address(position))
            if header == 0 { break }
            let count = Int(header & 0xFFFF_FFFF)
            if header & Self.empty != 0 {
                setHeader(at: position, 0)
                position += count
                continue
            }
            if taken.bytes + count > (taken.lines == 0 ? buffer.count : limit) { break }
            // Safe: the record is whole (its header was there), ends inside the ring, and fits the buffer.
            unsafe buffer.withUnsafeMutableBytes { target in
                if count > 0, let start = target.baseAddress {
                    unsafe (start + taken.bytes).copyMemory(from: address(position + Self.headerSize), byteCount: count)
                }
            }
            // Safe: as above; nobody else touches a record before `tail` has passed it.
            unsafe address(position).initializeMemory(as: UInt8.self, repeating: 0, count: Self.size(ofLine: count))
            taken.bytes += count
            taken.lines += 1
            position += Self.size(ofLine: count)
        }
        tail.store(position, ordering: .releasing)
        return (taken.bytes, taken.lines, position)
    }
}
