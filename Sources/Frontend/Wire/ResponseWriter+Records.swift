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
        if var names = try? NamesInData(type, data, of: octets) {
            while let found = try? names.next(in: octets, into: &scratch) {
                append(octets: octets.extracting(at..<found.lowerBound))
                append(scratch, inFull: !type.mayCompressNames, of: query)
                at = found.upperBound
            }
        }
        append(octets: octets.extracting(at..<data.upperBound))
        close()
    }

    /// Whether the data has its type's names, and they end inside it.
    static func checkData(
        _ record: PacketReader.Record, of message: Span<UInt8>, scratch: inout DNSName
    ) throws(WireError) {
        var names = try NamesInData(record.type, record.data, of: message)
        while try names.next(in: message, into: &scratch) != nil {}
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
