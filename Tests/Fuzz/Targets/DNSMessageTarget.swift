import Synchronization

@testable import Frontend

extension FuzzTarget {
    /// Octet 0 says UDP or TCP, octet 1 the size of a client's packet; what follows the packet is what every upstream answers.
    ///
    /// The client gets silence or a message that parses to its last octet, fits the client's size, echoes id and question, and is
    /// silence only for what is no query. The upstream's message decodes, is encoded, and decodes to the same records, as it is and taken
    /// apart for a directive that changes it; an error's offset lies inside it.
    static let dnsMessage = FuzzTarget(name: "dns-message", longestInput: 1500) { input throws(PropertyFailure) in
        guard input.count >= 2 else { return }
        let packet = Array(input.dropFirst(2).prefix(Int(input[1])))
        let upstream = Array(input.dropFirst(2 + packet.count))
        try checkAnswer(packet, input[0] & 1 == 0 ? .udp : .tcp, upstream: upstream)
        try checkCopy(upstream)
        try checkCopy(packet)
        try checkRecords(upstream)
        try checkRecords(packet)
    }

    private static let path = Mutex<QueryPath?>(nil)

    private static func checkAnswer(
        _ packet: [UInt8], _ transport: QueryTransport, upstream: [UInt8]
    ) throws(PropertyFailure) {
        let answer = try path.withLock { path throws(PropertyFailure) in
            do { path = try path ?? QueryPath() } catch { throw PropertyFailure("no query path: \(error)") }
            return try path?.answer(packet, transport, upstream: upstream)
        }
        let isQuery = packet.count >= 12 && packet[2] & 0x80 == 0
        try expect(isQuery == (answer != nil), "\(isQuery ? "a query" : "no query") got \(answer?.description ?? "silence")")
        guard let answer else { return }
        var query = Query()
        let intake = query.read(packet.span, transport: transport)
        try expect(answer.count <= query.sizeLimit, "\(answer.count) octets for a client that takes \(query.sizeLimit)")
        var types: [RecordType] = []
        let reader = Result { () throws(WireError) in
            var reader = try PacketReader(answer.span)
            while let record = try reader.next(in: answer.span) {
                var name = DNSName()
                _ = try name.read(answer.span, at: record.owner)
                types.append(record.type)
            }
            return reader
        }
        switch reader {
        case .success(let reader): try check(reader, query, types, of: answer)
        case .failure(let error): throw PropertyFailure("the answer does not parse: \(error)")
        }
        if intake == .reply(.formatError) { try expect(answer[3] & 0xF == 1, "a broken query gets \(answer[3] & 0xF), not FORMERR") }
    }

    private static func check(
        _ reader: PacketReader, _ query: borrowing Query, _ types: [RecordType], of answer: [UInt8]
    ) throws(PropertyFailure) {
        try expect(reader.offset == answer.count, "the records end at \(reader.offset) of \(answer.count)")
        try expect(reader.id == query.id && reader.flags & 0x8000 != 0, "not an answer to this query")
        let options = types.count { $0 == .opt }
        try expect(options == (query.hasEDNS ? 1 : 0), "\(options) OPT records, EDNS asked: \(query.hasEDNS)")
        guard query.hasQuestion, let question = reader.question else { return }
        var name = DNSName()
        let end = try? name.read(answer.span, at: question)
        try expect(end != nil && name == query.original, "the question comes back as \(name), not \(query.original)")
    }

    /// decode → encode → decode is equal.
    private static func checkCopy(_ message: [UInt8]) throws(PropertyFailure) {
        do throws(WireError) {
            let first = try MessageCopy.copy(message)
            let second: [UInt8]
            do throws(WireError) { second = try MessageCopy.copy(first) } catch {
                throw .malformedData(at: -1)
            }
            if !MessageCopy.isFull(first), first != second { throw .malformedData(at: -2) }
        } catch {
            try expect(error.offset != -1, "what was encoded does not decode")
            try expect(error.offset != -2, "what was decoded, encoded and decoded is another message")
            try expect((0...message.count).contains(error.offset), "\(error) lies outside \(message.count) octets")
        }
    }
}

extension FuzzTarget {
    /// Taken apart, written and taken apart again it is equal.
    fileprivate static func checkRecords(_ message: [UInt8]) throws(PropertyFailure) {
        let records: AnswerRecords
        do throws(WireError) {
            records = try AnswerRecords(message.span)
        } catch {
            return try expect((0...message.count).contains(error.offset), "\(error) lies outside \(message.count) octets")
        }
        let written = MessageCopy.write(records)
        if MessageCopy.isFull(written) { return }
        let again = try? AnswerRecords(written.span)
        try expect(again == records, "\(records), written and read, are \(String(describing: again))")
    }
}

/// Decodes every record of a message and encodes it again.
private enum MessageCopy {
    static func copy(_ message: [UInt8]) throws(WireError) -> [UInt8] {
        var reader = try PacketReader(message.span)
        var question = DNSName()
        if let at = reader.question { _ = try question.read(message.span, at: at) }
        var records: [PacketReader.Record] = []
        while let record = try reader.next(in: message.span) { records.append(record) }
        var packet: [UInt8] = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for index in 0..<question.length { packet.append(question.storage[index]) }
        packet += [0, 255, 0, 1]
        var query = Query()
        _ = query.read(packet.span, transport: .tcp)
        var response = ResponseWriter()
        let memory = ScratchMemory(count: 65_535)
        // Safe: the memory outlives the response's use of it.
        unsafe response.begin(query, in: memory.buffer)
        var scratch = DNSName()
        for record in records where record.type != .opt {
            try response.copy(record, of: message.span, to: record.section, scratch: &scratch, of: query)
        }
        return memory.bytes(response.finish(query, .answered))
    }

    /// An answer to a question about the root with these records.
    static func write(_ records: AnswerRecords) -> [UInt8] {
        var query = Query()
        let packet: [UInt8] = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 1]
        _ = query.read(packet.span, transport: .tcp)
        var response = ResponseWriter()
        let memory = ScratchMemory(count: 65_535)
        // Safe: the memory outlives the response's use of it.
        unsafe response.begin(query, in: memory.buffer)
        var scratch = DNSName()
        response.write(records, scratch: &scratch, of: query)
        return memory.bytes(response.finish(query, .answered))
    }

    /// Whether records were left out.
    static func isFull(_ message: [UInt8]) -> Bool { message[2] & 0x02 != 0 }
}
