import MizzenSystem

/// `prometheus` as all threads share it: nothing, the counters are the process's.
final class QueryCountersSource: DirectiveSource {
    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { QueryCounters(setup.metrics, thread: setup.thread) }
}

/// `prometheus` in the chain: counts every exchange of the block, by server, zone and view.
final class QueryCounters: DirectiveHandler {
    private let metrics: FrontendMetrics
    private let thread: Int
    /// Those of the zones seen so far; there are few.
    private var known: [(zone: WorkerServer.Zone, counters: ServerCounters)] = []

    init(_ metrics: FrontendMetrics, thread: Int) {
        self.metrics = metrics
        self.thread = thread
    }

    override var takesQueries: Bool { false }
    override var concludes: Bool { true }

    override func conclude(_ exchange: Exchange, _ bench: Workbench) {
        guard let zone = exchange.zone else { return }
        counters(zone, exchange.server).count(exchange)
    }

    @inline(__always)
    private func counters(_ zone: WorkerServer.Zone, _ server: WorkerServer) -> ServerCounters {
        for entry in known where entry.zone === zone { return entry.counters }
        let counters = metrics.counters(server: server.label, zone: zone.text, view: zone.view, thread: thread)
        // Zones of before a reload are gone.
        if known.count > 64 { known = [] }
        known.append((zone, counters))
        return counters
    }
}
