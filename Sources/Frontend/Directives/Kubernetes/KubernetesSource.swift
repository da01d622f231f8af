/// A `kubernetes` directive: the handler itself is immutable, all threads have the same.
final class KubernetesSource: DirectiveSource {
    let kubernetes: KubernetesHandler

    init(_ kubernetes: KubernetesHandler) { self.kubernetes = kubernetes }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { KubernetesStep(kubernetes) }
}

/// `kubernetes` in the chain.
final class KubernetesStep: DirectiveHandler {
    private let kubernetes: KubernetesHandler

    init(_ kubernetes: KubernetesHandler) { self.kubernetes = kubernetes }

    override var tableZones: [DNSName] { kubernetes.zones }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        bench.context.lookup.state = .none
        return answer(exchange, bench)
    }

    override func resume(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) -> Step {
        bench.context.lookup = exchange.lookup
        switch reply {
        case .message(let message): bench.context.lookup.state = .answered(message)
        case .failed, .limited: bench.context.lookup.state = .failed
        }
        let step = answer(exchange, bench)
        // The table has changed under the query, twice: whoever asks again is better served than by a chain without end.
        return step == .lookup ? exchange.fail("an ExternalName changed while its target was looked up") : step
    }

    @inline(__always)
    private func answer(_ exchange: Exchange, _ bench: Workbench) -> Step {
        bench.context.leavesOutAdditional = exchange.chain?.leavesOutAdditional ?? false
        let step = kubernetes.answer(exchange.query, &bench.response, &bench.context)
        switch step {
        case .done: exchange.isFromTable = true
        case .lookup: exchange.lookup = bench.context.lookup
        case .next, .nextAndReview, .nextAndDefer, .message, .fail, .drop, .below, .ask: break
        }
        return step
    }
}
