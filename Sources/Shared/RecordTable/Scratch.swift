import CMizzenSystem

/// A reader's own memory for validated copies. Grows to the largest answer it has met and then stays, so that look-ups
/// do not allocate.
@safe
final class Scratch {
    struct Entry {
        var offset: Int
        var length: Int
        var firstLength: Int
        var secondLength: Int
        var suffixLength: Int
    }

    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    private var used = 0
    private(set) var entries: [Entry] = []

    init(capacity: Int = 16_384) {
        unsafe memory = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        self.capacity = capacity
        entries.reserveCapacity(64)
    }

    deinit {
        // Safe: spans of this memory live only inside closures that run while the reader, and so this object, is held.
        unsafe memory.deallocate()
    }

    func reset() {
        used = 0
        entries.removeAll(keepingCapacity: true)
    }

    /// Room for `bytes` more, aligned to 8.
    func reserve(_ bytes: Int) -> UnsafeMutableRawPointer {
        if used + bytes > capacity {
            let larger = max(capacity * 2, used + bytes)
            // Safe: the old bytes are copied before they are freed, and no span of them is alive: a look-up that
            // reserves has not called its closure yet.
            let next = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 8)
            unsafe next.copyMemory(from: memory, byteCount: used)
            unsafe memory.deallocate()
            unsafe memory = next
            capacity = larger
        }
        // Safe: inside the allocation, by the check above.
        return unsafe memory + used
    }

    /// Keeps what was written at the last `reserve`, if it is what the look-up wants.
    @inline(__always)
    func keep(_ entry: Entry, if matches: (borrowing RecordCopy) -> Bool) -> Bool {
        var placed = entry
        placed.offset = used
        guard withEntry(placed, matches) else { return false }
        entries.append(placed)
        used += (entry.length + 7) & ~7
        return true
    }

    /// Calls `body` with the bytes of one entry.
    @inline(__always)
    func withEntry<R>(_ entry: Entry, _ body: (borrowing RecordCopy) -> R) -> R {
        // Safe: offset and length were reserved in this memory, which is neither freed nor reused until `reset`, and a
        // closure cannot reset it: nested look-ups use another scratch.
        let start = unsafe (memory + entry.offset).assumingMemoryBound(to: UInt8.self)
        let bytes = unsafe Span<UInt8>(_unsafeStart: start, count: entry.length)
        return body(
            RecordCopy(
                block: bytes, firstLength: entry.firstLength, secondLength: entry.secondLength,
                suffixLength: entry.suffixLength))
    }
}
