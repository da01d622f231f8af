import Names

@testable import Frontend

extension TestPacket {
    /// The message that answers a query with records in zone text. A name that comes again as an owner is a pointer, as every server
    /// writes it.
    ///
    /// - Parameter flags: of the header's second word, besides QR and the code.
    static func answer(
        to packet: [UInt8], code: UInt8 = 0, _ answer: [String] = [], authority: [String] = [], additional: [String] = [],
        flags: UInt16 = 0
    ) throws -> [UInt8] {
        var query = Query()
        _ = query.read(packet.span, transport: .tcp)
        var octets = Array(packet.prefix(Query.headerSize + query.original.length + 4))
        octets[2] |= 0x80 | UInt8(flags >> 8)
        octets[3] |= UInt8(truncatingIfNeeded: flags) | code
        (octets[7], octets[9], octets[11]) = (UInt8(answer.count), UInt8(authority.count), UInt8(additional.count))
        var owners = [query.original.description: Query.headerSize]
        for text in answer + authority + additional {
            let record = try ResourceRecord(text)
            if let known = owners[record.owner.description] {
                octets += [0xC0 | UInt8(known >> 8), UInt8(truncatingIfNeeded: known)]
            } else {
                owners[record.owner.description] = octets.count
                for index in 0..<record.owner.length { octets.append(record.owner.storage[index]) }
            }
            let words = [
                record.type.rawValue, record.recordClass, UInt16(record.ttl >> 16), UInt16(truncatingIfNeeded: record.ttl),
                UInt16(record.data.count),
            ]
            for word in words { octets += [UInt8(word >> 8), UInt8(truncatingIfNeeded: word)] }
            octets += record.data
        }
        return octets
    }
}
