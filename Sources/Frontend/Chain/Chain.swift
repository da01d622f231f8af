/// The directives of one server block that have to do with queries, on one thread, in the order of execution.
///
/// ```
///            take ─────────────▶                                   a handler answers, or asks upstreams and then answers
///   query ─▶ loadbalance ─▶ cache ─▶ rewrite ─▶ hosts ─▶ kubernetes ─▶ forward
///   answer ◀─ seal ◀─ loadbalance ◀─ cache ◀─ rewrite ◀───────────────────┘
///              │        ◀───────────── review, those that asked for it
///              └─▶ conclude: prometheus, errors, log, dnstap
/// ```
final class Chain {
    /// Every handler of the block.
    let all: [DirectiveHandler]
    /// Those that queries pass.
    let handlers: [DirectiveHandler]
    /// Those that keep books.
    let concluders: [DirectiveHandler]
    /// Those that see what goes to upstreams and comes from them.
    let watchers: [DirectiveHandler]
    /// Where deferred handlers are asked again: behind the last that answers from the record table.
    let latePosition: Int
    /// Whether any handler may keep or change an answer; else it is written as the client takes it.
    let wantsWholeAnswers: Bool
    /// Whether the additional section of an answer that succeeds is left out.
    let leavesOutAdditional: Bool
    /// Where directives say what they know of an exchange; see `Exchange.metadata`.
    let metadataZones: [DNSName]
    /// Zones of the handlers that answer from the record table.
    private let tableZones: [DNSName]
    /// Whether a handler may give a query another name before it comes to those.
    private let renames: Bool
    /// From this rank on a directive's review counts as writing the answer, as it is with CoreDNS's metrics.
    let firstWriter: Int

    /// - Parameter handlers: in the order of execution.
    init(_ handlers: [DirectiveHandler]) {
        all = handlers
        metadataZones = handlers.flatMap(\.metadataZones)
        let takers = handlers.filter(\.takesQueries)
        self.handlers = takers
        concluders = handlers.filter(\.concludes)
        watchers = handlers.filter(\.watchesUpstreams)
        latePosition = (takers.lastIndex { !$0.tableZones.isEmpty } ?? -1) + 1
        tableZones = takers.flatMap(\.tableZones)
        renames = takers[..<latePosition].contains { $0.renames }
        wantsWholeAnswers = takers.contains { $0.changesSizes }
        leavesOutAdditional = takers.contains { $0.leavesOutAdditional }
        firstWriter = Directive.rank(of: "prometheus") ?? 0
    }

    /// Whether the answer to a look-up on behalf of a rewritten query is for nobody else (`DirectiveHandler.treatsLookupsOtherwise`).
    func treatsOtherwise(_ exchange: Exchange) -> Bool {
        exchange.isRewritten && handlers.contains { $0.treatsLookupsOtherwise(exchange) }
    }

    /// Whether a name, in lower case, is in a zone that is answered from the record table.
    func hasInTableZones(_ name: borrowing DNSName) -> Bool { tableZones.containZone(of: name) }

    /// Whether the record table may have the answer to a name, in lower case.
    @inline(__always)
    func mayAnswerFromTable(_ name: borrowing DNSName) -> Bool {
        if latePosition == 0 { return false }
        if renames { return true }
        return tableZones.containZone(of: name)
    }
}
