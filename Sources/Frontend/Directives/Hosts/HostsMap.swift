import Names

/// Names and addresses of a hosts file and of a Corefile's entries, ready to be looked up without allocating.
struct HostsMap: Sendable {
    private struct Entry: Sendable {
        /// The name in wire form, lower case: a range of `names`.
        var name: Range<Int>
        var v4: [IPAddress] = []
        var v6: [IPAddress] = []
    }

    private var names: [UInt8] = []
    private var entries: [Entry] = []
    /// Open addressing by hash; -1 is empty; always at least half empty.
    private var slots: [Int32] = [-1, -1]
    private var reverse: [IPAddress: [DNSName]] = [:]

    /// Names and addresses, each address of each name counted once, and so for the way back.
    private(set) var count = 0

    /// - Parameters:
    ///   - lines: in the order of the answers.
    ///   - zones: names outside all of them are left out.
    init(_ lines: [HostsSettings.Entry], zones: [ZoneName], answersReverse: Bool) {
        for line in lines {
            for zoneName in line.names where zones.contains(where: { $0.contains(zoneName) }) {
                guard let name = try? DNSName(zoneName.text) else { continue }
                add(name, line.address)
                count += 1
                if answersReverse {
                    reverse[line.address, default: []].append(name)
                    count += 1
                }
            }
        }
    }

    var isEmpty: Bool { entries.isEmpty }

    private mutating func add(_ name: DNSName, _ address: IPAddress) {
        let index: Int
        if let known = find(name) {
            index = known
        } else {
            let start = names.count
            let octets = name.storage.span
            for i in 0..<name.length { names.append(octets[i]) }
            index = entries.count
            entries.append(Entry(name: start..<names.count))
            if entries.count * 2 > slots.count { grow() } else { place(index) }
        }
        switch address {
        case .v4: entries[index].v4.append(address)
        case .v6: entries[index].v6.append(address)
        }
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: slots.count * 2)
        for index in entries.indices { place(index) }
    }

    private mutating func place(_ index: Int) {
        var hash: UInt64 = Self.seed
        for i in entries[index].name { hash = (hash ^ UInt64(names[i])) &* Self.prime }
        var slot = Int(truncatingIfNeeded: hash >> 20) & (slots.count - 1)
        while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = Int32(index)
    }

    // FNV-1a, 64 bits.
    private static let seed: UInt64 = 0xcbf2_9ce4_8422_2325
    private static let prime: UInt64 = 0x100_0000_01b3

    private func find(_ name: borrowing DNSName) -> Int? {
        if entries.isEmpty { return nil }
        var hash = Self.seed
        let octets = name.storage.span
        for i in 0..<name.length { hash = (hash ^ UInt64(octets[i])) &* Self.prime }
        var slot = Int(truncatingIfNeeded: hash >> 20) & (slots.count - 1)
        while slots[slot] >= 0 {
            let range = entries[Int(slots[slot])].name
            if isName(at: range, name) { return Int(slots[slot]) }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func isName(at range: Range<Int>, _ name: borrowing DNSName) -> Bool {
        guard range.count == name.length else { return false }
        let octets = name.storage.span
        for i in 0..<name.length where names[range.lowerBound + i] != octets[i] { return false }
        return true
    }

    /// The addresses of a name in lower case; nil when the name has no entry.
    func addresses(of name: borrowing DNSName) -> (v4: [IPAddress], v6: [IPAddress])? {
        guard let index = find(name) else { return nil }
        return (entries[index].v4, entries[index].v6)
    }

    /// The names of an address; empty when it has no entry.
    func names(of address: IPAddress) -> [DNSName] { reverse[address] ?? [] }
}

extension HostsSettings {
    /// The entries of a hosts file's text. Lines that are none are left out, as every reader of such files does.
    static func entries(ofFile bytes: [UInt8]) -> [Entry] {
        var result: [Entry] = []
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let text = line.prefix { $0 != "#" }
            let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let first = words.first else { continue }
            // Names that are no domain names are skipped one by one: the others of the line count.
            let names = words.dropFirst().filter { ZoneName($0) != nil }
            if let entry = Entry(address: first, names: names) { result.append(entry) }
        }
        return result
    }
}
