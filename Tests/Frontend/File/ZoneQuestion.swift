import MizzenSystem

@testable import Frontend

/// A question to zones, answered in a message as the server will write it.
struct ZoneQuestion {
    var name: String
    var type: RecordType
    var transport = QueryTransport.udp
    var advertisedSize: UInt16? = 1232
    var wantsDNSSEC = false

    /// Records as `OWNER TTL TYPE DATA`, data in hexadecimal with names in full; each section sorted.
    struct Reply: Equatable {
        var code: String
        var flags: [String]
        var sections: [[String]]
    }

    typealias Upstream = (_ name: String, _ type: String) -> (outcome: Outcome, records: [String])

    static func line(_ record: ResourceRecord) -> String {
        let data = record.data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "\(record.owner) \(record.ttl) \(record.type) \(data)"
    }

    /// Nil when no zone has the name.
    func ask(_ zones: ZoneSet, upstream: Upstream = { _, _ in (.serverFailure, []) }) throws -> Reply? {
        var query = Query()
        let packet = try TestPacket.query(name, type, advertisedSize: advertisedSize)
        guard query.read(packet.span, transport: transport) == .query, let index = zones.match(query.name) else { return nil }
        var response = ResponseWriter()
        let memory = ScratchMemory(count: 65_535)
        // Safe: the memory lives as long as its owner, which is used below.
        unsafe response.begin(query, in: memory.buffer)
        var outcome = Outcome.serverFailure
        if let zone = zones.members[index].zone {
            var found = ZoneAnswer()
            var scratch = DNSName()
            zone.look(up: query.name, type, wantsDNSSEC: wantsDNSSEC, into: &found)
            response.append(.answer, of: found, from: zone, scratch: &scratch, of: query)
            outcome = found.outcome ?? .serverFailure
            if found.kind == .leavesZone {
                let other = upstream(found.finalName.description, type.description)
                outcome = other.outcome
                for text in other.records {
                    let record = try ResourceRecord(text)
                    response.write(
                        .answer, name: record.owner, record.type, ttl: record.ttl, data: record.data.indices, of: record.data.span,
                        scratch: &scratch, query)
                }
            }
            response.append(.authority, of: found, from: zone, scratch: &scratch, of: query)
            response.append(.additional, of: found, from: zone, scratch: &scratch, of: query)
        }
        let size = response.finish(query, outcome)
        return try Self.reply(memory.bytes(size))
    }

    private static func reply(_ octets: [UInt8]) throws -> Reply {
        let text = try MessageText(octets)
        var sections: [[String]] = [[], [], []]
        let message = octets.span
        var reader = try PacketReader(message)
        while let record = try reader.next(in: message), record.type != .opt {
            var owner = DNSName()
            _ = try owner.read(message, at: record.owner)
            let whole = ResourceRecord(owner: owner, type: record.type, ttl: record.ttl, data: try data(record, message))
            sections[record.section.rawValue].append(line(whole))
        }
        return Reply(code: text.code, flags: text.flags.split(separator: " ").map(String.init), sections: sections.map { $0.sorted() })
    }

    /// A record's data, its names in full.
    private static func data(_ record: PacketReader.Record, _ message: Span<UInt8>) throws -> [UInt8] {
        let (before, names): (Int, Int) =
            switch record.type {
            case .cname, .ns, .ptr: (0, 1)
            case .mx: (2, 1)
            case .soa: (0, 2)
            default: (0, 0)
            }
        var data: [UInt8] = []
        var at = record.data.lowerBound
        for _ in 0..<before {
            data.append(message[at])
            at += 1
        }
        for _ in 0..<names {
            var name = DNSName()
            at = try name.read(message, at: at)
            for i in 0..<name.length { data.append(name.storage[i]) }
        }
        while at < record.data.upperBound {
            data.append(message[at])
            at += 1
        }
        return data
    }
}
