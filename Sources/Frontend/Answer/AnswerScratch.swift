import Names

/// One record's worth of a service: an address, a port, and the label that an endpoint has below its service.
struct AnswerItem: Sendable {
    var address: IPAddress
    /// Nil where a service or slice has no ports: then there is no SRV record for it.
    var port: UInt16?
    /// The endpoint's label as a range of `AnswerScratch.labels`; empty for the service's own name.
    var label: Range<Int>
}

/// Buffers that keep their size, so that collecting an answer does not allocate once a worker has seen a large one.
struct AnswerScratch: ~Copyable {
    var items: [AnswerItem] = []
    var labels: [UInt8] = []
    /// Names in the making: of targets, and of owners that are not the question.
    var target = DNSName()
    var owner = DNSName()
    var duplicates = DuplicateFilter()

    init() {
        items.reserveCapacity(256)
        labels.reserveCapacity(4096)
    }

    mutating func removeAll() {
        items.removeAll(keepingCapacity: true)
        labels.removeAll(keepingCapacity: true)
    }
}

/// Tells whether something was seen before, by index into a list of the caller's.
struct DuplicateFilter: ~Copyable {
    /// Stamp in the upper half, index in the lower.
    private var slots = [UInt64](repeating: 0, count: 512)
    private var stamp: UInt64 = 0
    private var used = 0

    /// Forgets everything, and makes room for `count` things.
    mutating func begin(expecting count: Int) {
        stamp += 1
        used = 0
        if slots.count < count * 2 {
            var size = slots.count
            while size < count * 2 { size *= 2 }
            slots = [UInt64](repeating: 0, count: size)
        }
    }

    /// Remembers `index` unless something equal is there already. Call at most as often as `begin` made room for.
    mutating func isNew(_ index: Int, hash: UInt64, equals: (Int) -> Bool) -> Bool {
        precondition(used < slots.count, "begin makes room")
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
        while slots[slot] >> 32 == stamp {
            if equals(Int(slots[slot] & 0xFFFF_FFFF)) { return false }
            slot = (slot + 1) & mask
        }
        slots[slot] = stamp << 32 | UInt64(index)
        used += 1
        return true
    }
}
