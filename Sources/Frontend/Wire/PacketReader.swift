/// A cursor over the records of a message that somebody else wrote (an upstream's answer), header and question checked.
///
/// It keeps offsets only; the caller passes the same message to every call.
struct PacketReader: Sendable {
    /// The sections after the question, in order.
    enum Section: Int, Sendable, CaseIterable {
        case answer, authority, additional
    }

    /// One record: where it is and what its fixed fields say.
    struct Record: Sendable, Equatable {
        let section: Section
        /// Where the owner's name starts.
        let owner: Int
        let type: RecordType
        let recordClass: UInt16
        /// Seconds; for OPT, flags.
        let ttl: UInt32
        /// Where the record data is.
        let data: Range<Int>
    }

    let id: UInt16
    let flags: UInt16
    /// Where the question's name starts, when there is exactly one.
    let question: Int?
    private let counts: (Int, Int, Int)
    private var at: Int
    private var section = Section.answer
    private var taken = 0

    /// Where the next record starts; behind the last one, the message's end.
    var offset: Int { at }

    init(_ message: Span<UInt8>) throws(WireError) {
        guard message.count >= Query.headerSize else { throw .truncated(at: message.count) }
        id = message.word(at: 0)
        flags = message.word(at: 2)
        counts = (Int(message.word(at: 6)), Int(message.word(at: 8)), Int(message.word(at: 10)))
        at = Query.headerSize
        let questions = Int(message.word(at: 4))
        question = questions == 1 ? at : nil
        for _ in 0..<questions {
            at = try Self.skipName(message, at: at) + 4
            guard at <= message.count else { throw .truncated(at: message.count) }
        }
    }

    var isTruncated: Bool { flags & 0x0200 != 0 }

    /// The next record, or nil behind the last.
    mutating func next(in message: Span<UInt8>) throws(WireError) -> Record? {
        while taken == count(section) {
            guard let following = Section(rawValue: section.rawValue + 1) else { return nil }
            section = following
            taken = 0
        }
        let owner = at
        let fields = try Self.skipName(message, at: at)
        guard fields + 10 <= message.count else { throw .truncated(at: message.count) }
        let start = fields + 10
        let end = start + Int(message.word(at: fields + 8))
        guard end <= message.count else { throw .truncated(at: message.count) }
        at = end
        taken += 1
        return Record(
            section: section, owner: owner, type: RecordType(rawValue: message.word(at: fields)),
            recordClass: message.word(at: fields + 2), ttl: message.doubleWord(at: fields + 4), data: start..<end)
    }

    private func count(_ section: Section) -> Int {
        switch section {
        case .answer: counts.0
        case .authority: counts.1
        case .additional: counts.2
        }
    }

    /// A message's response code, with the upper bits that its OPT record has (RFC 6891 section 6.1.3).
    static func responseCode(of message: Span<UInt8>) -> UInt16 {
        guard var reader = try? PacketReader(message) else { return 0 }
        let code = reader.flags & 0xf
        while let record = try? reader.next(in: message) {
            if record.type == .opt { return UInt16(record.ttl >> 24) << 4 | code }
        }
        return code
    }

    /// Steps over a name without following its pointer. Returns the offset behind it.
    static func skipName(_ message: Span<UInt8>, at offset: Int) throws(WireError) -> Int {
        var at = offset
        while true {
            guard at < message.count else { throw .truncated(at: message.count) }
            let size = Int(message[at])
            switch size {
            case 0: return at + 1
            case 1...63: at += 1 + size
            case 192...255:
                guard at + 1 < message.count else { throw .truncated(at: message.count) }
                return at + 2
            default: throw .reservedLabelType(at: at)
            }
            guard at - offset <= DNSName.longest else { throw .nameTooLong(at: at > message.count ? message.count : at) }
        }
    }
}
