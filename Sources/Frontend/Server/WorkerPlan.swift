import Logging

/// The server blocks of a plan as one thread runs them. Its objects belong to the thread, so that counting references to them stays in its
/// core's cache.
final class WorkerPlan {
    let chains: [Chain]
    let servers: [WorkerServer]
    /// Every handler with the source that made it.
    private let made: [(source: any DirectiveSource, handler: DirectiveHandler)]

    /// - Parameters:
    ///   - earlier: what the thread ran before; handlers of sources that live on live on too.
    ///   - make: makes a source's handler.
    init(
        _ plan: ServingPlan, metrics: FrontendMetrics, logger: Logger, thread: Int, families: UsableFamilies? = nil,
        lastGoodTime: Duration? = nil, table: TableSlot? = nil, earlier: WorkerPlan? = nil,
        make: (any DirectiveSource, HandlerSetup) -> DirectiveHandler? = { $0.makeHandler($1) }
    ) {
        var made: [(source: any DirectiveSource, handler: DirectiveHandler)] = []
        let setup = HandlerSetup(
            thread: thread, metrics: metrics, logger: logger.asked(by: plan.blocks.map(\.configuration)), families: families,
            lastGoodTime: lastGoodTime, table: table)
        chains = plan.blocks.map { block in
            Chain(
                block.sources.compactMap { planned in
                    let known = earlier?.made.first { $0.source === planned.source }?.handler
                    guard let handler = known ?? make(planned.source, setup) else { return nil }
                    handler.rank = planned.rank
                    made.append((planned.source, handler))
                    return handler
                })
        }
        self.made = made
        servers = plan.servers.map { [chains] in WorkerServer($0, chains: chains, blocks: plan.blocks, metrics: metrics, thread: thread) }
    }

    var handlers: [DirectiveHandler] { made.map(\.handler) }

    /// The handlers that `next` does not go on with.
    func handlers(goneIn next: WorkerPlan) -> [DirectiveHandler] {
        handlers.filter { handler in !next.made.contains { $0.handler === handler } }
    }
}

/// A server as one thread runs it: zones, longest first, and what is behind them.
final class WorkerServer {
    final class Zone {
        let name: DNSName
        /// As metrics show it.
        let text: String
        /// The name of the block's view; empty for none.
        let view: String
        let chain: Chain
        /// Which queries the block takes besides its zone; nil for all.
        let filter: (any QueryFilter)?

        init(name: DNSName, text: String, view: String, chain: Chain, filter: (any QueryFilter)?) {
            self.name = name
            self.text = text
            self.view = view
            self.chain = chain
            self.filter = filter
        }
    }

    let label: String
    let zones: [Zone]
    /// For queries that no zone takes; they are counted whatever the blocks say, as CoreDNS does.
    let dropped: ServerCounters
    /// CoreDNS refuses other classes than IN unless something on the port might know them.
    let takesAllClasses: Bool
    let timeouts: ConnectionTimeouts

    init(_ plan: ServerPlan, chains: [Chain], blocks: [BlockPlan], metrics: FrontendMetrics, thread: Int) {
        label = plan.label
        zones = plan.zones.map { zone in
            let block = blocks[zone.block]
            return Zone(name: zone.name, text: zone.text, view: block.view, chain: chains[zone.block], filter: block.filter)
        }
        // The block that comes last in the Corefile has the last word, as with CoreDNS.
        timeouts = Set(plan.zones.map(\.block)).sorted().flatMap { blocks[$0].configuration.all(TimeoutsSettings.self) }
            .reduce(into: ConnectionTimeouts()) { $1.apply(to: &$0) }
        dropped = metrics.counters(server: plan.label, zone: FrontendMetrics.dropped, thread: thread)
        takesAllClasses = plan.zones.contains { blocks[$0.block].configuration.takesAllClasses }
    }

    /// The zone that a query belongs to: the longest that its name is in, of those whose view takes it. A DS question belongs to the
    /// parent's side of a cut, so it goes to the next longer one when there is one.
    @inline(__always)
    func zone(of exchange: Exchange) -> Zone? {
        var found: Zone?
        for zone in zones where exchange.query.name.hasSuffix(zone.name) {
            if let filter = zone.filter, !takes(filter, zone, exchange) { continue }
            if exchange.query.type.rawValue != 43 || found != nil { return zone }
            found = zone
        }
        return found
    }

    /// The block's directives may have metadata for its view to ask, so the exchange is in its zone meanwhile.
    func takes(_ filter: any QueryFilter, _ zone: Zone, _ exchange: Exchange) -> Bool {
        exchange.zone = zone
        defer { exchange.zone = nil }
        return filter.takes(exchange)
    }
}

/// Which queries a block takes besides its zone, as `view` has it.
protocol QueryFilter: Sendable {
    /// As metrics show it.
    var viewName: String { get }

    func takes(_ exchange: Exchange) -> Bool
}
