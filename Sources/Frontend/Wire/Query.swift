/// How a packet reached the server; what may be sent back depends on it.
enum QueryTransport: Sendable {
    case udp, tcp
}

/// What to do with a packet after reading it.
enum Intake: Equatable, Sendable {
    /// The query is whole: run the chain.
    case query
    /// Answer at once with this code (`ResponseWriter.refuse`).
    case reply(ResponseCode)
    /// Not a query, or too broken to answer: send nothing.
    case silence
}

/// What is asked: the part of a query that `rewrite` may change.
struct Question: Sendable {
    /// The name, letters as received.
    var original: DNSName
    /// The name in lower case: everything that matches, matches this.
    var name: DNSName
    var type: RecordType
    var recordClass: UInt16

    /// - Parameter name: in any letters.
    init(_ name: DNSName, _ type: RecordType, _ recordClass: UInt16 = internetClass) {
        original = name
        self.name = name
        _ = self.name.lowercase()
        self.type = type
        self.recordClass = recordClass
    }

    fileprivate init(original: DNSName, name: DNSName, type: RecordType, recordClass: UInt16) {
        self.original = original
        self.name = name
        self.type = type
        self.recordClass = recordClass
    }
}

/// One question and what came with it, in storage that a worker reuses for packet after packet.
///
/// `read` is the only way in, so later code never re-checks lengths. Sources: RFC 1035 4.1, RFC 6891 6.1; which packets
/// get which answer follows what CoreDNS does (QR set: silence; other opcodes: NOTIMP; not exactly one question: FORMERR).
struct Query: ~Copyable {
    static let headerSize = 12
    /// What OPT records of answers say: queries up to this size come without fragments (RFC 6891 section 6.2.5; the DNS flag day of 2020 has chosen
    /// the number). Larger ones are read too, as far as `DatagramBatch.largestPacket`.
    static let ownPayloadSize: UInt16 = 1232
    /// UDP answers fit here when the client says nothing larger (RFC 1035 4.2.1).
    static let smallestUDPSize = 512

    /// The message id, echoed.
    private(set) var id: UInt16 = 0
    /// The header's second word as received: opcode, RD and CD are echoed.
    private(set) var flags: UInt16 = 0
    /// The name asked, letters as received.
    private(set) var original = DNSName()
    /// The name asked, in lower case: everything that matches, matches this.
    private(set) var name = DNSName()
    private(set) var type = RecordType.a
    private(set) var recordClass: UInt16 = internetClass
    /// Whether the packet had an OPT record; then the answer gets one.
    var hasEDNS = false
    /// The client's UDP payload size from its OPT record, as sent.
    var advertisedSize: UInt16 = 0
    /// The DNSSEC OK bit.
    var wantsDNSSEC = false
    /// The options of its OPT record, as sent: code, length, data, one after another.
    var options: [UInt8] = []
    private(set) var transport = QueryTransport.udp

    /// Octets the answer may have: 65,535 over TCP; over UDP what the client advertised, at least 512.
    var sizeLimit: Int {
        switch transport {
        case .tcp: 65_535
        case .udp: max(Self.smallestUDPSize, Int(advertisedSize))
        }
    }

    /// Whether the question is over at least the header, so that an error answer can echo the question.
    private(set) var hasQuestion = false

    /// Replaces everything by what `packet` (one message, without TCP's length octets) says.
    mutating func read(_ packet: Span<UInt8>, transport: QueryTransport) -> Intake {
        self.transport = transport
        hasEDNS = false
        if !options.isEmpty { options.removeAll(keepingCapacity: true) }
        hasQuestion = false
        advertisedSize = 0
        wantsDNSSEC = false
        guard packet.count >= Self.headerSize else { return .silence }
        id = packet.word(at: 0)
        flags = packet.word(at: 2)
        if flags & 0x8000 != 0 { return .silence }
        if flags & 0x7800 != 0 { return .reply(.notImplemented) }
        let questions = packet.word(at: 4)
        let additional = packet.word(at: 10)
        guard questions == 1, packet.word(at: 6) <= 1, packet.word(at: 8) <= 1, additional <= 2 else {
            return .reply(.formatError)
        }
        do throws(WireError) {
            let end = try readQuestion(packet)
            let records = Int(packet.word(at: 6)) + Int(packet.word(at: 8)) + Int(additional)
            return try readRecords(packet, at: end, count: records, additional: Int(additional))
        } catch {
            return .reply(.formatError)
        }
    }

    private mutating func readQuestion(_ packet: Span<UInt8>) throws(WireError) -> Int {
        let end = try original.read(packet, at: Self.headerSize)
        guard end + 4 <= packet.count else { throw .truncated(at: packet.count) }
        type = RecordType(rawValue: packet.word(at: end))
        recordClass = packet.word(at: end + 2)
        name = original
        _ = name.lowercase()
        hasQuestion = true
        return end + 4
    }

    /// Looks for the OPT record; other records (TSIG, an IXFR's SOA) are stepped over.
    private mutating func readRecords(
        _ packet: Span<UInt8>, at start: Int, count: Int, additional: Int
    ) throws(WireError) -> Intake {
        var at = start
        var badVersion = false
        for index in 0..<count {
            let isRoot = at < packet.count && packet[at] == 0
            at = try PacketReader.skipName(packet, at: at)
            guard at + 10 <= packet.count else { throw .truncated(at: packet.count) }
            let recordType = RecordType(rawValue: packet.word(at: at))
            let end = at + 10 + Int(packet.word(at: at + 8))
            guard end <= packet.count else { throw .truncated(at: packet.count) }
            if recordType == .opt, index >= count - additional {
                // One OPT record, owned by the root (RFC 6891 6.1.1).
                guard isRoot, !hasEDNS else { throw .malformedData(at: at) }
                hasEDNS = true
                advertisedSize = packet.word(at: at + 2)
                badVersion = packet[at + 5] != 0
                wantsDNSSEC = packet[at + 6] & 0x80 != 0
                try checkOptions(packet, from: at + 10, to: end)
                for index in (at + 10)..<end { options.append(packet[index]) }
            }
            at = end
        }
        return badVersion ? .reply(.badVersion) : .query
    }

    /// What options say is for directives and upstreams; their lengths must add up.
    private func checkOptions(_ packet: Span<UInt8>, from start: Int, to end: Int) throws(WireError) {
        var at = start
        while at < end {
            guard at + 4 <= end else { throw .malformedData(at: at) }
            at += 4 + Int(packet.word(at: at + 2))
            guard at <= end else { throw .malformedData(at: end) }
        }
    }

    /// The question alone, to be kept or changed.
    var question: Question {
        get { Question(original: original, name: name, type: type, recordClass: recordClass) }
        set {
            original = newValue.original
            name = newValue.name
            type = newValue.type
            recordClass = newValue.recordClass
        }
    }

    /// Makes this a question of our own, with recursion wanted and without EDNS.
    mutating func ask(_ target: DNSName, _ type: RecordType) {
        question = Question(target, type)
        id = 0
        flags = 0x0100
        hasEDNS = false
        wantsDNSSEC = false
        options = []
        transport = .udp
        hasQuestion = true
    }

    /// Makes this the same query as `other`.
    mutating func repeatQuestion(of other: borrowing Query) {
        ask(other.original, other.type, onBehalfOf: other)
        recordClass = other.recordClass
    }

    /// As if it had come over a connection: its answer may have any size.
    mutating func pretendStream() { transport = .tcp }

    /// Sets some of the header's bits and clears others, as if the client had sent them so.
    mutating func change(flagsSet set: UInt16, cleared: UInt16) { flags = flags & ~cleared | set }

    /// The data of an option of its OPT record; nil where it has none with this code.
    func option(_ code: UInt16) -> ArraySlice<UInt8>? {
        // `read` has checked that the lengths add up.
        var at = 0
        while at + 4 <= options.count {
            let end = at + 4 + Int(options.span.word(at: at + 2))
            guard end <= options.count else { return nil }
            if options.span.word(at: at) == code { return options[(at + 4)..<end] }
            at = end
        }
        return nil
    }

    /// Whether RD is set.
    var wantsRecursion: Bool { flags & 0x0100 != 0 }

    /// Makes this the question that `other`'s client would ask about `target`: same class, EDNS and transport.
    /// It is how an ExternalName's target goes through the chain.
    mutating func ask(_ target: DNSName, _ type: RecordType, onBehalfOf other: borrowing Query) {
        id = other.id
        flags = other.flags
        original = copy target
        name = copy target
        _ = name.lowercase()
        self.type = type
        recordClass = internetClass
        hasEDNS = other.hasEDNS
        advertisedSize = other.advertisedSize
        wantsDNSSEC = other.wantsDNSSEC
        transport = other.transport
        options = other.options
        hasQuestion = true
    }

    /// The message that asks an upstream the same, with id 0: RD, AD, CD and EDNS as the client has them (RFC 6891 section 6.2.6 lets an
    /// option pass on or not; CoreDNS passes all on).
    func upstreamMessage() -> [UInt8] {
        var bytes: [UInt8] = [0, 0, UInt8(flags >> 8) & 0x01, UInt8(truncatingIfNeeded: flags) & 0x30]
        bytes += [0, 1, 0, 0, 0, 0, 0, hasEDNS ? 1 : 0]
        for index in 0..<original.length { bytes.append(original.storage[index]) }
        for word in [type.rawValue, recordClass] { bytes += [UInt8(word >> 8), UInt8(truncatingIfNeeded: word)] }
        if hasEDNS {
            let size = advertisedSize
            bytes += [0, 0, 41, UInt8(size >> 8), UInt8(truncatingIfNeeded: size), 0, 0, wantsDNSSEC ? 0x80 : 0, 0]
            bytes += [UInt8(truncatingIfNeeded: options.count >> 8), UInt8(truncatingIfNeeded: options.count)]
            bytes += options
        }
        return bytes
    }
}

extension Span<UInt8> {
    /// Two octets in network order; `offset + 1` must be inside the span.
    func word(at offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }

    /// Four octets in network order; `offset + 3` must be inside the span.
    func doubleWord(at offset: Int) -> UInt32 {
        UInt32(word(at: offset)) << 16 | UInt32(word(at: offset + 2))
    }
}
