import Names

/// A DNS message read from its octets by RFC 1035 alone, with code of its own, so that a mistake of the server's reader does not
/// pass here unseen. Whatever a standard forbids is an error.
struct StrictMessage {
    struct Violation: Error, CustomStringConvertible {
        let description: String
        init(_ rule: String) { description = rule }
    }

    struct Record: Hashable {
        var owner: String
        var type: UInt16
        var recordClass: UInt16
        var ttl: UInt32
        /// The data with its names written out, letters as they came.
        var data: [UInt8]
        /// Names in the data, in their order.
        var names: [String]
        /// Whether a name in the data ended with a pointer.
        var isCompressed: Bool
    }

    let octets: [UInt8]
    let id: UInt16
    let flags: UInt16
    /// The question as it stands in the message, empty without one.
    let question: [UInt8]
    let answer: [Record]
    let authority: [Record]
    /// Without OPT.
    let additional: [Record]
    /// OPT's record; its class is a size, its TTL version and flags (RFC 6891 section 6.1.3).
    let opt: Record?

    var code: UInt16 { flags & 0xF | UInt16((opt?.ttl ?? 0) >> 24) << 4 }
    var isCut: Bool { flags & 0x0200 != 0 }
    var isAuthoritative: Bool { flags & 0x0400 != 0 }

    init(_ octets: [UInt8]) throws(Violation) {
        self.octets = octets
        guard octets.count >= 12 else { throw Violation("a message has a header") }
        let words = (0..<6).map { UInt16(octets[2 * $0]) << 8 | UInt16(octets[2 * $0 + 1]) }
        (id, flags) = (words[0], words[1])
        guard flags & 0x8000 != 0 else { throw Violation("an answer has QR set") }
        guard flags & 0x0040 == 0 else { throw Violation("Z is 0 (RFC 1035 section 4.1.1)") }
        var reader = Reader(octets: octets, place: 12)
        guard words[2] <= 1 else { throw Violation("an answer has one question at most") }
        if words[2] == 1 {
            _ = try reader.name()
            _ = try reader.take(4)
        }
        question = Array(octets[12..<reader.place])
        var sections: [[Record]] = []
        for count in words[3...] {
            var records: [Record] = []
            for _ in 0..<count { records.append(try reader.record()) }
            sections.append(records)
        }
        guard reader.place == octets.count else { throw Violation("nothing comes behind the last record") }
        (answer, authority) = (sections[0], sections[1])
        let options = sections[2].filter { $0.type == 41 }
        guard options.count <= 1, !(answer + authority).contains(where: { $0.type == 41 }) else {
            throw Violation("there is one OPT at most, in the additional section (RFC 6891 section 6.1.1)")
        }
        guard options.allSatisfy({ $0.owner == "." }) else { throw Violation("OPT belongs to the root (RFC 6891 section 6.1.2)") }
        opt = options.first
        additional = sections[2].filter { $0.type != 41 }
        for section in [answer, authority, additional] where Set(section).count != section.count {
            throw Violation("no record comes twice (RFC 2181 section 5)")
        }
    }

    private struct Reader {
        let octets: [UInt8]
        var place: Int

        mutating func take(_ count: Int) throws(Violation) -> ArraySlice<UInt8> {
            guard place + count <= octets.count else { throw Violation("the message ends in the middle of a field") }
            defer { place += count }
            return octets[place..<(place + count)]
        }

        mutating func number(_ count: Int) throws(Violation) -> UInt32 { try take(count).reduce(0) { $0 << 8 | UInt32($1) } }

        mutating func name() throws(Violation) -> (text: String, wire: [UInt8], isCompressed: Bool) {
            var (text, wire, end) = ("", [UInt8](), Int?.none)
            var earliest = place
            while true {
                let length = Int(try number(1))
                if length == 0 { break }
                switch length >> 6 {
                case 0:
                    let label = try take(length)
                    wire += [UInt8(length)] + label
                    text += String(decoding: label, as: UTF8.self) + "."
                case 3:
                    let target = (length & 0x3F) << 8 | Int(try number(1))
                    if end == nil { end = place }
                    guard target >= 12, target < earliest else {
                        throw Violation("a pointer leads to a prior occurrence (RFC 1035 section 4.1.4)")
                    }
                    (earliest, place) = (target, target)
                default: throw Violation("a label begins with 00 or 11 (RFC 1035 section 4.1.4)")
                }
                guard wire.count < 255 else { throw Violation("a name has 255 octets at most (RFC 1035 section 2.3.4)") }
            }
            defer { if let end { place = end } }
            return (text.isEmpty ? "." : text, wire + [0], end != nil)
        }

        mutating func record() throws(Violation) -> Record {
            let owner = try name().text
            let (type, recordClass) = (UInt16(try number(2)), UInt16(try number(2)))
            let ttl = try number(4)
            if type != 41, ttl >= 1 << 31 { throw Violation("a TTL has 31 bits (RFC 2181 section 8)") }
            let size = Int(try number(2))
            let end = place + size
            var record = Record(owner: owner, type: type, recordClass: recordClass, ttl: ttl, data: [], names: [], isCompressed: false)
            // Octets before the names, how many names, octets behind.
            let shapes: [UInt16: (Int, Int, Int)] = [
                1: (4, 0, 0), 2: (0, 1, 0), 5: (0, 1, 0), 6: (0, 2, 20), 12: (0, 1, 0), 28: (16, 0, 0), 33: (6, 1, 0),
            ]
            let (before, names, behind) = shapes[type] ?? (size, 0, 0)
            record.data += try take(before)
            for _ in 0..<names {
                let found = try name()
                record.data += found.wire
                record.names.append(found.text)
                if found.isCompressed { record.isCompressed = true }
            }
            record.data += try take(behind)
            guard place == end else { throw Violation("data of type \(type) has the length that it says") }
            return record
        }
    }
}
