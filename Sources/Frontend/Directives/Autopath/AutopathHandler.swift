import MizzenSystem
import Names
import RecordTable

/// `autopath` in the chain. One for each thread.
///
/// A client with the search path A, B, C asks for `NAME.A`. Where that does not exist, the names `NAME.B`, `NAME.C` and `NAME` are looked up
/// through this server until one exists: its answer goes to the client, behind an alias from the name asked. Names of the cluster are thus
/// decided by the record table, and what an outside name has is kept by `cache` under that name.
///
/// What the client gets was made for its namespace: nobody keeps it. Who asks is read from the table for each query. Look-ups on behalf of
/// others are left alone, they are not what a client's resolver has made of a name.
final class AutopathHandler: DirectiveHandler {
    /// How far a query is on the path.
    private final class Walk {
        /// The names, the question first.
        let names: [DNSName]
        /// The one that is being looked up.
        var index = 0
        /// The question's own answer.
        var first: [UInt8] = []
        var firstCode: UInt16 = 0

        init(_ names: [DNSName]) { self.names = names }
    }

    private let source: AutopathSource
    private let setup: HandlerSetup
    private let zones: [DNSName]
    private var successes = ZoneScoped<ThreadCounter>()

    init(_ source: AutopathSource, _ setup: HandlerSetup) {
        self.source = source
        self.setup = setup
        zones = source.settings.zones.compactMap { try? DNSName($0.text) }
    }

    private func countSuccess(_ exchange: Exchange) {
        let counter = successes.value(exchange) { [setup] server, _ in
            setup.metrics.counter(
                "coredns_autopath_success_total", help: "Queries answered with what a search path comes to.", labels: [("server", server)],
                thread: setup.thread)
        }
        counter?.add()
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        guard !Self.isLookup(exchange), zones.containZone(of: exchange.query.name) else { return .next }
        guard let kubernetes = source.kubernetes else { return walk(exchange, source.search, isPersonal: false) }
        if source.settings.isImplied, exchange.query.type != .a, exchange.query.type != .aaaa { return .next }
        guard let table = bench.context.table, let zone = Self.longest(kubernetes.zones, exchange.query.name),
            let namespace = namespace(of: exchange, table), let own = Self.own(namespace, zone), exchange.query.name.isBelow(own[0])
        else { return .next }
        if exists(exchange.query, zone, kubernetes, table, bench) {
            countSuccess(exchange)
            return .next
        }
        return walk(exchange, own + source.search, isPersonal: true)
    }

    /// Whether a directive wants the name resolved, rather than a client by way of a directive that asks what is behind it.
    private static func isLookup(_ exchange: Exchange) -> Bool {
        var exchange = exchange
        while case .exchange(let parent) = exchange.path {
            if !(parent.query.name == exchange.query.name) { return true }
            exchange = parent
        }
        return false
    }

    /// The names of a zone in a pod's search path.
    private static func own(_ namespace: [UInt8], _ zone: DNSName) -> [DNSName]? {
        var (services, namespaced) = (DNSName(), DNSName())
        guard services.append(label: "svc"), services.append(zone), namespaced.append(label: namespace.span), namespaced.append(services)
        else { return nil }
        return [namespaced, services, zone]
    }

    private static func longest(_ zones: [DNSName], _ name: DNSName) -> DNSName? {
        zones.longestZone(of: name).map { zones[$0] }
    }

    /// The namespace of the pod that has the client's address; nil unless there is one. A pod of the host's network has no address of its
    /// own. While an address passes from one pod to another both may have it: then nobody is taken for the one who asks.
    private func namespace(of exchange: Exchange, _ table: TableReader) -> [UInt8]? {
        guard let client = exchange.client else { return nil }
        var found: [UInt8]?
        var isOne = true
        table.forEachPod(address: client.address) { owner in
            _ = table.withPod(namespace: owner.namespace, name: owner.name) { pod in
                guard !pod.isHostNetwork, (0..<pod.addressCount).contains(where: { pod.address($0) == client.address }) else { return }
                if let found, !found.span.equals(owner.namespace) { isOne = false }
                found = owner.namespace.bytes
            }
        }
        return isOne ? found : nil
    }

    /// Whether the table has the name for sure. Only for types that every name of the cluster can be asked for.
    private func exists(
        _ query: borrowing Query, _ zone: DNSName, _ kubernetes: KubernetesHandler, _ table: TableReader, _ bench: Workbench
    ) -> Bool {
        guard query.type == .a || query.type == .aaaa else { return false }
        switch kubernetes.collect(query.name, zone.labelCount, table, labels: false, &bench.context.scratch) {
        case .nameError: return false
        case .noData, .noDataYet, .items, .external: return true
        }
    }

    // MARK: The walk

    private func walk(_ exchange: Exchange, _ search: [DNSName], isPersonal: Bool) -> Step {
        guard let first = search.first, exchange.query.name.isBelow(first) else { return .next }
        let labels = exchange.query.name.labelCount - first.labelCount
        var names = [exchange.query.original]
        for end in search.dropFirst() + [DNSName()] {
            var name = DNSName()
            guard name.append(exchange.query.original, count: labels), name.append(end) else { continue }
            names.append(name)
        }
        if isPersonal { exchange.isPersonal = true }
        exchange.keep(Walk(names))
        return .below
    }

    override func resume(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) -> Step {
        guard let walk = exchange.note(Walk.self) else { return exchange.fail("autopath has lost its place") }
        let message: [UInt8]
        switch reply {
        case .message(let found): message = found
        case .failed(let reason): return exchange.fail(reason)
        case .limited: return exchange.fail("too many queries under way")
        }
        guard message.count >= Query.headerSize else { return exchange.fail("a name of the search path has no readable answer") }
        let isFirst = walk.index == 0
        if isFirst { (walk.first, walk.firstCode) = (message, exchange.replyCode) }
        if ResponseCode(rawValue: exchange.replyCode) == .nameError {
            walk.index += 1
            if walk.index < walk.names.count { return exchange.look(up: walk.names[walk.index], exchange.query.type) }
            return answer(walk.first, walk.firstCode, exchange, bench)
        }
        countSuccess(exchange)
        if isFirst { return answer(message, exchange.replyCode, exchange, bench) }
        guard bench.relay(message.span, exchange, behindAlias: walk.names[walk.index]) else {
            return exchange.fail("the answer to a name of the search path cannot be read")
        }
        bench.code = exchange.replyCode
        return .message
    }

    /// The question's own answer, as it came from the directives behind this one.
    private func answer(_ message: [UInt8], _ code: UInt16, _ exchange: Exchange, _ bench: Workbench) -> Step {
        bench.setMessage(message.span, code: code) ? .message : exchange.fail("an answer is too long")
    }
}

extension DNSName {
    /// Whether it is in a zone and not its apex.
    func isBelow(_ zone: DNSName) -> Bool { labelCount > zone.labelCount && hasSuffix(zone) }

    /// Appends the first labels of a name. False, with some of them appended, when it becomes too long.
    mutating func append(_ other: DNSName, count: Int) -> Bool {
        for index in 0..<count { guard append(label: other.label(index)) else { return false } }
        return true
    }
}
