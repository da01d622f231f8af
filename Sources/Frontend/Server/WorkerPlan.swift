/// A directive that can answer, in the chain of a block.
enum Handler {
    case hosts(HostsHandler)
    case kubernetes(KubernetesHandler)
    case forward(ForwardHandler)

    /// An index of `ServerCounters.writers`.
    var writer: Int {
        switch self {
        case .kubernetes: 1
        case .hosts: 2
        case .forward: 3
        }
    }
}

/// A server block as one thread runs it. The objects belong to the thread, so that counting references to them stays in
/// its core's cache.
final class WorkerBlock {
    /// In execution order: hosts, kubernetes, forward.
    let handlers: [Handler]
    let errors: ErrorReporter?

    init(_ plan: BlockPlan) {
        handlers =
            plan.hosts.map { .hosts(HostsHandler(source: $0)) }
            // The plan has checked that they can be made.
            + plan.kubernetes.compactMap { try? .kubernetes($0.makeHandler()) }
            + plan.forward.map { .forward(ForwardHandler(source: $0)) }
        errors = plan.errors.map { ErrorReporter($0) }
    }

    var forwards: [ForwardHandler] {
        handlers.compactMap { if case .forward(let handler) = $0 { handler } else { nil } }
    }
}

/// A server as one thread runs it: zones, longest first, and what is behind them.
final class WorkerServer {
    struct Zone {
        let name: DNSName
        let block: WorkerBlock
        /// Nil for a block without `prometheus`.
        let counters: ServerCounters?
    }

    let label: String
    let zones: [Zone]
    /// For queries that no zone takes; they are counted whatever the blocks say, as CoreDNS does.
    let dropped: ServerCounters
    /// CoreDNS refuses other classes than IN unless something on the port might know them.
    let takesAllClasses: Bool
    let timeouts = ConnectionTimeouts()

    init(_ plan: ServerPlan, blocks: [WorkerBlock], blockPlans: [BlockPlan], metrics: FrontendMetrics, thread: Int) {
        label = plan.label
        zones = plan.zones.map { zone in
            Zone(
                name: zone.name, block: blocks[zone.block],
                counters: blockPlans[zone.block].isCounted
                    ? metrics.counters(server: plan.label, zone: zone.text, thread: thread) : nil)
        }
        dropped = metrics.counters(server: plan.label, zone: FrontendMetrics.dropped, thread: thread)
        takesAllClasses = plan.zones.contains { !blockPlans[$0.block].forward.isEmpty }
    }

    /// The zone that a name belongs to: the longest that it is in. A DS question belongs to the parent's side of a cut,
    /// so it goes to the
    /// next longer one when there is one.
    func zone(of query: borrowing Query) -> Int? {
        var found: Int?
        for index in zones.indices where query.name.hasSuffix(zones[index].name) {
            if query.type.rawValue != 43 { return index }
            if found != nil { return index }
            found = index
        }
        return found
    }
}
