import Glibc
import Logging
import MizzenSystem
import ProcessRuntime
import Synchronization

/// A `dnstap` directive as all threads share it: the way to its collector, which lives on over reloads.
final class DnstapSource: DirectiveSource {
    /// For what waits when the directive goes, or the process.
    private static let patience = Duration.seconds(1)

    let settings: DnstapSettings
    let output: DnstapOutput
    private let logger: Logger
    private let isStarted = Atomic<Bool>(false)

    init(
        _ settings: DnstapSettings, tls: TLSClientConfiguration? = nil, metrics: FrontendMetrics, logger: Logger,
        limits: DnstapOutput.Limits? = nil
    ) throws(SystemError) {
        self.settings = settings
        self.logger = logger
        output = try DnstapOutput(
            settings, tls: tls, identity: hostName() ?? "", version: "Mizzen-\(MizzenVersion.current)",
            metrics: DnstapMetrics(registry: metrics.registry, endpoint: settings.endpoint), logger: logger, limits: limits)
    }

    /// The thread starts with the first handler: a plan that is only looked at, or refused for another directive, starts none.
    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? {
        if !isStarted.exchange(true, ordering: .relaxed) {
            do throws(SystemError) {
                try output.start()
            } catch {
                logger.error("dnstap sends nothing: there is no thread for it", metadata: ["error": "\(error)"])
            }
        }
        return DnstapHandler(self)
    }

    /// Waits for a moment, so that what was handed over is sent.
    func close() {
        if isStarted.load(ordering: .relaxed) { output.stop(within: Self.patience) }
    }
}

/// `dnstap` in the chain: tells of each query when it comes, of each answer when it is made, and of both with upstreams. It hands over
/// and never waits.
final class DnstapHandler: DirectiveHandler {
    private let source: DnstapSource
    private let format: LogFormat?
    /// Kept from message to message.
    private var extra: [UInt8] = []

    init(_ source: DnstapSource) {
        self.source = source
        format = source.settings.extra.isEmpty ? nil : LogFormat(source.settings.extra)
    }

    override var concludes: Bool { true }
    override var watchesUpstreams: Bool { true }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        // What directives look up on the way is no client's query.
        if exchange.depth > 0 { return .next }
        let message = DnstapMessage(
            kind: .clientQuery, transport: transport(exchange), asker: exchange.client, queryTime: Self.wallTime(exchange.began))
        // What is not sent is not made either.
        let wire = source.settings.full ? Self.bytes(exchange.query) : []
        send(message, wire.span, exchange)
        return .next
    }

    override func conclude(_ exchange: Exchange, _ bench: Workbench) {
        guard exchange.responseSize > 0 else { return }
        let message = DnstapMessage(
            kind: .clientResponse, transport: transport(exchange), asker: exchange.client, queryTime: Self.wallTime(exchange.began),
            responseTime: Self.wallTime(exchange.ended))
        bench.withMessage { send(message, $0, exchange) }
    }

    override func saw(_ hop: UpstreamHop, _ message: Span<UInt8>, _ exchange: Exchange) {
        let isResponse = hop.kind == .response
        let told = DnstapMessage(
            kind: isResponse ? .forwarderResponse : .forwarderQuery, transport: Self.transport(hop.transport), asker: exchange.client,
            responder: hop.upstream, queryTime: Self.wallTime(hop.sentAt), responseTime: isResponse ? WallClock.nanoseconds() : nil)
        send(told, message, exchange)
    }

    private func send(_ message: DnstapMessage, _ wire: Span<UInt8>, _ exchange: Exchange) {
        extra.removeAll(keepingCapacity: true)
        // The words about the answer stay open, as with CoreDNS.
        format?.append(LogExchange(exchange, nil, size: nil), to: &extra) { label, buffer in
            guard let value = exchange.metadata(label) else { return false }
            buffer.append(ascii: value)
            return true
        }
        let text = extra
        source.output.send(message, wire: wire, extra: text.span)
    }

    private func transport(_ exchange: Exchange) -> DnstapMessage.Transport { exchange.isOverStream ? .tcp : .udp }

    private static func transport(_ transport: UpstreamTransport) -> DnstapMessage.Transport {
        switch transport {
        case .datagram: .udp
        case .stream: .tcp
        case .tls: .tls
        }
    }

    /// Nanoseconds since 1970.
    private static func wallTime(_ instant: Instant) -> Int64 {
        WallClock.nanoseconds() - Int64(clamping: nanoseconds(from: instant, until: monotonicNow()))
    }

    /// The query as its client said it, so far as this server reads queries.
    private static func bytes(_ query: borrowing Query) -> [UInt8] {
        var bytes = query.upstreamMessage()
        for (index, word) in [query.id, query.flags].enumerated() {
            bytes[2 * index] = UInt8(word >> 8)
            bytes[2 * index + 1] = UInt8(truncatingIfNeeded: word)
        }
        return bytes
    }
}
