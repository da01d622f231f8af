extension Workbench {
    /// An OPT record without options.
    private static let optSize = 11

    /// Makes the message one that its client can take: cut to what fits, with OPT where the query had one.
    ///
    /// OPT says this server's own size (RFC 6891 section 6.2.4), DO as asked, version 0, and the options of the exchange.
    @inline(__always)
    func seal(_ exchange: Exchange) {
        let hasEDNS = exchange.query.hasEDNS
        let limit = min(exchange.query.sizeLimit, memorySize) - (hasEDNS ? Self.optSize + exchange.options.count : 0)
        if count > limit { cut(to: limit) }
        if hasEDNS { appendOPT(exchange) }
    }

    @inline(__always)
    private func appendOPT(_ exchange: Exchange) {
        let options = exchange.options.count
        let start = count
        count += Self.optSize + options
        // Safe: `seal` has made room; a header comes before.
        unsafe memory[start] = 0
        set(word: RecordType.opt.rawValue, at: start + 1)
        set(word: Query.ownPayloadSize, at: start + 3)
        set(word: (exchange.code >> 4) << 8, at: start + 5)
        set(word: exchange.query.wantsDNSSEC ? 0x8000 : 0, at: start + 7)
        set(word: UInt16(truncatingIfNeeded: options), at: start + 9)
        for index in 0..<options {
            // Safe: as above.
            unsafe memory[start + Self.optSize + index] = exchange.options[index]
        }
        // Safe: as above.
        let additional = unsafe UInt16(bigEndian: memory.load(fromByteOffset: 10, as: UInt16.self))
        set(word: additional &+ 1, at: 10)
    }

    /// Leaves out the records that do not fit, and all that follow the first of them, and says so with TC.
    ///
    /// RFC 2181 section 9 would let additional records go without TC; CoreDNS does as here. Pointers lead backwards, so what is left stays whole.
    @inline(never)
    private func cut(to limit: Int) {
        var end = Query.headerSize
        var kept: (UInt16, UInt16, UInt16) = (0, 0, 0)
        withMessage { message in
            guard var reader = try? PacketReader(message) else { return }
            end = reader.offset
            while let record = try? reader.next(in: message) {
                guard reader.offset <= limit else { return }
                end = reader.offset
                switch record.section {
                case .answer: kept.0 += 1
                case .authority: kept.1 += 1
                case .additional: kept.2 += 1
                }
            }
        }
        count = end
        set(word: kept.0, at: 6)
        set(word: kept.1, at: 8)
        set(word: kept.2, at: 10)
        flags |= 0x0200
    }
}
