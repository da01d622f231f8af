/// A zone's records, ready to be asked; it never changes.
///
/// Every name that exists is a node: names that own records, and those that only have such names below them (empty non-terminals, RFC 8020).
/// Nodes are in canonical order (RFC 4034 6.1) and have an open hash table beside them; a name's hash goes from its last label to its first, so
/// a walk from the apex to a name costs one pass over the name. Records of a node are together, and those of a type in the file's order.
final class Zone: Sendable {
    struct Node: Sendable {
        /// The name in wire form, lower case: a range of `octets`.
        var name: Range<Int>
        /// Empty for an empty non-terminal.
        var sets: Range<Int>
    }

    /// The records of one type at one name.
    struct RecordSet: Sendable {
        var node: Int
        var type: RecordType
        var records: Range<Int>
    }

    struct Record: Sendable {
        /// Seconds.
        var ttl: UInt32
        /// A range of `octets`: names in full.
        var data: Range<Int>
    }

    let origin: DNSName
    let octets: [UInt8]
    let nodes: [Node]
    let sets: [RecordSet]
    let records: [Record]
    /// Node indices by hash; -1 is empty; always at least half empty.
    private let slots: [Int32]
    /// The apex's records of these types; there is a SOA record, but a zone may lack NS records.
    let soa: RecordSet
    let nameServers: RecordSet?
    let serial: UInt32
    /// Said once, when the zone is loaded.
    let warnings: [String]

    init(_ content: ZoneBuilder.Content) {
        origin = content.origin
        octets = content.octets
        nodes = content.nodes
        sets = content.sets
        records = content.records
        soa = content.soa
        nameServers = content.nameServers
        warnings = content.warnings
        var size = 2
        while size < nodes.count * 2 { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        for index in content.nodes.indices {
            var name = DNSName()
            _ = try? name.read(content.octets.span, at: content.nodes[index].name.lowerBound)
            var slot = Self.slot(Self.hash(name, fromLabel: 0), size)
            while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = Int32(truncatingIfNeeded: index)
        }
        self.slots = slots
        serial = Self.serial(octets, records[soa.records.lowerBound].data)
    }

    /// The number that ends 16 octets before the SOA data's end.
    private static func serial(_ octets: [UInt8], _ data: Range<Int>) -> UInt32 {
        data.count < 20 ? 0 : octets.span.doubleWord(at: data.upperBound - 20)
    }

    // MARK: Hashes

    // FNV-1a, 64 bits, over labels from the last to the first.
    static let rootHash: UInt64 = 0xcbf2_9ce4_8422_2325

    /// The hash of the name that one more label makes.
    static func hash(_ hash: UInt64, adding label: Range<Int>, of octets: Span<UInt8>) -> UInt64 {
        var hash = hash
        // With the length octet before it.
        for i in (label.lowerBound - 1)..<label.upperBound { hash = (hash ^ UInt64(octets[i])) &* 0x100_0000_01b3 }
        return hash
    }

    static func hash(_ name: borrowing DNSName, fromLabel first: Int) -> UInt64 {
        var hash = rootHash
        var label = name.labelCount - 1
        while label >= first {
            hash = Self.hash(hash, adding: name.range(ofLabel: label), of: name.storage.span)
            label -= 1
        }
        return hash
    }

    /// Of the wildcard label `*`.
    static func hashOfWildcard(below hash: UInt64) -> UInt64 {
        ((hash ^ 1) &* 0x100_0000_01b3 ^ 0x2A) &* 0x100_0000_01b3
    }

    private static func slot(_ hash: UInt64, _ size: Int) -> Int { Int(truncatingIfNeeded: hash ^ hash >> 29) & (size - 1) }

    // MARK: Finding

    /// The node of the labels of `name` from `first` on, below `*` if asked; `hash` is that name's. `name` is in lower case.
    func find(_ name: borrowing DNSName, fromLabel first: Int, hash: UInt64, wildcard: Bool = false) -> Int? {
        var slot = Self.slot(hash, slots.count)
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if isNode(index, name, fromLabel: first, wildcard: wildcard) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    func find(_ name: borrowing DNSName) -> Int? { find(name, fromLabel: 0, hash: Self.hash(name, fromLabel: 0)) }

    private func isNode(_ index: Int, _ name: borrowing DNSName, fromLabel first: Int, wildcard: Bool) -> Bool {
        let from = first < name.labelCount ? Int(name.labelOffsets.span[first]) : name.length - 1
        var at = nodes[index].name.lowerBound
        let size = name.length - from
        guard nodes[index].name.count == size + (wildcard ? 2 : 0) else { return false }
        // A class's span needs an owner on the stack.
        let held = octets
        let stored = held.span
        if wildcard {
            guard stored[at] == 1, stored[at + 1] == 0x2A else { return false }
            at += 2
        }
        let wanted = name.storage.span
        for i in 0..<size where stored[at + i] != wanted[from + i] { return false }
        return true
    }

    /// The records of a type at a node.
    func set(_ node: Int, _ type: RecordType) -> Int? {
        for index in nodes[node].sets where sets[index].type == type { return index }
        return nil
    }

    /// The name of a node.
    func read(nameOf node: Int, into name: inout DNSName) {
        let held = octets
        _ = try? name.read(held.span, at: nodes[node].name.lowerBound)
    }

    /// The last node with an NSEC record before `name` in canonical order: that record denies what is between. Nil in an unsigned zone.
    func denier(before name: borrowing DNSName) -> Int? {
        // With one at the apex the way back is short: only glue and empty non-terminals have none.
        guard set(0, .nsec) != nil else { return nil }
        var (low, high) = (0, nodes.count)
        var other = DNSName()
        while low < high {
            let middle = (low + high) / 2
            read(nameOf: middle, into: &other)
            if CanonicalOrder.isBefore(other, name) { low = middle + 1 } else { high = middle }
        }
        while low > 0 {
            low -= 1
            if set(low, .nsec) != nil { return low }
        }
        return nil
    }
}

/// The order of names that DNSSEC denies with (RFC 4034 6.1), for names in lower case.
enum CanonicalOrder {
    /// By labels from the last to the first, octet by octet, a shorter name first.
    static func isBefore(_ left: borrowing DNSName, _ right: borrowing DNSName) -> Bool {
        let (leftOctets, rightOctets) = (left.storage.span, right.storage.span)
        var (a, b) = (left.labelCount, right.labelCount)
        while a > 0, b > 0 {
            a -= 1
            b -= 1
            let (leftLabel, rightLabel) = (left.range(ofLabel: a), right.range(ofLabel: b))
            for i in 0..<min(leftLabel.count, rightLabel.count) {
                let (x, y) = (leftOctets[leftLabel.lowerBound + i], rightOctets[rightLabel.lowerBound + i])
                if x != y { return x < y }
            }
            if leftLabel.count != rightLabel.count { return leftLabel.count < rightLabel.count }
        }
        return a < b
    }
}
