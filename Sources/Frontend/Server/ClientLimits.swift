import Logging
import Names
import RecordTable
import Synchronization

/// The pods whose queries have been too many, so far as they are told by name: the first of them, since whoever asks much under ever
/// new names must not fill metrics and log.
final class LimitedPods: Sendable {
    static let most = 100

    struct Pod: Hashable, Sendable {
        var namespace: String
        var name: String

        /// Clients that are no pods of the table.
        static let none = Pod(namespace: "", name: "")
        /// Those that came when there were enough; brackets are in no name.
        static let others = Pod(namespace: "(others)", name: "(others)")
    }

    private let known = Mutex<Set<Pod>>([])

    /// - Returns: under which name the pod is counted, and whether that is new.
    func admit(_ pod: Pod) -> (pod: Pod, isNew: Bool) {
        known.withLock { known in
            if known.contains(pod) { return (pod, false) }
            let told = known.count < Self.most ? pod : .others
            return (told, known.insert(told).inserted)
        }
    }
}

/// Holds one thread's queries to what clients may ask (`--client-rate`), and counts those that are too many.
final class ClientLimits {
    private let limiter: ClientLimiter
    private let pods: LimitedPods
    private let metrics: FrontendMetrics
    private let logger: Logger
    private let thread: Int
    private let untold: ThreadCounter
    private var counters: [LimitedPods.Pod: ThreadCounter] = [:]

    init(_ limiter: ClientLimiter, _ pods: LimitedPods, metrics: FrontendMetrics, thread: Int, logger: Logger) {
        (self.limiter, self.pods, self.metrics, self.thread, self.logger) = (limiter, pods, metrics, thread, logger)
        untold = metrics.counter(
            "mizzen_client_unjudged_queries_total",
            help: "Queries that --client-rate let pass because too many clients asked at once to know them all.", labels: [], thread: thread
        )
    }

    enum Answer {
        case refusal, silence
    }

    /// - Returns: what the query gets instead of an answer; nil where it is none too many, or nobody's.
    func excess(of exchange: Exchange, _ table: TableReader?) -> Answer? {
        guard let client = exchange.client?.address else { return nil }
        switch limiter.judge(client, at: exchange.began) {
        case .passes: return nil
        case .isUntold:
            untold.add()
            return nil
        case .isOver:
            count(client, table)
            // Who has a connection is who it says, and waits for an answer on it.
            if case .stream = exchange.path { return .refusal }
            return limiter.settings.isSilent ? .silence : .refusal
        }
    }

    private func count(_ client: IPAddress, _ table: TableReader?) {
        let holder = table.map { AddressHolder(of: client, $0) } ?? AddressHolder()
        let pod = LimitedPods.Pod(namespace: holder.namespace, name: holder.pod)
        if let counter = counters[pod] { return counter.add() }
        let (told, isNew) = pods.admit(pod)
        if isNew {
            logger.warning(
                "a client asks more than --client-rate admits; its further queries are only counted (mizzen_client_limited_queries_total)",
                metadata: [
                    "client": "\(client)", "namespace": "\(told.namespace)", "pod": "\(told.name)", "rate": "\(limiter.settings.rate)",
                ])
        }
        let counter =
            counters[told]
            ?? metrics.counter(
                "mizzen_client_limited_queries_total",
                help: "Queries beyond --client-rate, by the pod that asked; without names for clients that are no pods.",
                labels: [("namespace", told.namespace), ("pod", told.name)], thread: thread)
        counters[told] = counter
        counter.add()
    }
}
