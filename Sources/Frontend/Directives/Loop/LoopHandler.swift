import Logging
import MizzenSystem
import Names
import Synchronization

/// A `loop` directive: asks the upstreams of its block's `forward` for names made up by chance, of type HINFO, and knows that one of them
/// leads back when such a question arrives.
///
/// CoreDNS ends itself then. Here that upstream is left out, and asked again every half minute; all else goes on, the cluster's names first of
/// all.
final class LoopSource: DirectiveSource {
    /// A question comes back within this time, or it is taken that it does not.
    private static let patience = Duration.seconds(2)
    /// Shortly after a start and then rarely; an upstream that loops is looked at as often.
    private static let interval = Duration.seconds(30)

    private final class Probe: Sendable {
        /// The upstream that was asked; nil for this server itself.
        let target: (source: ForwardSource, upstream: Int)?
        let name: String
        let asked: ContinuousClock.Instant
        /// Where the question went from: an answer to it may come back here, and is nobody's.
        let socket: Descriptor
        /// How often it has come.
        let seen = Atomic<Int>(0)

        init(
            _ target: (source: ForwardSource, upstream: Int)?, _ name: String, _ asked: ContinuousClock.Instant, _ socket: Descriptor
        ) {
            self.target = target
            self.name = name
            self.asked = asked
            self.socket = socket
        }
    }

    private struct State {
        var probes: [Probe] = []
        var forwards: [ForwardSource] = []
        var due = DueTime()
        var hasAskedItself = false
    }

    let zone: ZoneName
    /// Where this server is reached; nil where that is not known before.
    let itself: SocketAddress?
    private let logger: Logger
    private let state = Mutex(State())

    init(zone: ZoneName, itself: SocketAddress?, logger: Logger) {
        self.zone = zone
        self.itself = itself
        self.logger = logger
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { LoopHandler(self) }

    func settle(among sources: [any DirectiveSource]) {
        let forwards = sources.compactMap { $0 as? ForwardSource }
        state.withLock { state in
            state.forwards = forwards
            state.due = DueTime()
        }
    }

    func follow(_ now: ContinuousClock.Instant) {
        let (forwards, isFirst) = state.withLock { state -> ([ForwardSource], Bool) in
            for probe in state.probes where probe.asked + Self.patience < now { ended(probe) }
            state.probes.removeAll { $0.asked + Self.patience < now }
            guard state.due.isDue(now, every: Self.interval) else { return ([], false) }
            defer { state.hasAskedItself = true }
            return (state.forwards, !state.hasAskedItself)
        }
        // One question through everything, as CoreDNS asks it: a loop behind several others is found by no question to one of them.
        if isFirst, let itself { ask(itself, nil, now) }
        for source in forwards {
            for upstream in source.upstreams.indices where source.endpoints[upstream].serverName == nil {
                ask(source.upstreams[upstream], (source, upstream), now)
            }
        }
    }

    private func ask(_ address: SocketAddress, _ target: (source: ForwardSource, upstream: Int)?, _ now: ContinuousClock.Instant) {
        let label = "\(UInt64.random(in: 0..<1 << 62)).\(UInt64.random(in: 0..<1 << 62))"
        let text = zone == .root ? "\(label)." : "\(label).\(zone.text)"
        guard let name = try? DNSName(text) else { return }
        var query = Query()
        query.ask(name, .hinfo)
        do throws(SystemError) {
            let socket = try Socket.connecting(.datagram, to: address)
            state.withLock { $0.probes.append(Probe(target, text, now, socket)) }
            _ = try Socket.send(query.upstreamMessage().span, on: socket)
        } catch {
            // An upstream that cannot be reached leads nowhere; `forward` says so.
        }
    }

    /// A question of type HINFO has come. Whether it is one of ours that leads round in a circle.
    func isLooping(_ name: String) -> Bool {
        let probe = state.withLock { $0.probes.first { $0.name == name } }
        guard let probe else { return false }
        let seen = probe.seen.wrappingAdd(1, ordering: .relaxed).newValue
        guard let (source, upstream) = probe.target else {
            // The first time it comes from this server.
            if seen == 2 {
                logger.error(
                    "a question that this server asked itself came back: upstreams lead back to it; which, is being asked",
                    metadata: ["zone": "\(zone)"])
                // At once, and not in half a minute.
                state.withLock { $0.due = DueTime() }
            }
            return seen > 1
        }
        if source.setLooping(upstream, true) {
            logger.error(
                "an upstream leads back to this server and is not asked any more; take it out of 'forward', or out of the file that 'forward' names (a resolver of this host, such as 127.0.0.53, forwards to here)",
                metadata: ["upstream": "\(source.upstreams[upstream])", "zone": "\(zone)", "asked again every": "30s"])
        }
        return true
    }

    /// The time of a question is over.
    private func ended(_ probe: Probe) {
        guard let (source, upstream) = probe.target, probe.seen.load(ordering: .relaxed) == 0 else { return }
        if source.setLooping(upstream, false) {
            logger.info(
                "an upstream does not lead back to this server any more and is asked again",
                metadata: ["upstream": "\(source.upstreams[upstream])", "zone": "\(zone)"])
        }
    }
}

/// `loop` in the chain: only looks at questions for HINFO.
final class LoopHandler: DirectiveHandler {
    private let source: LoopSource

    init(_ source: LoopSource) { self.source = source }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        guard exchange.query.type == .hinfo, source.isLooping(exchange.query.name.description) else { return .next }
        return .fail(.refused)
    }
}
