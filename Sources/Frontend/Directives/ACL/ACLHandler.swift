import Names

/// The `acl` statements of a block as all threads share them.
final class ACLSource: DirectiveSource {
    struct Rule: Sendable {
        struct Policy: Sendable {
            let action: ACLSettings.Action
            let types: [RecordType]?
            let clients: NetworkSet?
        }

        /// The longest first.
        let zones: [DNSName]
        /// The same as metrics show them.
        let zoneTexts: [String]
        let policies: [Policy]
    }

    let statements: [ACLSettings]
    let rules: [Rule]

    init(_ statements: [ACLSettings]) {
        self.statements = statements
        rules = statements.map { settings in
            let zones = settings.zones.compactMap { zone in (try? DNSName(zone.text)).map { (name: $0, text: zone.text) } }
                .sorted { $0.name.labelCount > $1.name.labelCount }
            return Rule(
                zones: zones.map(\.name), zoneTexts: zones.map(\.text),
                policies: settings.policies.map { policy in
                    Rule.Policy(action: policy.action, types: policy.types, clients: policy.networks.map { NetworkSet($0) })
                })
        }
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { ACLHandler(self, setup) }

    /// The first line that fits, and the zone whose statement it is from; nil where none does.
    ///
    /// - Parameter name: in lower case.
    @inline(__always)
    func verdict(_ name: borrowing DNSName, _ type: RecordType, _ client: IPAddress) -> (action: ACLSettings.Action, zone: String)? {
        for rule in rules {
            guard let zone = rule.zones.firstZone(of: name) else { continue }
            for policy in rule.policies {
                if let types = policy.types, !types.contains(type) { continue }
                if let clients = policy.clients, !clients.contains(client) { continue }
                return (policy.action, rule.zoneTexts[zone])
            }
        }
        return nil
    }
}

/// `acl` in the chain.
final class ACLHandler: DirectiveHandler {
    /// What a thread counts for one server; each cell is made when it is needed, as CoreDNS shows it from then on.
    private final class Counters {
        let setup: HandlerSetup
        let server: String
        let view: String
        private var allowed: ThreadCounter?
        private var others: [(zone: String, action: ACLSettings.Action, cell: ThreadCounter)] = []

        init(_ setup: HandlerSetup, server: String, view: String) {
            self.setup = setup
            self.server = server
            self.view = view
        }

        func countAllowed() {
            if allowed == nil {
                allowed = setup.metrics.counter(
                    "coredns_acl_allowed_requests_total", help: "Queries that 'acl' let pass.",
                    labels: [("server", server), ("view", view)],
                    thread: setup.thread)
            }
            allowed?.add()
        }

        func count(_ action: ACLSettings.Action, _ zone: String, _ name: String, _ help: String) {
            if let known = others.first(where: { $0.action == action && $0.zone == zone }) { return known.cell.add() }
            let cell = setup.metrics.counter(
                "coredns_acl_\(name)_requests_total", help: help, labels: [("server", server), ("zone", zone), ("view", view)],
                thread: setup.thread)
            others.append((zone, action, cell))
            cell.add()
        }
    }

    private let source: ACLSource
    private let setup: HandlerSetup
    private var counters = ZoneScoped<Counters>()

    init(_ source: ACLSource, _ setup: HandlerSetup) {
        self.source = source
        self.setup = setup
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        // What a directive asks by itself is no client's.
        guard let client = exchange.client?.address else { return .next }
        let counters = counters.value(exchange) { server, zone in Counters(setup, server: server, view: zone.view) }
        guard let (action, zone) = source.verdict(exchange.query.name, exchange.query.type, client) else {
            counters?.countAllowed()
            return .next
        }
        switch action {
        case .allow:
            counters?.countAllowed()
            return .next
        case .drop:
            counters?.count(.drop, zone, "dropped", "Queries that 'acl' left without an answer.")
            return .drop
        case .block:
            counters?.count(.block, zone, "blocked", "Queries that 'acl' refused.")
            exchange.addExtendedError(.blocked)
            return .done(.refused)
        case .filter:
            counters?.count(.filter, zone, "filtered", "Queries that 'acl' answered with nothing.")
            exchange.addExtendedError(.filtered)
            return bench.doneWithoutAuthority(exchange, .noData)
        }
    }
}
