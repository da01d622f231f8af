import CMizzenSystem
import Glibc
import Synchronization

/// Messages on their way from many threads to the one that writes them out: log lines, frames of dnstap. Never waits, takes no lock,
/// allocates nothing after `init`.
///
/// Memory contract: the ring is `capacity` bytes, and a position is a count of bytes since the start, so that it never wraps. `head` is
/// what producers have reserved, `tail` what the consumer has given back. A producer reserves room by moving `head`, writes its message
/// behind an 8-byte header, and stores the header last (release); a header is 0 until then. The consumer, one thread, reads messages
/// in order as far as their headers are there (acquire), sets what it has read to 0, and then moves `tail` (release), which
/// producers load (acquire) before they reserve. A message does not go around the end: what is left there becomes one without bytes.
@safe public final class MessageRing: @unchecked Sendable {
    // @unchecked: see the memory contract above.
    private static let headerSize = 8
    private static let filled: UInt64 = 1 << 63
    private static let empty: UInt64 = 1 << 62

    public let capacity: Int
    /// In bytes; a longer message is refused, so that a buffer of this size takes each.
    public let longestMessage: Int
    private let memory: UnsafeMutableRawPointer
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)

    /// The memory becomes the process's page by page, as it is first written.
    ///
    /// - Parameters:
    ///   - capacity: bytes, a power of two from 64 on.
    ///   - longestMessage: in bytes; at most `capacity - 8`.
    public init(capacity: Int, longestMessage: Int) {
        precondition(capacity >= 64 && capacity.nonzeroBitCount == 1 && longestMessage <= capacity - Self.headerSize)
        self.capacity = capacity
        self.longestMessage = longestMessage
        // Safe: the block is this object's own until `deinit`.
        guard let block = unsafe calloc(1, capacity) else { fatalError("no memory for a ring of \(capacity) bytes") }
        unsafe memory = block
    }

    deinit { unsafe free(memory) }

    /// Everything appended before this call lies before it.
    public var end: Int { head.load(ordering: .relaxed) }

    /// Bytes that wait for the consumer, headers included; by the time it is read it may be more or less.
    public var waiting: Int { max(0, head.load(ordering: .relaxed) - tail.load(ordering: .relaxed)) }

    /// Copies a message in. False, and nothing happens, when there is no room. Any thread.
    public func append(_ message: Span<UInt8>) -> Bool {
        append(count: message.count) { $0.append(copying: message) }
    }

    /// Takes a message that `fill` writes in its place. False, and `fill` is not called, when there is no room. Any thread.
    ///
    /// - Parameter fill: writes `count` bytes; those that it leaves out are 0. Messages after this one wait for it.
    public func append(count: Int, _ fill: (inout OutputSpan<UInt8>) -> Void) -> Bool {
        guard count <= longestMessage else { return false }
        let needed = Self.size(of: count)
        var start = head.load(ordering: .relaxed)
        while true {
            let room = capacity - start & (capacity - 1)
            let padding = needed <= room ? 0 : room
            guard start + padding + needed - tail.load(ordering: .acquiring) <= capacity else { return false }
            let (isOurs, found) = head.weakCompareExchange(
                expected: start, desired: start + padding + needed, ordering: .relaxed)
            if isOurs {
                if padding > 0 { setHeader(at: start, Self.empty | UInt64(padding)) }
                write(count, at: start + padding, fill)
                return true
            }
            start = found
        }
    }

    private func write(_ count: Int, at position: Int, _ fill: (inout OutputSpan<UInt8>) -> Void) {
        // Safe: the message was reserved by this thread and ends before the ring does; its bytes are 0 until then.
        let bytes = unsafe address(position + Self.headerSize).assumingMemoryBound(to: UInt8.self)
        var output = unsafe OutputSpan(buffer: UnsafeMutableBufferPointer(start: bytes, count: count), initializedCount: 0)
        fill(&output)
        // Safe: the span is of this buffer; what it has written stays there.
        _ = unsafe output.finalize(for: UnsafeMutableBufferPointer(start: bytes, count: count))
        setHeader(at: position, Self.filled | UInt64(count))
    }

    private func setHeader(at position: Int, _ word: UInt64) {
        // Safe: positions are multiples of 8 inside the ring.
        unsafe mz_store_u64_release(address(position), word)
    }

    private func address(_ position: Int) -> UnsafeMutableRawPointer {
        // Safe: the mask keeps it inside the ring.
        unsafe memory + position & (capacity - 1)
    }

    private static func size(of count: Int) -> Int { headerSize + (count + 7) & ~7 }

    /// Moves the next whole messages to the front of `buffer`. The consumer only.
    ///
    /// - Parameters:
    ///   - buffer: of at least `longestMessage` bytes.
    ///   - limit: messages beyond this many bytes wait for the next call, unless the first alone is longer.
    /// - Returns: how many bytes and messages that was, and the position after them.
    public func take(into buffer: inout [UInt8], limit: Int) -> (bytes: Int, messages: Int, position: Int) {
        var position = tail.load(ordering: .relaxed)
        var taken = (bytes: 0, messages: 0)
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
            if taken.bytes + count > (taken.messages == 0 ? buffer.count : limit) { break }
            // Safe: the message is whole (its header was there), ends inside the ring, and fits the buffer.
            unsafe buffer.withUnsafeMutableBytes { target in
                if count > 0, let start = target.baseAddress {
                    unsafe (start + taken.bytes).copyMemory(from: address(position + Self.headerSize), byteCount: count)
                }
            }
            // Safe: as above; nobody else touches a message before `tail` has passed it.
            unsafe address(position).initializeMemory(as: UInt8.self, repeating: 0, count: Self.size(of: count))
            taken.bytes += count
            taken.messages += 1
            position += Self.size(of: count)
        }
        tail.store(position, ordering: .releasing)
        return (taken.bytes, taken.messages, position)
    }
}

extension OutputSpan<UInt8> {
    /// Appends all of `bytes`, or nothing where there is no room for all.
    public mutating func append(copying bytes: Span<UInt8>) {
        guard bytes.count <= freeCapacity else { return }
        // Safe: the room behind `count` was just looked at, and the two do not overlap: one is being written for the first time.
        unsafe withUnsafeMutableBufferPointer { target, count in
            unsafe bytes.withUnsafeBufferPointer { source in
                if let from = source.baseAddress, let to = target.baseAddress {
                    unsafe (to + count).initialize(from: from, count: source.count)
                }
            }
            count += bytes.count
        }
    }
}
