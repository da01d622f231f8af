import Logging
import ProcessRuntime
import Synchronization

/// Counts and tells what keeps nodes from being scraped, of one kind of request. Safe to use from any thread.
final class NodeFaultReports: Sendable {
    /// What is asked of kubelets, and how log and metrics call it.
    struct Subject: Sendable {
        /// Told of nodes that fail.
        var failure: Logger.Message
        /// Told of nodes that are well again.
        var recovery: Logger.Message
        /// A counter's name, without its `_total`.
        var counter: String
        /// Of the gauge of nodes that fail at the moment.
        var gauge: String
        /// For `--help` of both: `scrapes`.
        var what: String

        static let metrics = Subject(
            failure: "scrape failed; further failures of the kind are only counted until it succeeds", recovery: "scraped again",
            counter: "mizzen_collector_scrape_failures", gauge: "mizzen_collector_failing_nodes", what: "Scrapes")
        static let summary = Subject(
            failure: "no summary; CPU and memory are not concerned, and further failures are only counted until there is one",
            recovery: "a summary again", counter: "mizzen_collector_stats_failures", gauge: "mizzen_collector_stats_failing_nodes",
            what: "Requests for /stats/summary")
    }

    private struct State {
        var journal = NodeFaultJournal()
        /// Whether a task waits to tell what is gathered.
        var isAwaited = false
    }

    /// More nodes than these are only counted in a line.
    private static let namedNodes = 5

    private let subject: Subject
    private let logger: Logger
    private let counters: [KubeletFault: Counter]
    private let state: Mutex<State>
    private let start = ContinuousClock.now

    init(_ subject: Subject, _ registry: MetricsRegistry, logger: Logger) {
        (self.subject, self.logger) = (subject, logger)
        state = Mutex(State())
        // All of them from the beginning: a rate needs the 0 before the first failure.
        counters = Dictionary(
            KubeletFault.allCases.map { fault in
                let help = "\(subject.what) that failed, by what kept them from succeeding."
                return (fault, registry.counter("\(subject.counter)_total", help: help, labels: [("fault", fault.rawValue)]))
            }
        ) { first, _ in first }
        for fault in KubeletFault.allCases {
            registry.gauge(
                subject.gauge, help: "Nodes whose last request failed, by what kept it from succeeding (\(subject.what)).",
                labels: [("fault", fault.rawValue)]
            ) { [weak self] in Double(self?.state.withLock { $0.journal.count(fault) } ?? 0) }
        }
    }

    /// - Parameter isExpected: whether the node is known not to be ready: that is told elsewhere, and only at debug here.
    func failed(_ node: String, _ failure: ScrapeFailure, isExpected: Bool = false) {
        counters[failure.fault]?.add()
        if isExpected {
            logger.debug(subject.failure, metadata: Self.metadata(failure.fault, [node], failure.description))
            return
        }
        note(node, failure.fault, failure.description)
    }

    func succeeded(_ node: String) { note(node, nil, "") }

    /// The node left the cluster.
    func forget(_ node: String) { state.withLock { $0.journal.forget(node) } }

    private func note(_ node: String, _ fault: KubeletFault?, _ reason: String) {
        let (lines, due) = state.withLock { state in
            let lines = state.journal.note(node, fault, reason: reason, now: ContinuousClock.now - start)
            guard !state.isAwaited, let due = state.journal.due else { return (lines, Duration?.none) }
            state.isAwaited = true
            return (lines, due)
        }
        write(lines)
        // Ends with what is gathered: there is one at a time, while there is something to tell.
        if let due { Task { await tell(at: due) } }
    }

    private func tell(at due: Duration) async {
        var next: Duration? = due
        while let moment = next {
            try? await ContinuousClock().sleep(until: start + moment)
            let lines = state.withLock { state in
                let lines = state.journal.lines(now: ContinuousClock.now - start)
                next = state.journal.due
                if next == nil { state.isAwaited = false }
                return lines
            }
            write(lines)
        }
    }

    private func write(_ lines: [NodeFaultJournal.Line]) {
        for line in lines {
            logger.log(
                level: line.condition == nil ? .info : .warning, line.condition == nil ? subject.recovery : subject.failure,
                metadata: Self.metadata(line.condition, line.nodes, line.reason))
        }
    }

    private static func metadata(_ fault: KubeletFault?, _ nodes: [String], _ reason: String) -> Logger.Metadata {
        var metadata: Logger.Metadata = [:]
        if nodes.count == 1 {
            metadata["node"] = "\(nodes[0])"
        } else {
            let rest = nodes.count - namedNodes
            metadata["nodes"] = "\(nodes.prefix(namedNodes).joined(separator: ","))\(rest > 0 ? " and \(rest) more" : "")"
            metadata["count"] = "\(nodes.count)"
        }
        guard let fault else { return metadata }
        metadata["fault"] = "\(fault.rawValue)"
        metadata["reason"] = "\(reason)"
        metadata["remedy"] = "\(fault.remedy)"
        return metadata
    }
}
