import Names

/// The record types that handlers make. Each call writes one whole record, or none when the message is full.
extension ResponseWriter {
    /// A or AAAA, by the address's kind.
    mutating func address(
        _ section: PacketReader.Section, _ owner: Owner, _ address: IPAddress, ttl: UInt32, of query: borrowing Query
    ) {
        guard open(section, owner, address.recordType, ttl: ttl, of: query) else { return }
        append(address)
        close()
    }

    /// A or AAAA owned by `name`.
    mutating func address(
        _ section: PacketReader.Section, name: DNSName, _ address: IPAddress, ttl: UInt32,
        of query: borrowing Query
    ) {
        guard open(section, name: name, address.recordType, ttl: ttl, of: query) else { return }
        append(address)
        close()
    }

    mutating func append(_ address: IPAddress) {
        switch address {
        case .v4(let value):
            append(doubleWord: value)
        case .v6(let high, let low):
            append(doubleWord: UInt32(truncatingIfNeeded: high >> 32))
            append(doubleWord: UInt32(truncatingIfNeeded: high))
            append(doubleWord: UInt32(truncatingIfNeeded: low >> 32))
            append(doubleWord: UInt32(truncatingIfNeeded: low))
        }
    }

    /// A record whose data is one name: CNAME, NS or PTR.
    mutating func pointing(
        _ section: PacketReader.Section, _ owner: Owner, _ type: RecordType, to target: DNSName, ttl: UInt32,
        of query: borrowing Query
    ) {
        guard open(section, owner, type, ttl: ttl, of: query) else { return }
        append(target, of: query)
        close()
    }

    /// CNAME, NS or PTR owned by `name`.
    mutating func pointing(
        _ section: PacketReader.Section, name: DNSName, _ type: RecordType, to target: DNSName,
        ttl: UInt32, of query: borrowing Query
    ) {
        guard open(section, name: name, type, ttl: ttl, of: query) else { return }
        append(target, of: query)
        close()
    }

    /// SRV owned by the question; its target is written in full (RFC 2782).
    mutating func service(
        target: DNSName, port: UInt16, priority: UInt16, weight: UInt16, ttl: UInt32, of query: borrowing Query
    ) {
        guard open(.answer, .question, .srv, ttl: ttl, of: query) else { return }
        append(word: priority)
        append(word: weight)
        append(word: port)
        append(target, inFull: true, of: query)
        close()
    }

    /// TXT owned by the question, with one constant string of at most 255 octets.
    mutating func text(_ text: StaticString, ttl: UInt32, of query: borrowing Query) {
        guard open(.answer, .question, .txt, ttl: ttl, of: query) else { return }
        append(label: text)
        close()
    }

    /// Copies a record of another message, its names written anew. Throws when that record's data does not parse; then nothing is written.
    mutating func copy(
        _ record: PacketReader.Record, of message: Span<UInt8>, to section: PacketReader.Section,
        scratch: inout DNSName, of query: borrowing Query
    ) throws(WireError) {
        _ = try scratch.read(message, at: record.owner)
        try Self.checkData(record, of: message, scratch: &scratch)
        _ = try scratch.read(message, at: record.owner)
        write(
            section, name: scratch, record.type, ttl: record.ttl, recordClass: record.recordClass, data: record.data, of: message,
            scratch: &scratch, query)
    }

    /// Writes a record whose data is a range of other octets and known to have its type's fields.
    mutating func write(
        _ section: PacketReader.Section, name: DNSName, _ type: RecordType, ttl: UInt32, recordClass: UInt16 = internetClass,
        data: Range<Int>, of octets: Span<UInt8>, scratch: inout DNSName, _ query: borrowing Query
    ) {
        guard open(section, name: name, type, ttl: ttl, recordClass: recordClass, of: query) else { return }
        var at = data.lowerBound
        let (before, names) = type.dataShape
        append(octets: octets.extracting(at..<(at + before)))
        at += before
        for _ in 0..<names {
            guard let end = try? scratch.read(octets, at: at) else { break }
            at = end
            append(scratch, inFull: type == .srv, of: query)
        }
        append(octets: octets.extracting(at..<data.upperBound))
        close()
    }

    /// Whether the data has its fixed octets and names, and they end inside it.
    static func checkData(
        _ record: PacketReader.Record, of message: Span<UInt8>, scratch: inout DNSName
    ) throws(WireError) {
        let (before, names) = record.type.dataShape
        var at = record.data.lowerBound + before
        guard at <= record.data.upperBound else { throw .malformedData(at: record.data.upperBound) }
        for _ in 0..<names { at = try scratch.read(message, at: at) }
        guard at <= record.data.upperBound else { throw .malformedData(at: record.data.upperBound) }
    }
}

extension IPAddress {
    /// The type of record that holds this address.
    var recordType: RecordType {
        switch self {
        case .v4: .a
        case .v6: .aaaa
        }
    }
}

extension RecordType {
    /// Where names that may be compressed stand in a type's data (RFC 3597 4): octets before the first, and how many follow one
    /// another. What is behind them, and all data of other types, is copied as it is.
    var dataShape: (before: Int, names: Int) {
        switch self {
        case .cname, .ns, .ptr: (0, 1)
        case .mx: (2, 1)
        case .soa: (0, 2)
        case .srv: (6, 1)
        default: (0, 0)
        }
    }
}
