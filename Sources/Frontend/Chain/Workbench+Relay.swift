extension Workbench {
    /// Writes an upstream's answer for the client: the client's id and question, no OPT, names written anew, all else as the upstream said
    /// it. False when it does not parse; then there is no message.
    ///
    /// - Parameter target: of an alias from the question that comes first, if there are any answers: the message is to that name.
    func relay(_ message: Span<UInt8>, _ exchange: Exchange, behindAlias target: DNSName? = nil) -> Bool {
        begin(exchange.query, whole: true)
        var flags: UInt16
        var code: UInt16 = 0
        do throws(WireError) {
            var reader = try PacketReader(message)
            flags = reader.flags
            var alias = target
            while let record = try reader.next(in: message) {
                // The hop to the upstream has its own OPT record, the hop to the client gets another.
                if record.type == .opt {
                    exchange.hasUpstreamOPT = true
                    code = UInt16(record.ttl >> 24) << 4
                    pass(on: message.extracting(record.data), exchange)
                    continue
                }
                if let target = alias, record.section == .answer {
                    response.pointing(.answer, .question, .cname, to: target, ttl: record.ttl, of: exchange.query)
                }
                alias = nil
                try response.copy(record, of: message, to: record.section, scratch: &context.scratch.owner, of: exchange.query)
            }
        } catch {
            return false
        }
        // The reader goes from section to section, so this cannot be; if it were, the flags below would hide it.
        if response.isMisordered { return false }
        if response.isFull { flags |= 0x0200 }
        count = response.finishRecords(exchange.query, .answered)
        // It is an answer even where the upstream's message does not say so.
        self.flags = flags & 0x87FF | 0x8000
        // To a query without EDNS such a code is a mistake of the upstream's, and its lower bits say something else.
        self.code = code > 0 && !exchange.query.hasEDNS ? ResponseCode.serverFailure.rawValue : code | flags & 0xf
        return true
    }

    /// What an upstream says in options (an extended error, a scope of addresses) is for the client, as with CoreDNS, unless it is so much that the
    /// answer would have no room beside it.
    private func pass(on options: Span<UInt8>, _ exchange: Exchange) {
        guard exchange.query.hasEDNS, options.count <= Query.smallestUDPSize / 2 else { return }
        exchange.options += EDNSOptions(options).octets
    }

    /// Whether a message of somebody else's can be read whole: every record, every name.
    static func isReadable(_ message: Span<UInt8>) -> Bool {
        var scratch = DNSName()
        do throws(WireError) {
            var reader = try PacketReader(message)
            while let record = try reader.next(in: message) {
                _ = try scratch.read(message, at: record.owner)
                try ResponseWriter.checkData(record, of: message, scratch: &scratch)
            }
            return true
        } catch {
            return false
        }
    }
}
