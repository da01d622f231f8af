/// A set of namespace names, built once, asked for every query without allocating.
struct NameSet: Sendable {
    private var octets: [UInt8] = []
    private var ranges: [Range<Int>] = []
    /// Open hash table: index into `ranges` plus one, 0 for none.
    private var slots: [Int]

    var isEmpty: Bool { ranges.isEmpty }

    init(_ names: [String]) {
        var size = 8
        while size < names.count * 2 { size *= 2 }
        slots = [Int](repeating: 0, count: size)
        for name in names {
            let start = octets.count
            octets += Array(name.utf8)
            ranges.append(start..<octets.count)
            var slot = Self.hash(octets.span.extracting(start..<octets.count)) & (size - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = ranges.count
        }
    }

    func contains(_ name: Span<UInt8>) -> Bool {
        var slot = Self.hash(name) & (slots.count - 1)
        while slots[slot] != 0 {
            if octets.span.extracting(ranges[slots[slot] - 1]).equals(name) { return true }
            slot = (slot + 1) & (slots.count - 1)
        }
        return false
    }

    private static func hash(_ name: Span<UInt8>) -> Int {
        var value: UInt32 = 2_166_136_261
        for i in 0..<name.count { value = (value ^ UInt32(name[i])) &* 16_777_619 }
        return Int(value)
    }
}
