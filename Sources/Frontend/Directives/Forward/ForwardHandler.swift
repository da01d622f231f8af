import MizzenSystem

/// `forward` in the chain: which names it takes, and what it makes of the upstreams' answer.
final class ForwardHandler: DirectiveHandler {
    private let group: UpstreamGroup
    private let from: [DNSName]
    private let except: [DNSName]
    /// Whether another directive that answers follows, which `next` needs.
    private let isLast: Bool
    /// Nil where addresses of any family are asked for.
    private let families: UsableFamilies?
    /// Nil where nothing is kept.
    private let lastGood: LastGoodKeeper?
    private let skipped: (a: ThreadCounter, aaaa: ThreadCounter)?

    init(source: ForwardSource, _ setup: HandlerSetup) {
        families = setup.families
        skipped = setup.families.map { _ in (Self.counter("A", setup), Self.counter("AAAA", setup)) }
        lastGood = setup.lastGoodTime.map { LastGoodKeeper(time: $0, source.lastGood, setup) }
        from = source.settings.from.compactMap { try? DNSName($0.text) }
        except = source.settings.except.compactMap { try? DNSName($0.text) }
        group = UpstreamGroup(source: source)
        isLast = source.isLast
    }

    private static func counter(_ type: String, _ setup: HandlerSetup) -> ThreadCounter {
        setup.metrics.counter(
            "mizzen_skipped_questions_total",
            help: "Questions for addresses of a family that nobody in the cluster has, answered without asking an upstream.",
            labels: [("type", type)], thread: setup.thread)
    }

    /// Whether a client asks for an address that it could not use. What handlers ask for is for them to judge: `dns64` makes addresses of others.
    private func isOfNoUse(_ exchange: Exchange) -> Bool {
        guard let families, !families.isUsable(exchange.query.type), exchange.query.recordClass == internetClass else { return false }
        switch exchange.path {
        case .slot, .datagram, .stream, .paper: return true
        case .exchange, .handler, .nobody: return false
        }
    }

    /// That the name has no such address. Not that there is no such name, which some clients take for all of it; and with RA, as glibc's resolver
    /// takes an empty answer without it for one of a server that is no use, and asks the next.
    private func answerNothing(_ exchange: Exchange, _ bench: Workbench) -> Step {
        if exchange.query.type == .a { skipped?.a.add() } else { skipped?.aaaa.add() }
        let step = bench.doneWithoutAuthority(exchange, .noData)
        bench.flags |= 0x0080
        return step
    }

    private func takes(_ name: borrowing DNSName) -> Bool {
        let from = from
        guard let zone = from.firstZone(of: name) else { return false }
        // The apex is asked for whatever `except` says.
        if from.span[zone].labelCount == name.labelCount { return true }
        return !except.containZone(of: name)
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        guard takes(exchange.query.name) else { return .next }
        if isOfNoUse(exchange) { return answerNothing(exchange, bench) }
        exchange.request = UpstreamRequest(group: group, message: exchange.query.upstreamMessage())
        if let lastGood {
            let (isAnswered, denier) = lastGood.takes(exchange, bench)
            if isAnswered { return .message }
            exchange.request?.denier = denier
        }
        return .ask
    }

    override func resume(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) -> Step {
        switch reply {
        case .message(let message):
            if !isLast, !group.source.settings.next.isEmpty,
                group.source.settings.next.contains(PacketReader.responseCode(of: message.span))
            {
                return .next
            }
            guard bench.relay(message.span, exchange) else { return exchange.fail("an upstream's answer cannot be parsed") }
            lastGood?.judge(exchange, bench)
            return .message
        case .failed(let reason):
            exchange.addExtendedError(.noReachableAuthority)
            return exchange.fail(reason)
        case .limited: return exchange.fail("more queries under way than max_concurrent", .refused)
        }
    }

    override func metadata(_ label: Substring, _ exchange: Exchange) -> String? {
        label == "upstream" ? exchange.upstream.map { "\($0)" } : nil
    }

    override func everySecond(_ now: Instant, _ worker: Worker) { worker.closeIdle(group, now) }

    override func retire(_ worker: Worker) {
        group.isRetired = true
        worker.closeIdle(group, nil)
    }
}
