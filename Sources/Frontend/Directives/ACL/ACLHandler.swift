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
        let zones: [(name: DNSName, text: String)]
        let policies: [Policy]
    }

    let statements: [ACLSettings]
    let rules: [Rule]

    init(_ statements: [ACLSettings]) {
        self.statements = statements
        rules = statements.map { settings in
            let zones = settings.zones.compactMap { zone in (try? DNSName(zone.text)).map { (name: $0, text: zone.text) } }
            return Rule(
                zones: zones.sorted { $0.name.labelCount > $1.name.labelCount },
                policies: settings.policies.map { policy in
                    Rule.Policy(action: policy.action, types: policy.types, clients: policy.networks.map { NetworkSet($0) })
                })
        }
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { ACLHandler(self, setup) }
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
                    "coredns_acl_allowed_requests_total", help: "Queries that 'acl' let pass.", labels: [("server", server), ("view", view)],
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

    /// RFC 8914, sections 4.16 and 4.18.
    private static let extendedError: UInt16 = 15
    private static let (blocked, filtered): (UInt8, UInt8) = (15, 17)

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
        for rule in source.rules {
            guard let zone = rule.zones.first(where: { exchange.query.name.hasSuffix($0.name) }) else { continue }
            switch Self.action(rule, exchange.query.type, client) {
            case nil: continue
            case .allow:
                counters?.countAllowed()
                return .next
            case .drop:
                counters?.count(.drop, zone.text, "dropped", "Queries that 'acl' left without an answer.")
                return .drop
            case .block:
                counters?.count(.block, zone.text, "blocked", "Queries that 'acl' refused.")
                exchange.addOption(Self.extendedError, [0, Self.blocked])
                return .done(.refused)
            case .filter:
                counters?.count(.filter, zone.text, "filtered", "Queries that 'acl' answered with nothing.")
                exchange.addOption(Self.extendedError, [0, Self.filtered])
                return bench.doneWithoutAuthority(exchange, .noData)
            }
        }
        counters?.countAllowed()
        return .next
    }

    private static func action(_ rule: ACLSource.Rule, _ type: RecordType, _ client: IPAddress) -> ACLSettings.Action? {
        for policy in rule.policies {
            if let types = policy.types, !types.contains(type) { continue }
            if let clients = policy.clients, !clients.contains(client) { continue }
            return policy.action
        }
        return nil
    }
}
