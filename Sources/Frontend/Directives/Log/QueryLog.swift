import MizzenSystem
import ProcessRuntime

/// The `log` directives of a block as all threads share them.
final class LogSource: DirectiveSource {
    let rules: LogRules

    init(_ rules: LogRules) { self.rules = rules }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? {
        // Its first use starts the writer's thread: now, and not when a query waits.
        setup.metrics.registry.countDroppedLogLines(of: .standardOutput)
        return QueryLog(rules)
    }
}

/// `log` in the chain: a line for each exchange that has ended, on standard output. Whoever reads that, and how slowly, nobody waits for it.
final class QueryLog: DirectiveHandler {
    private let rules: LogRules
    /// Kept from line to line.
    private var line: [UInt8] = []

    init(_ rules: LogRules) {
        self.rules = rules
        line.reserveCapacity(1024)
    }

    override var takesQueries: Bool { false }
    override var concludes: Bool { true }

    override func conclude(_ exchange: Exchange, _ bench: Workbench) {
        guard let rule = rules.rule(for: exchange.query.name) else { return }
        let answer = LogExchange.Answer(exchange, bench)
        // No answer, and one that the server gave by itself, is an error of no further kind, as with CoreDNS.
        let kind = answer?.kind ?? .otherError
        guard rule.settings.covers(kind) else { return }
        line.removeAll(keepingCapacity: true)
        let entry = LogExchange(exchange, answer, size: answer == nil ? 0 : bench.uncompressedSize(withOPT: exchange.hasUpstreamOPT))
        rule.format.appendLine(of: entry, to: &line) { label, buffer in
            switch label {
            case "log/type": buffer.append(ascii: kind.text)
            case "log/class": buffer.append(ascii: kind.answerClass.rawValue)
            default:
                guard let value = exchange.metadata(label) else { return false }
                buffer.append(ascii: value)
            }
            return true
        }
        let text = line
        LogWriter.standardOutput.append(text.span)
    }
}

extension LogExchange.Answer {
    /// Nil unless a directive gave the answer.
    init?(_ exchange: Exchange, _ bench: Workbench) {
        guard exchange.isWritten, exchange.responseSize > 0 else { return nil }
        var traits = bench.traits(exchange.query, now: UInt32(truncatingIfNeeded: WallClock.nanoseconds() / 1_000_000_000))
        traits.responseCode = exchange.code
        code = exchange.code
        flags = bench.flags
        kind = traits.kind
    }
}

extension LogExchange {
    /// - Parameters:
    ///   - answer: nil where there is none.
    ///   - size: of the answer, uncompressed; nil before it is known what becomes of the query.
    init(_ exchange: Exchange, _ answer: Answer?, size: Int?) {
        let client = exchange.client
        remote = client?.address ?? SocketAddress.anyV4
        remotePort = client?.port ?? 0
        local = exchange.local?.address ?? SocketAddress.anyV4
        id = exchange.query.id
        opcode = UInt8(exchange.query.flags >> 11 & 0xf)
        type = exchange.query.type
        recordClass = exchange.query.recordClass
        name = exchange.query.name
        transport = exchange.isOverStream ? "tcp" : "udp"
        self.size = exchange.requestSize
        wantsDNSSEC = exchange.query.wantsDNSSEC
        bufferSize = exchange.query.sizeLimit
        self.answer = answer
        answerSize = size
        duration = size.map { _ in .nanoseconds(Int64(clamping: nanoseconds(from: exchange.began, until: exchange.ended))) }
    }
}

extension Workbench {
    /// Octets that the message would have without compression. Its OPT record is counted where CoreDNS's log counts one: in answers that
    /// an upstream gave with one of its own.
    func uncompressedSize(withOPT: Bool) -> Int {
        var name = DNSName()
        return withMessage { message in
            guard var reader = try? PacketReader(message) else { return message.count }
            var size = reader.offset
            while let record = try? reader.next(in: message) {
                if record.type == .opt, !withOPT { continue }
                size += (try? Self.uncompressedSize(record, message, &name)) ?? 0
            }
            return size
        }
    }

    private static func uncompressedSize(
        _ record: PacketReader.Record, _ message: Span<UInt8>, _ name: inout DNSName
    ) throws(WireError) -> Int {
        _ = try name.read(message, at: record.owner)
        var size = name.length + 10 + record.data.count
        var names = try NamesInData(record.type, record.data, of: message)
        while let found = try names.next(in: message, into: &name) { size += name.length - found.count }
        return size
    }
}
