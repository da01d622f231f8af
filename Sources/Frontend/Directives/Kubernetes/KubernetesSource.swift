/// A `kubernetes` directive: the handler itself is immutable, all threads have the same.
final class KubernetesSource: DirectiveSource {
    let kubernetes: KubernetesHandler

    init(_ kubernetes: KubernetesHandler) { self.kubernetes = kubernetes }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { KubernetesStep(kubernetes, setup.table) }
}

/// `kubernetes` in the chain.
final class KubernetesStep: DirectiveHandler {
    private let kubernetes: KubernetesHandler
    private let table: TableSlot?

    init(_ kubernetes: KubernetesHandler, _ table: TableSlot?) { (self.kubernetes, self.table) = (kubernetes, table) }

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

    /// Who asks, by the record table, whatever `pods` says. Nothing for clients that are no pods, and for those on a node's own address.
    override func metadata(_ label: Substring, _ exchange: Exchange) -> String? {
        guard label == "client-namespace" || label == "client-pod-name", let client = exchange.client, let table = table?.reader else {
            return nil
        }
        let holder = AddressHolder(of: client.address, table)
        if holder.pod.isEmpty { return nil }
        return label == "client-namespace" ? holder.namespace : holder.pod
    }
}
