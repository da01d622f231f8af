import Names

extension Workbench {
    /// Shows each record of the message at hand, OPT left out (there is none before the seal), until the first that cannot be read.
    @inline(__always)
    func forEachRecord(_ body: (PacketReader.Record, Span<UInt8>) -> Void) {
        withMessage { message in
            guard var reader = try? PacketReader(message) else { return }
            while let record = try? reader.next(in: message) { body(record, message) }
        }
    }

    /// Where a record's TTL stands.
    @inline(__always)
    static func ttlOffset(of record: PacketReader.Record) -> Int { record.data.lowerBound - 6 }

    /// Lets two equally long pieces of data change places.
    @inline(__always)
    func swap(_ first: Int, _ second: Int, count size: Int) {
        guard first != second, first >= 0, second >= 0, first + size <= count, second + size <= count else { return }
        for index in 0..<size {
            // Safe: checked just above.
            let octet = unsafe memory[first + index]
            unsafe memory[first + index] = memory[second + index]
            // Safe: as above.
            unsafe memory[second + index] = octet
        }
    }

    /// The address that stands in a record's data; nil unless it has 4 or 16 octets there.
    func address(at offset: Int, count size: Int) -> IPAddress? {
        withMessage { message in
            guard offset >= 0, offset + size <= message.count else { return nil }
            let bytes: [UInt8] = message.extracting(offset..<(offset + size)).bytes
            return IPAddress(bytes: bytes)
        }
    }

    /// Ends the message that was begun, as the answer of a server that has no authority over what it says; for `return`.
    func doneWithoutAuthority(_ exchange: Exchange, _ outcome: Outcome) -> Step {
        count = response.finishRecords(exchange.query, outcome)
        flags &= ~0x0400
        return .message
    }

    /// Leaves out all records behind the answer section.
    func removeBehindAnswers() {
        var (end, answers): (Int, UInt16) = (Query.headerSize, 0)
        withMessage { message in
            guard var reader = try? PacketReader(message) else { return }
            end = reader.offset
            while let record = try? reader.next(in: message), record.section == .answer { (end, answers) = (reader.offset, answers + 1) }
        }
        set(word: answers, at: 6)
        set(doubleWord: 0, at: 8)
        count = min(count, end)
    }

    /// Gives all records one TTL.
    func setTTLs(_ ttl: UInt32) {
        forEachRecord { record, _ in
            // Safe by `set`: the offset lies in the message. Only these four octets change, which the reader does not look at again.
            set(doubleWord: ttl, at: Self.ttlOffset(of: record))
        }
    }

    /// The least TTL of all records; nil without records.
    var leastTTL: UInt32? {
        var least: UInt32?
        forEachRecord { record, _ in least = min(least ?? .max, record.ttl) }
        return least
    }

    /// What decides of which kind the message is.
    ///
    /// - Parameter now: seconds since 1970, for signatures.
    func traits(_ query: borrowing Query, now: UInt32) -> AnswerTraits {
        var traits = AnswerTraits(opcode: UInt8(flags >> 11 & 0xf), responseCode: code, question: query.type)
        let wantsDNSSEC = query.wantsDNSSEC
        forEachRecord { record, message in
            switch record.section {
            case .answer: traits.answers += 1
            case .authority:
                if record.type == .soa { traits.authoritySOA = true }
                if record.type == .ns { traits.authorityNS = true }
            case .additional: break
            }
            // RFC 4034 section 3.1: expiration and inception behind type, algorithm, labels and TTL; serial arithmetic (3.1.5).
            if wantsDNSSEC, record.type.rawValue == 46, record.data.count >= 16 {
                let expiration = message.doubleWord(at: record.data.lowerBound + 8)
                let inception = message.doubleWord(at: record.data.lowerBound + 12)
                if Int32(bitPattern: expiration &- now) < 0 || Int32(bitPattern: now &- inception) < 0 { traits.hasExpiredSignature = true }
            }
        }
        return traits
    }

    /// Makes a message that was kept one that answers `query`: its id and the letters of its question, RD and CD as asked.
    ///
    /// - Parameter flags: all else of the header's second word.
    func readdress(to query: borrowing Query, flags: UInt16) {
        set(word: query.id, at: 0)
        set(word: flags & ~0x7910 | query.flags & 0x7910, at: 2)
        let (octets, length) = (query.original.storage.span, query.original.length)
        guard count >= Query.headerSize + length else { return }
        // Safe: checked just above; the question is as long as it was, only letters differ.
        for index in 0..<length { unsafe memory[Query.headerSize + index] = octets[index] }
    }

    /// Begins to ask again what `exchange` asks, from the handler behind its present one on; the result goes to `handler.refreshed`.
    func refresh(_ exchange: Exchange, by handler: DirectiveHandler) {
        let refresh = Exchange(server: exchange.server, path: .handler(handler))
        refresh.begin(exchange.server, .handler(handler))
        refresh.query.repeatQuestion(of: exchange.query)
        // Its answer is for nobody's buffer.
        refresh.query.pretendStream()
        refresh.zone = exchange.zone
        refresh.position = exchange.position + 1
        refresh.began = exchange.began
        refresh.isRewritten = exchange.isRewritten
        begun.append(refresh)
    }
}
