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
        let source: ForwardSource
        let upstream: Int
        let name: String
        let asked: ContinuousClock.Instant
        /// Where the question went from: an answer to it may come back here, and is nobody's.
        let socket: Descriptor
        let cameBack = Atomic<Bool>(false)

        init(_ source: ForwardSource, _ upstream: Int, _ name: String, _ asked: ContinuousClock.Instant, _ socket: Descriptor) {
            self.source = source
            self.upstream = upstream
            self.name = name
            self.asked = asked
            self.socket = socket
        }
    }

    private struct State {
        var probes: [Probe] = []
        var forwards: [ForwardSource] = []
        var next: ContinuousClock.Instant?
    }

    let zone: ZoneName
    private let logger: Logger
    private let state = Mutex(State())

    init(zone: ZoneName, logger: Logger) {
        self.zone = zone
        self.logger = logger
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { LoopHandler(self) }

    func settle(among sources: [any DirectiveSource]) {
        let forwards = sources.compactMap { $0 as? ForwardSource }
        state.withLock { state in
            state.forwards = forwards
            state.next = nil
        }
    }

    func follow(_ now: ContinuousClock.Instant) {
        let forwards: [ForwardSource]? = state.withLock { state in
            for probe in state.probes where probe.asked + Self.patience < now && !probe.cameBack.load(ordering: .relaxed) {
                cameNotBack(probe)
            }
            state.probes.removeAll { $0.asked + Self.patience < now }
            if let next = state.next, next > now { return nil }
            state.next = now + Self.interval
            return state.forwards
        }
        for source in forwards ?? [] {
            for upstream in source.upstreams.indices where source.endpoints[upstream].serverName == nil { ask(source, upstream, now) }
        }
    }

    private func ask(_ source: ForwardSource, _ upstream: Int, _ now: ContinuousClock.Instant) {
        let label = "\(UInt64.random(in: 0..<1 << 62)).\(UInt64.random(in: 0..<1 << 62))"
        let text = zone == .root ? "\(label)." : "\(label).\(zone.text)"
        guard let name = try? DNSName(text) else { return }
        var query = Query()
        query.ask(name, .hinfo)
        do throws(SystemError) {
            let socket = try Socket.connecting(.datagram, to: source.upstreams[upstream])
            state.withLock { $0.probes.append(Probe(source, upstream, text, now, socket)) }
            _ = try Socket.send(query.upstreamMessage().span, on: socket)
        } catch {
            // An upstream that cannot be reached leads nowhere; `forward` says so.
        }
    }

    /// A question of type HINFO has come. Whether it is one of ours; then its upstream loops.
    func isOurs(_ name: String) -> Bool {
        let probe = state.withLock { $0.probes.first { $0.name == name } }
        guard let probe else { return false }
        probe.cameBack.store(true, ordering: .relaxed)
        if probe.source.setLooping(probe.upstream, true) {
            logger.error(
                "an upstream leads back to this server and is not asked any more; take it out of 'forward', or out of the file that 'forward' names (a resolver of this host, such as 127.0.0.53, forwards to here)",
                metadata: ["upstream": "\(probe.source.upstreams[probe.upstream])", "zone": "\(zone)", "asked again every": "30s"])
        }
        return true
    }

    private func cameNotBack(_ probe: Probe) {
        if probe.source.setLooping(probe.upstream, false) {
            logger.info(
                "an upstream does not lead back to this server any more and is asked again",
                metadata: ["upstream": "\(probe.source.upstreams[probe.upstream])", "zone": "\(zone)"])
        }
    }
}

/// `loop` in the chain: only looks at questions for HINFO.
final class LoopHandler: DirectiveHandler {
    private let source: LoopSource

    init(_ source: LoopSource) { self.source = source }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        guard exchange.query.type == .hinfo, source.isOurs(exchange.query.name.description) else { return .next }
        return .fail(.refused)
    }
}
