/// Takes a zone's records one after another, in any order, and makes the zone of them.
struct ZoneBuilder: ~Copyable {
    /// More records than a zone of this server may have.
    static let mostRecords = 16_000_000

    /// What a `Zone` is made of.
    struct Content {
        var origin: DNSName
        var octets: [UInt8] = []
        var nodes: [Zone.Node] = []
        var sets: [Zone.RecordSet] = []
        var records: [Zone.Record] = []
        var soa: Zone.RecordSet
        var nameServers: Zone.RecordSet?
        var warnings: [String] = []
    }

    /// Why a record cannot be part of the zone, or the zone be whole.
    struct Fault: Error { var message: String }

    private struct Entry {
        var owner: Int
        var type: RecordType
        var ttl: UInt32
        var data: Range<Int>
        /// Place in the file.
        var order: Int
    }

    let origin: DNSName
    private var owners: [DNSNameKey: Int] = [:]
    private var names: [DNSNameKey] = []
    private var entries: [Entry] = []
    private var octets: [UInt8] = []
    private var outside = 0
    private var firstOutside: DNSName?

    /// - Parameter origin: in lower case.
    init(origin: DNSName) {
        self.origin = origin
    }

    /// Owner names become lower case, and so do the names in the data of types whose names CoreDNS lowers.
    mutating func add(_ record: ResourceRecord) throws(Fault) {
        guard record.recordClass == internetClass else { throw Fault(message: "expected records of class IN") }
        guard record.type != .nsec3, record.type != .nsec3param else {
            throw Fault(message: "NSEC3 is not supported: sign the zone with NSEC")
        }
        guard entries.count < Self.mostRecords else { throw Fault(message: "expected at most \(Self.mostRecords) records") }
        var owner = record.owner
        _ = owner.lowercase()
        guard owner.hasSuffix(origin) else {
            guard record.type != .soa else {
                throw Fault(message: "expected the SOA record of \(origin), found that of \(owner): name that zone in the Corefile")
            }
            outside += 1
            if firstOutside == nil { firstOutside = owner }
            return
        }
        guard record.type != .soa || owner == origin else {
            throw Fault(message: "expected the SOA record of \(origin), found that of \(owner): name that zone in the Corefile")
        }
        let start = octets.count
        octets += record.type.hasLowerCaseNames ? Self.lowerCase(record) : record.data
        let key = DNSNameKey(owner)
        let index = owners[key] ?? names.count
        if index == names.count {
            owners[key] = index
            names.append(key)
        }
        entries.append(Entry(owner: index, type: record.type, ttl: record.ttl, data: start..<octets.count, order: entries.count))
    }

    private static func lowerCase(_ record: ResourceRecord) -> [UInt8] {
        var data = record.data
        // Lengths of labels are below 64, where no letter is; numbers and parameters around the names must stay.
        var at = record.type == .mx || record.type == .svcb || record.type == .https ? 2 : 0
        for _ in 0..<(record.type == .soa ? 2 : 1) {
            while at < data.count, data[at] != 0 {
                let end = at + 1 + Int(data[at])
                for i in (at + 1)..<min(end, data.count) where data[i] &- 0x41 < 26 { data[i] |= 0x20 }
                at = end
            }
            at += 1
        }
        return data
    }

    /// The whole zone.
    consuming func finish() throws(Fault) -> Zone {
        addEmptyNonTerminals()
        let sortKeys = names.map(\.sortKey)
        let ranks = names.indices.sorted { sortKeys[$0].lexicographicallyPrecedes(sortKeys[$1]) }
        var nodeOf = [Int](repeating: 0, count: names.count)
        for (node, owner) in ranks.enumerated() { nodeOf[owner] = node }
        let sorted = entries.sorted { left, right in
            if left.owner != right.owner { return nodeOf[left.owner] < nodeOf[right.owner] }
            if left.type != right.type { return left.type.rawValue < right.type.rawValue }
            return left.order < right.order
        }
        var sets: [Zone.RecordSet] = []
        var records: [Zone.Record] = []
        records.reserveCapacity(sorted.count)
        var seen: Set<ArraySlice<UInt8>> = []
        for entry in sorted {
            let node = nodeOf[entry.owner]
            if sets.last?.node != node || sets.last?.type != entry.type {
                sets.append(Zone.RecordSet(node: node, type: entry.type, records: records.count..<records.count))
                seen.removeAll(keepingCapacity: true)
            }
            // The same record twice is one (RFC 2181 5).
            guard seen.insert(octets[entry.data]).inserted else { continue }
            records.append(Zone.Record(ttl: entry.ttl, data: entry.data))
            sets[sets.count - 1].records = sets[sets.count - 1].records.lowerBound..<records.count
        }
        var (nodes, next) = ([Zone.Node](), 0)
        nodes.reserveCapacity(names.count)
        for (node, owner) in ranks.enumerated() {
            let first = next
            while next < sets.count, sets[next].node == node { next += 1 }
            let start = octets.count
            octets += names[owner].octets
            nodes.append(Zone.Node(name: start..<octets.count, sets: first..<next))
        }
        return try zone(nodes: nodes, sets: sets, records: records)
    }

    private consuming func zone(nodes: [Zone.Node], sets: [Zone.RecordSet], records: [Zone.Record]) throws(Fault) -> Zone {
        let apex = nodes.first.map { sets[$0.sets] } ?? []
        guard let soa = apex.first(where: { $0.type == .soa }) else {
            let found = firstOutside.map { "; its records are of other zones, like \($0)" } ?? ""
            throw Fault(message: "expected a SOA record of \(origin), found none\(found)")
        }
        guard soa.records.count == 1 else { throw Fault(message: "expected one SOA record, found \(soa.records.count) that differ") }
        var content = Content(origin: origin, soa: soa, nameServers: apex.first { $0.type == .ns })
        if let firstOutside {
            content.warnings.append("left out \(outside) records outside of the zone, the first of \(firstOutside)")
        }
        content.octets = octets
        content.nodes = nodes
        content.sets = sets
        content.records = records
        return Zone(content)
    }

    /// The apex, and every name between it and one that owns records.
    private mutating func addEmptyNonTerminals() {
        func insert(_ key: DNSNameKey) -> Bool {
            guard owners[key] == nil else { return false }
            owners[key] = names.count
            names.append(key)
            return true
        }
        _ = insert(DNSNameKey(origin))
        for index in names.indices {
            var key = names[index]
            while key.octets.count > origin.length, let parent = key.parent, insert(parent) { key = parent }
        }
    }
}

/// A name in wire form as a dictionary's key: as many octets as it has.
struct DNSNameKey: Hashable, Sendable {
    let octets: ArraySlice<UInt8>

    private init(octets: ArraySlice<UInt8>) { self.octets = octets }

    init(_ name: borrowing DNSName) {
        var octets: [UInt8] = []
        octets.reserveCapacity(name.length)
        let storage = name.storage.span
        for i in 0..<name.length { octets.append(storage[i]) }
        self.octets = octets[...]
    }

    /// Octets whose plain order is the canonical order of names: labels from the last to the first, each ended by a 0 that no label holds.
    var sortKey: [UInt8] {
        var labels: [ArraySlice<UInt8>] = []
        var at = octets.startIndex
        while at < octets.endIndex, octets[at] > 0 {
            let end = min(at + 1 + Int(octets[at]), octets.endIndex)
            labels.append(octets[(at + 1)..<end])
            at = end
        }
        var key: [UInt8] = []
        key.reserveCapacity(octets.count + 4)
        for label in labels.reversed() {
            for octet in label { if octet > 1 { key.append(octet) } else { key += [1, octet + 1] } }
            key.append(0)
        }
        return key
    }

    /// Nil for the root.
    var parent: DNSNameKey? {
        guard let size = octets.first, size > 0 else { return nil }
        return DNSNameKey(octets: octets.dropFirst(1 + Int(size)))
    }
}

extension RecordType {
    /// Whether CoreDNS makes the names in its data lower case when it reads a zone.
    fileprivate var hasLowerCaseNames: Bool {
        switch self {
        case .ns, .soa, .cname, .mx, .svcb, .https: true
        default: false
        }
    }
}
