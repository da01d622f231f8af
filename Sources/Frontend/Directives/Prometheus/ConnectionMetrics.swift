import Logging
import ProcessRuntime
import Synchronization

/// Why a client's TCP connection was closed.
enum CloseReason: String, CaseIterable, Sendable {
    /// The client ended it and has its answers.
    case client
    /// The network did.
    case error
    /// Nothing was asked for the idle time.
    case idle
    /// A query did not become whole in the read time.
    case unfinished
    /// Answers were not read in the write time.
    case unread
    /// It had been idle longest when another came and the thread had all that it takes.
    case limit
    /// The same for one client's address.
    case clientLimit = "client_limit"
    /// The same when the process had too few descriptors left.
    case descriptors
    /// All connections together held too much of what was not answered or not read.
    case memory
    /// What came was no DNS query.
    case malformed
    /// This process stops.
    case drain
}

/// Why a connection was closed as soon as it came: none of those that are open could go for it.
enum RefusalReason: String, CaseIterable, Sendable {
    case limit
    case clientLimit = "client_limit"
    case descriptors
}

/// What becomes of clients' TCP connections. Counted by all threads.
final class ConnectionMetrics: Sendable {
    private let closed: [CloseReason: Counter]
    private let refused: [RefusalReason: Counter]
    private let acceptFailures: Counter
    private let open = Atomic<Int>(0)
    private let lastClient = Mutex<ClientAddress?>(nil)
    private let lastError = Mutex<String?>(nil)

    init(registry: MetricsRegistry) {
        closed = CloseReason.allCases.reduce(into: [:]) { counters, reason in
            counters[reason] = registry.counter(
                "mizzen_dns_connections_closed_total", help: "Clients' TCP connections that were closed, by the reason.",
                labels: [("reason", reason.rawValue)])
        }
        refused = RefusalReason.allCases.reduce(into: [:]) { counters, reason in
            counters[reason] = registry.counter(
                "mizzen_dns_refused_connections_total",
                help: "Connections closed as they came: a limit was reached, and all that were open waited for answers.",
                labels: [("reason", reason.rawValue)])
        }
        acceptFailures = registry.counter(
            "mizzen_dns_accept_failures_total", help: "Times that a connection that waited could not be accepted.")
        registry.gauge("mizzen_dns_connections", help: "Clients' TCP connections that are open.") { [weak self] in
            Double(self?.open.load(ordering: .relaxed) ?? 0)
        }
    }

    func noteOpened() { open.wrappingAdd(1, ordering: .relaxed) }

    func noteClosed(_ reason: CloseReason, of client: ClientAddress) {
        open.wrappingSubtract(1, ordering: .relaxed)
        closed[reason]?.add()
        if reason == .clientLimit { note(client) }
    }

    func noteRefused(_ reason: RefusalReason, of client: ClientAddress) {
        refused[reason]?.add()
        if reason == .clientLimit { note(client) }
    }

    func noteAcceptFailure(_ error: String) {
        acceptFailures.add()
        lastError.withLock { $0 = error }
    }

    /// A scrape never holds this lock; who reads it does so four times a second.
    private func note(_ client: ClientAddress) { lastClient.withLock { $0 = client } }

    fileprivate func count(_ closed: CloseReason, _ refused: RefusalReason) -> UInt64 {
        (self.closed[closed]?.value ?? 0) + (self.refused[refused]?.value ?? 0)
    }

    fileprivate var shortages: UInt64 { acceptFailures.value + count(.descriptors, .descriptors) }
    fileprivate var client: ClientAddress? { lastClient.withLock { $0 } }
    fileprivate var error: String? { lastError.withLock { $0 } }
}

/// What was last said of connections, so that each change of state is logged once, and not each connection.
struct ConnectionReport {
    private var limit = CountEpisode()
    private var clientLimit = CountEpisode()
    private var shortage = CountEpisode()

    mutating func update(_ metrics: ConnectionMetrics, _ limits: ConnectionLimits, at now: Instant, _ logger: Logger) {
        switch limit.update(metrics.count(.limit, .limit), now) {
        case .begins:
            logger.warning(
                "TCP connections are at their limit; for each further one the one that is idle longest is closed",
                metadata: ["limit of a thread": "\(limits.all)"])
        case .ends(let count):
            logger.info("TCP connections are below their limit again", metadata: ["closed meanwhile": "\(count)"])
        case nil: break
        }
        switch clientLimit.update(metrics.count(.clientLimit, .clientLimit), now) {
        case .begins:
            logger.warning(
                "a client is at its limit of TCP connections; for each further one its own that is idle longest is closed",
                metadata: [
                    "client": "\(metrics.client.map(String.init(describing:)) ?? "unknown")", "limit of a thread": "\(limits.ofClient)",
                ])
        case .ends(let count):
            logger.info("no client is at its limit of TCP connections any more", metadata: ["closed meanwhile": "\(count)"])
        case nil: break
        }
        switch shortage.update(metrics.shortages, now) {
        case .begins:
            logger.error(
                "TCP connections cannot be accepted; idle ones are closed for them, the others wait. Allow this process more descriptors",
                metadata: ["error": "\(metrics.error ?? "no file descriptor is left")"])
        case .ends(let count):
            logger.info("TCP connections are accepted again", metadata: ["closed or delayed meanwhile": "\(count)"])
        case nil: break
        }
    }
}
