/// The zones of a directive, found by the names below them.
struct ZoneSet: Sendable {
    struct Member: Sendable {
        var origin: DNSName
        /// Nil while its file cannot be read: its names get SERVFAIL.
        var zone: Zone?
    }

    let members: [Member]
    /// Indices by the hash of the origin; -1 is empty; always at least half empty.
    private let slots: [Int32]

    /// - Parameter members: origins in lower case; of two with one origin the first counts.
    init(_ members: [Member]) {
        self.members = members
        var size = 2
        while size < members.count * 2 { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        for index in members.indices {
            var slot = Int(truncatingIfNeeded: Zone.hash(members[index].origin, fromLabel: 0) >> 20) & (size - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = Int32(truncatingIfNeeded: index)
        }
        self.slots = slots
    }

    /// The member with the longest origin that a name in lower case ends with.
    func match(_ name: borrowing DNSName) -> Int? {
        var best: Int?
        var hash = Zone.rootHash
        var label = name.labelCount
        while true {
            if let found = find(name, fromLabel: label, hash) { best = found }
            if label == 0 { return best }
            label -= 1
            hash = Zone.hash(hash, adding: name.range(ofLabel: label), of: name.storage.span)
        }
    }

    private func find(_ name: borrowing DNSName, fromLabel label: Int, _ hash: UInt64) -> Int? {
        var slot = Int(truncatingIfNeeded: hash >> 20) & (slots.count - 1)
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if members[index].origin.labelCount == name.labelCount - label, name.hasSuffix(members[index].origin) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }
}
