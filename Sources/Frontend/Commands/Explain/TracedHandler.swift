import Names

/// What a query meets on its way, step by step.
final class QueryTrace {
    private(set) var steps: [Explanation.Step] = []
    /// The names that were looked for in the record table, in lower case.
    private(set) var tableNames: [DNSName] = []
    private var last: ObjectIdentifier?

    fileprivate func note(_ text: String, by directive: String?, depth: Int) {
        steps.append(Explanation.Step(depth: depth, directive: directive, text: text))
    }

    /// A look-up on behalf of the query begins with a line of its own.
    fileprivate func enter(_ exchange: Exchange) {
        guard exchange.depth > 0, last != ObjectIdentifier(exchange) || exchange.position == 0 else { return }
        last = ObjectIdentifier(exchange)
        note("\(exchange.query.original) \(exchange.query.type), in zone \(exchange.zone?.text ?? "none"):", by: nil, depth: exchange.depth)
    }

    /// A handler that answers from the record table takes the query.
    fileprivate func look(for name: DNSName, in zones: [DNSName]) {
        var name = name
        _ = name.lowercase()
        if zones.containZone(of: name), !tableNames.contains(name) { tableNames.append(name) }
    }
}

/// A handler of the real chain, with a note of all that it decides. It decides nothing itself.
final class TracedHandler: DirectiveHandler {
    private let handler: DirectiveHandler
    private let trace: QueryTrace

    init(_ handler: DirectiveHandler, _ trace: QueryTrace) {
        self.handler = handler
        self.trace = trace
    }

    override var takesQueries: Bool { handler.takesQueries }
    override var tableZones: [DNSName] { handler.tableZones }
    override var renames: Bool { handler.renames }
    override var changesSizes: Bool { handler.changesSizes }
    override var leavesOutAdditional: Bool { handler.leavesOutAdditional }
    override var metadataZones: [DNSName] { handler.metadataZones }
    override func treatsLookupsOtherwise(_ exchange: Exchange) -> Bool { handler.treatsLookupsOtherwise(exchange) }
    override func metadata(_ label: Substring, _ exchange: Exchange) -> String? { handler.metadata(label, exchange) }
    override func refreshed(_ exchange: Exchange, _ bench: Workbench) { handler.refreshed(exchange, bench) }

    private func note(_ text: String, _ exchange: Exchange) {
        trace.note(text, by: "\(Directive.name(ofRank: rank))", depth: exchange.depth)
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        trace.enter(exchange)
        trace.look(for: exchange.query.original, in: handler.tableZones)
        let question = Self.question(exchange)
        let step = handler.take(exchange, bench)
        note(words(step, exchange, before: question), exchange)
        return step
    }

    override func takeLate(_ exchange: Exchange, _ bench: Workbench) -> Step {
        let question = Self.question(exchange)
        let step = handler.takeLate(exchange, bench)
        note("asked now, since the cluster has not answered: \(words(step, exchange, before: question))", exchange)
        return step
    }

    override func resume(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) -> Step {
        let question = Self.question(exchange)
        let step = handler.resume(exchange, bench, reply)
        let what =
            switch reply {
            case .message: "has its answer"
            case .failed(let reason): "has no answer (\(reason))"
            case .limited: "may not ask now"
            }
        note("\(what), and \(words(step, exchange, before: question))", exchange)
        return step
    }

    override func review(_ exchange: Exchange, _ bench: Workbench) {
        let (message, question) = (bench.messageBytes, Self.question(exchange))
        handler.review(exchange, bench)
        noteReview(exchange, bench, message, question)
    }

    override func resumeReview(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) {
        let (message, question) = (bench.messageBytes, Self.question(exchange))
        handler.resumeReview(exchange, bench, reply)
        noteReview(exchange, bench, message, question)
    }

    private func noteReview(_ exchange: Exchange, _ bench: Workbench, _ message: [UInt8], _ question: String) {
        if exchange.reviewed != nil { return note("looks up \(exchange.lookup.name) \(exchange.lookup.type) for the answer", exchange) }
        let back = question == Self.question(exchange) ? "" : ", and the question is \(Self.question(exchange)) again"
        note("sees the answer\(bench.messageBytes == message ? "" : " and changes it")\(back)", exchange)
    }

    override func abandon(_ exchange: Exchange) { handler.abandon(exchange) }

    private static func question(_ exchange: Exchange) -> String { "\(exchange.query.original) \(exchange.query.type)" }

    private func words(_ step: Step, _ exchange: Exchange, before: String) -> String {
        let after = Self.question(exchange)
        switch step {
        case .next: return "passes it on"
        case .nextAndReview where after != before: return "rewrites the question to \(after); it stays in this server block"
        case .nextAndReview: return "passes it on, and sees the answer"
        case .nextAndDefer: return "waits until the cluster has not answered"
        case .done(let outcome): return "answers (\(outcome))"
        case .message: return "answers"
        case .fail(let outcome):
            return "answers with the code \(outcome.header.code) alone\(exchange.failure.map { ": \($0)" } ?? "")"
        case .drop: return "gives no answer"
        case .lookup: return "looks up \(exchange.lookup.name) \(exchange.lookup.type) through the whole server"
        case .below: return "has the directives behind it answer first"
        case .ask:
            let upstreams = exchange.request?.group.source.endpoints.map { endpoint in
                endpoint.serverName.map { "tls://\(endpoint.address) (\($0))" } ?? "\(endpoint.address)"
            }
            return "asks \(upstreams?.joined(separator: " or ") ?? "nobody")"
        }
    }
}
