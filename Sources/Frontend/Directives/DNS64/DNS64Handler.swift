import Names

/// `dns64` in the chain: has those behind it answer first, and asks for A where that came to nothing.
final class DNS64Handler: DirectiveHandler {
    /// What the question for A began with.
    private final class Pending {
        /// The least that translated records live.
        let timeToLive: UInt32

        init(timeToLive: UInt32) { self.timeToLive = timeToLive }
    }

    /// What an empty answer to the question for AAAA says of itself.
    private struct Finding {
        var hasAddress = false
        /// Of its SOA record. RFC 6147 section 5.1.7 has 600 where there is none.
        var timeToLive: UInt32 = 600

        /// Nil for a message that cannot be read.
        init?(_ message: Span<UInt8>) {
            do throws(WireError) {
                var reader = try PacketReader(message)
                while let record = try reader.next(in: message) {
                    if record.section == .answer, record.type == .aaaa { hasAddress = true }
                    if record.section == .authority, record.type == .soa { timeToLive = record.ttl }
                }
            } catch {
                return nil
            }
        }
    }

    private let settings: DNS64Settings
    private let setup: HandlerSetup
    private var counters = ZoneScoped<ThreadCounter>()

    init(_ settings: DNS64Settings, _ setup: HandlerSetup) {
        self.settings = settings
        self.setup = setup
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        guard exchange.query.type == .aaaa, exchange.query.recordClass == internetClass, settings.answersIPv4 || exchange.isV6 else {
            return .next
        }
        return .below
    }

    override func resume(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) -> Step {
        let message: [UInt8]
        switch reply {
        case .message(let octets): message = octets
        case .failed(let reason): return exchange.fail(exchange.failure ?? reason)
        case .limited: return exchange.fail("more queries under way than max_concurrent", .refused)
        }
        guard message.count >= Query.headerSize else { return exchange.fail("no answer") }
        if let pending = exchange.note(Pending.self) {
            exchange.forgetNote()
            return translate(message.span, pending, exchange, bench)
        }
        let code = exchange.replyCode
        // No directive answered: the message is a code only.
        if exchange.failure != nil { return .fail(code == ResponseCode.refused.rawValue ? .refused : .serverFailure) }
        guard code != ResponseCode.nameError.rawValue, let finding = Finding(message.span), settings.translatesAll || !finding.hasAddress
        else {
            return bench.setMessage(message.span, code: code) ? .message : exchange.fail("an answer that is too long")
        }
        exchange.keep(Pending(timeToLive: finding.timeToLive))
        return exchange.look(up: exchange.query.original, .a)
    }

    /// The answer to the question for A, as one to the question for AAAA.
    private func translate(_ message: Span<UInt8>, _ pending: Pending, _ exchange: Exchange, _ bench: Workbench) -> Step {
        var isCut = false
        do throws(WireError) {
            var reader = try PacketReader(message)
            isCut = reader.isTruncated
            while let record = try reader.next(in: message) {
                if record.type == .opt { continue }
                if record.section == .answer, record.type == .a, record.data.count == 4 {
                    try write(record, message, pending, exchange, bench)
                } else {
                    try bench.response.copy(
                        record, of: message, to: record.section, scratch: &bench.context.scratch.owner, of: exchange.query)
                }
            }
        } catch {
            return exchange.fail("the answer to the question for A cannot be parsed")
        }
        counters.value(exchange) { server, _ in
            setup.metrics.counter(
                "coredns_dns64_requests_translated_total", help: "Queries answered with translated addresses.",
                labels: [("server", server)],
                thread: setup.thread)
        }?.add()
        exchange.failure = nil
        return bench.doneWithoutAuthority(exchange, isCut ? .truncated : .answered)
    }

    private func write(
        _ record: PacketReader.Record, _ message: Span<UInt8>, _ pending: Pending, _ exchange: Exchange, _ bench: Workbench
    ) throws(WireError) {
        var owner = DNSName()
        _ = try owner.read(message, at: record.owner)
        guard
            bench.response.open(
                .answer, name: owner, .aaaa, ttl: min(record.ttl, pending.timeToLive), recordClass: record.recordClass, of: exchange.query)
        else { return }
        for octet in Self.embed(message.extracting(record.data).bytes, in: settings.prefix) { bench.response.append(octet: octet) }
        bench.response.close()
    }

    /// RFC 6052 section 2.2: the address follows the prefix, and octet 8 is passed over.
    static func embed(_ address: [UInt8], in prefix: [UInt8]) -> [UInt8] {
        var octets = prefix
        for octet in address {
            if octets.count == 8 { octets.append(0) }
            octets.append(octet)
        }
        return octets + Array(repeating: 0, count: max(0, 16 - octets.count))
    }
}
