import MizzenSystem

/// Writes one answer after another into memory of the caller's: header, question, records by section, OPT.
///
/// Records go in in section order; a directive that breaks it makes the answer SERVFAIL (`isMisordered`). Each is written whole or not at all: the first that does not fit closes the message (`isFull`),
/// sets TC, and drops all that follow, in every section. That is what CoreDNS does; RFC 2181 9 would let additional records go without TC.
/// Names are compressed, except SRV targets; nothing allocates. One writer serves one thread for its whole life.
struct ResponseWriter: ~Copyable {
    /// Whose name a record has.
    enum Owner {
        /// The name asked, letters as asked.
        case question
        /// The name asked from this label on, letters as asked: the zone's apex, for instance.
        case questionSuffix(label: Int)
    }

    private static let optSize = 11

    private var buffer = PacketBuffer()
    private var compressor = NameCompressor()
    /// Whether the question's labels are in `compressor`; most answers never need them there.
    private var knowsQuestion = false
    private var counts = InlineArray<3, UInt16>(repeating: 0)
    private var section = PacketReader.Section.answer
    /// Where the record section begins.
    private var recordsStart = 0
    /// Whether a record had to be left out.
    private(set) var isFull = false
    /// Whether a record came after those of a later section: a mistake of the directive that wrote it.
    private(set) var isMisordered = false
    /// Where the record at hand began, and where its data length is.
    private var recordStart = 0
    private var dataStart = 0

    init() {}

    /// Records so far in a section.
    func count(_ section: PacketReader.Section) -> Int { Int(counts[section.rawValue]) }

    // MARK: A message

    /// Starts an answer to `query` in `memory`, whose size is a second limit next to the query's own.
    ///
    /// - Parameter whole: whether the memory's size is the only limit, because the message is cut later.
    mutating func begin(_ query: borrowing Query, in memory: UnsafeMutableRawBufferPointer, whole: Bool = false) {
        let limit = (whole ? memory.count : query.sizeLimit) - (query.hasEDNS ? Self.optSize : 0)
        // Safe: attach only stores the pointer; the caller keeps the memory until finish, as PacketBuffer's contract says.
        unsafe buffer.attach(memory, limit: min(limit, memory.count - (query.hasEDNS ? Self.optSize : 0)))
        buffer.append(word: query.id)
        for _ in 0..<5 { buffer.append(word: 0) }
        if query.hasQuestion {
            buffer.append(query.original.storage.span.extracting(0..<query.original.length))
            buffer.append(word: query.type.rawValue)
            buffer.append(word: query.recordClass)
        }
        recordsStart = buffer.position
        removeRecords()
    }

    /// Drops all records, for a handler that starts over.
    mutating func removeRecords() {
        buffer.rollBack(to: recordsStart)
        compressor.begin()
        knowsQuestion = false
        counts = InlineArray(repeating: 0)
        section = .answer
        isFull = false
        isMisordered = false
    }

    /// Ends the message. Returns its size in octets.
    ///
    /// A misordered message loses its records and becomes SERVFAIL, whatever `outcome` is: what is missing from it nobody knows.
    mutating func finish(_ query: borrowing Query, _ outcome: Outcome) -> Int {
        let isBroken = isMisordered
        _ = finishRecords(query, outcome)
        if query.hasEDNS {
            appendOPT(query, (isBroken ? Outcome.serverFailure : outcome).header.code)
            buffer.set(word: counts[2] + 1, at: 10)
        }
        return buffer.position
    }

    /// The same without OPT, which comes last.
    mutating func finishRecords(_ query: borrowing Query, _ outcome: Outcome) -> Int {
        let isBroken = isMisordered
        if isBroken { removeRecords() }
        let (code, isAuthoritative, isTruncated) = (isBroken ? Outcome.serverFailure : outcome).header
        var flags: UInt16 = 0x8000
        // Opcode, RD and CD as asked (RFC 1035 4.1.1, RFC 4035 3.2.2).
        flags |= query.flags & 0x7910
        if isAuthoritative { flags |= 0x0400 }
        if isTruncated || isFull { flags |= 0x0200 }
        flags |= code.rawValue & 0x000F
        buffer.set(word: flags, at: 2)
        buffer.set(word: query.hasQuestion ? 1 : 0, at: 4)
        buffer.set(word: counts[0], at: 6)
        buffer.set(word: counts[1], at: 8)
        buffer.set(word: counts[2], at: 10)
        return buffer.position
    }

    /// The whole answer to a query that gets no records.
    mutating func refuse(
        _ query: borrowing Query, _ outcome: Outcome, in memory: UnsafeMutableRawBufferPointer
    ) -> Int {
        // Safe: passed on under the same contract.
        unsafe begin(query, in: memory)
        return finish(query, outcome)
    }

    /// OPT: this server's size (RFC 6891 section 6.2.4), DO as asked, version 0, no options.
    private mutating func appendOPT(_ query: borrowing Query, _ code: ResponseCode) {
        buffer.setLimit(buffer.position + Self.optSize)
        buffer.append(0)
        buffer.append(word: RecordType.opt.rawValue)
        buffer.append(word: Query.ownPayloadSize)
        buffer.append(word: (code.rawValue >> 4) << 8)
        buffer.append(word: query.wantsDNSSEC ? 0x8000 : 0)
        buffer.append(word: 0)
    }

    // MARK: A record

    /// Begins a record owned by the question's name or an end of it. False when the message is full: then write no data.
    mutating func open(
        _ section: PacketReader.Section, _ owner: Owner, _ type: RecordType, ttl: UInt32, of query: borrowing Query
    ) -> Bool {
        guard enter(section) else { return false }
        switch owner {
        case .question: appendPointer(toLabel: 0, of: query)
        case .questionSuffix(let label): appendPointer(toLabel: label, of: query)
        }
        appendFixedFields(type, internetClass, ttl)
        return true
    }

    /// Begins a record owned by `name`. False when the message is full: then write no data.
    mutating func open(
        _ section: PacketReader.Section, name: DNSName, _ type: RecordType, ttl: UInt32,
        recordClass: UInt16 = internetClass, of query: borrowing Query
    ) -> Bool {
        guard enter(section) else { return false }
        append(name, of: query)
        appendFixedFields(type, recordClass, ttl)
        return true
    }

    /// Ends the record, or takes it back if it did not fit.
    mutating func close() {
        if buffer.overflowed {
            buffer.rollBack(to: recordStart)
            isFull = true
            return
        }
        buffer.set(word: UInt16(truncatingIfNeeded: buffer.position - dataStart), at: dataStart - 2)
        counts[section.rawValue] += 1
    }

    private mutating func enter(_ section: PacketReader.Section) -> Bool {
        if section.rawValue < self.section.rawValue { isMisordered = true }
        guard !isFull, !isMisordered else { return false }
        self.section = section
        recordStart = buffer.position
        return true
    }

    private mutating func appendFixedFields(_ type: RecordType, _ recordClass: UInt16, _ ttl: UInt32) {
        buffer.append(word: type.rawValue)
        buffer.append(word: recordClass)
        buffer.append(doubleWord: ttl)
        buffer.append(word: 0)
        dataStart = buffer.position
    }

    // MARK: Data of the open record

    mutating func append(octet: UInt8) { buffer.append(octet) }
    mutating func append(word: UInt16) { buffer.append(word: word) }
    mutating func append(doubleWord: UInt32) { buffer.append(doubleWord: doubleWord) }
    mutating func append(octets: Span<UInt8>) { buffer.append(octets) }

    /// Appends the question's name from a label on, as a pointer into the question.
    mutating func appendPointer(toLabel label: Int, of query: borrowing Query) {
        if label < query.original.labelCount {
            buffer.append(word: 0xC000 | UInt16(Query.headerSize + Int(query.original.labelOffsets.span[label])))
        } else {
            buffer.append(0)
        }
    }

    /// Appends a name, compressed unless `inFull`.
    mutating func append(_ name: DNSName, inFull: Bool = false, of query: borrowing Query) {
        if !knowsQuestion {
            knowsQuestion = true
            if query.hasQuestion { compressor.remember(query.original, at: Query.headerSize) }
        }
        compressor.write(name, inFull: inFull, to: &buffer)
    }
}

extension ResponseWriter {
    /// Appends one label of a name's beginning, length octet first; for constants.
    mutating func append(label text: StaticString) {
        append(octet: UInt8(truncatingIfNeeded: text.utf8CodeUnitCount))
        append(text: text)
    }

    /// Appends a constant's octets.
    mutating func append(text: StaticString) {
        // A constant of one scalar has no octets to point to; the compiler makes none of a string literal.
        guard text.hasPointerRepresentation else { return }
        // Safe: a StaticString with a pointer representation lives as long as the process and has utf8CodeUnitCount octets.
        append(octets: unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
