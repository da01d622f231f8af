import MizzenSystem

@testable import Frontend

extension FuzzTarget {
    /// The input read as the zone file of example.org that includes itself as `self` and nothing else. An error names a file and a line inside
    /// the input; of a zone every record is found by its name, and every answer about it is a message that can be read and says what its
    /// kind does.
    static let zoneFile = FuzzTarget(name: "zone-file", longestInput: 4096) { input throws(PropertyFailure) in
        let lines = 1 + input.count { $0 == UInt8(ascii: "\n") }
        guard let origin = try? DNSName("example.org.") else { throw PropertyFailure("no origin") }
        // Two inodes, so that the second inclusion is the first that finds itself.
        var reader = ZoneFileReader(origin: origin) { path, limit throws(RegularFile.Fault) in
            guard path == "zone" || path == "self", input.count <= limit else { throw .notRegular }
            return (input, RegularFile.Identity(device: 0, inode: path == "zone" ? 1 : 2, size: 0, modified: 0, changed: 0))
        }
        let zone: Zone
        do throws(ZoneFileError) { zone = try reader.zone("zone") } catch {
            try expect(error.file == "zone" || error.file == "self", "\(error)")
            try expect((1...lines).contains(error.line ?? 1), "\(error) in \(lines) lines")
            try expect(!error.message.isEmpty, "an error without words")
            return
        }
        var name = DNSName()
        for index in zone.nodes.indices.prefix(200) {
            zone.read(nameOf: index, into: &name)
            try expect(zone.find(name) == index, "\(name) is not found")
            for set in zone.sets[zone.nodes[index].sets] { try ask(name, set.type, zone) }
            var below = DNSName()
            if below.append(label: "x"), below.append(name) { try ask(below, .a, zone) }
        }
    }

    private static func ask(_ name: DNSName, _ type: RecordType, _ zone: Zone) throws(PropertyFailure) {
        var query = Query()
        var asked: [UInt8] = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for i in 0..<name.length { asked.append(name.storage[i]) }
        asked += [UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xFF), 0, 1]
        try expect(query.read(asked.span, transport: .tcp) == .query, "\(name) cannot be asked")
        var found = ZoneAnswer()
        var scratch = DNSName()
        zone.look(up: query.name, type, wantsDNSSEC: true, into: &found)
        try expect(found.kind != .notInZone, "\(name) is not in the zone")
        try expect(found.kind != .nameError || found.names.count > 1 || zone.find(name) == nil, "\(name) is denied")
        var response = ResponseWriter()
        let memory = ScratchMemory(count: 65_535)
        // Safe: the memory lives as long as its owner, which is used below.
        unsafe response.begin(query, in: memory.buffer)
        for section in PacketReader.Section.allCases { response.append(section, of: found, from: zone, scratch: &scratch, of: query) }
        let size = response.finish(query, found.outcome ?? .answered)
        let message = memory.bytes(size)
        do throws(WireError) {
            var reader = try PacketReader(message.span)
            while try reader.next(in: message.span) != nil {}
        } catch { throw PropertyFailure("the answer about \(name) \(type): \(error)") }
    }
}
