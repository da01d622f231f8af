import MizzenSystem

/// `forward` in the chain: which names it takes, and what it makes of the upstreams' answer.
final class ForwardHandler: DirectiveHandler {
    private let group: UpstreamGroup
    private let from: [DNSName]
    private let except: [DNSName]
    /// Whether another directive that answers follows, which `next` needs.
    private let isLast: Bool

    init(source: ForwardSource) {
        from = source.settings.from.compactMap { try? DNSName($0.text) }
        except = source.settings.except.compactMap { try? DNSName($0.text) }
        group = UpstreamGroup(source: source)
        isLast = source.isLast
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
        exchange.request = UpstreamRequest(group: group, message: exchange.query.upstreamMessage())
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
            return bench.relay(message.span, exchange) ? .message : exchange.fail("an upstream's answer cannot be parsed")
        case .failed(let reason): return exchange.fail(reason)
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
