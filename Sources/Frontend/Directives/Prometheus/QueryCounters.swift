import MizzenSystem

/// `prometheus` as all threads share it: nothing, the counters are the process's.
final class QueryCountersSource: DirectiveSource {
    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { QueryCounters(setup.metrics, thread: setup.thread) }
}

/// `prometheus` in the chain: counts every exchange of the block, by server, zone and view.
final class QueryCounters: DirectiveHandler {
    private let metrics: FrontendMetrics
    private let thread: Int
    private var counters = ZoneScoped<ServerCounters>()

    init(_ metrics: FrontendMetrics, thread: Int) {
        self.metrics = metrics
        self.thread = thread
    }

    override var takesQueries: Bool { false }
    override var concludes: Bool { true }

    override func conclude(_ exchange: Exchange, _ bench: Workbench) {
        counters.value(exchange) { server, zone in
            metrics.counters(server: server, zone: zone.text, view: zone.view, thread: thread)
        }?.count(exchange)
    }
}
