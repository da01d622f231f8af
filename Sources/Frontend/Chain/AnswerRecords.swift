/// A message's records, taken out of it to be changed: names in full, in owners and in data, sections and their order kept.
struct AnswerRecords: Equatable, Sendable {
    /// Octets that the names and data of one message may unpack to. A message has at most 65,535; a few hundred records with names as long as
    /// they may be are below this, what is made to grow is not.
    static let largest = 1 << 20

    var answer: [ResourceRecord] = []
    var authority: [ResourceRecord] = []
    var additional: [ResourceRecord] = []

    init() {}

    /// The OPT record is left out.
    ///
    /// - Throws: when a record cannot be read, or all of them together are larger than `largest`.
    init(_ message: Span<UInt8>) throws(WireError) {
        var reader = try PacketReader(message)
        var total = 0
        while let found = try reader.next(in: message) {
            if found.type == .opt { continue }
            var owner = DNSName()
            _ = try owner.read(message, at: found.owner)
            let data = try Self.data(found, message)
            total += owner.length + data.count
            guard total <= Self.largest else { throw .malformedData(at: found.data.upperBound) }
            let record = ResourceRecord(owner: owner, type: found.type, recordClass: found.recordClass, ttl: found.ttl, data: data)
            switch found.section {
            case .answer: answer.append(record)
            case .authority: authority.append(record)
            case .additional: additional.append(record)
            }
        }
    }

    private static func data(_ record: PacketReader.Record, _ message: Span<UInt8>) throws(WireError) -> [UInt8] {
        var name = DNSName()
        var names = try NamesInData(record.type, record.data, of: message)
        var at = record.data.lowerBound
        var data: [UInt8] = []
        while let found = try names.next(in: message, into: &name) {
            data += message.extracting(at..<found.lowerBound).bytes
            data += name.wire()
            at = found.upperBound
        }
        data += message.extracting(at..<record.data.upperBound).bytes
        return data
    }

    mutating func forEach(_ change: (inout ResourceRecord) -> Void) {
        for index in answer.indices { change(&answer[index]) }
        for index in authority.indices { change(&authority[index]) }
        for index in additional.indices { change(&additional[index]) }
    }
}

extension Workbench {
    /// The records of the message at hand; nil when they cannot be read.
    var records: AnswerRecords? { withMessage { try? AnswerRecords($0) } }

    /// Writes a message with these records for the exchange's query in the place of the one at hand. What does not fit into a message is left
    /// out, and TC says so.
    ///
    /// - Parameter flags: the header's second word; as an authoritative answer without error has it where none is given.
    func write(_ records: AnswerRecords, flags: UInt16? = nil, _ exchange: Exchange) {
        begin(exchange.query, whole: true)
        response.write(records, scratch: &context.scratch.owner, of: exchange.query)
        count = response.finishRecords(exchange.query, .answered)
        if let flags { self.flags = response.isFull ? flags | 0x0200 : flags }
    }
}

extension ResponseWriter {
    /// Writes records of a message that was read, or of texts: their data has their types' fields.
    mutating func write(_ records: AnswerRecords, scratch: inout DNSName, of query: borrowing Query) {
        for record in records.answer { write(record, to: .answer, scratch: &scratch, of: query) }
        for record in records.authority { write(record, to: .authority, scratch: &scratch, of: query) }
        for record in records.additional { write(record, to: .additional, scratch: &scratch, of: query) }
    }

    private mutating func write(
        _ record: ResourceRecord, to section: PacketReader.Section, scratch: inout DNSName, of query: borrowing Query
    ) {
        write(
            section, name: record.owner, record.type, ttl: record.ttl, recordClass: record.recordClass, data: 0..<record.data.count,
            of: record.data.span, scratch: &scratch, query)
    }
}
