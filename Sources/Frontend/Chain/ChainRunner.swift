import MizzenSystem

/// What came of a query for now.
enum Resolution {
    /// The answer is written and has this many octets.
    case answer(Int)
    case silence
    /// `ChainRunner.pending` has to be asked first; the exchange is kept by whoever asks.
    case waiting
}

/// Runs queries through the chains of a server, on one thread. Decides only: it sends nothing and waits for nothing.
///
/// An exchange that needs an upstream is set aside where it is (`.waiting`), and goes on from there with the upstream's answer
/// (`resume`), so that no handler does anything twice. A query that the table answers uses the same exchange as the one before it, allocates
/// nothing and takes no lock.
///
/// Memory contract: `aside` is a caller's memory, kept for the length of that caller's call only.
@safe final class ChainRunner {
    /// Look-ups on behalf of look-ups: an ExternalName that leads to an ExternalName, and so on.
    static let deepest = 8
    /// One handler's look-ups for one query; more are a loop.
    static let mostLookups = 32

    let bench: Workbench
    /// The exchange that waits for an upstream, after `.waiting`.
    private(set) var pending: Exchange?
    /// Exchanges to be used again.
    private var spare: [Exchange] = []
    /// The exchange of the query that ran last.
    private(set) var current: Exchange?
    private let description = SelfDescription()
    /// Nil where clients may ask as much as they like.
    var limits: ClientLimits?
    /// Nil where nobody wants to know who asks most.
    var tops: TopTracker?

    init(table: TableSlot) { bench = Workbench(table: table) }

    /// An exchange for a query that arrives: the last one's, unless that waits.
    @inline(__always)
    private func exchange(_ server: WorkerServer, _ path: ReplyPath) -> Exchange {
        if let current {
            current.begin(server, path)
            return current
        }
        let exchange = spare.popLast() ?? Exchange(server: server, path: path)
        exchange.begin(server, path)
        current = exchange
        return exchange
    }

    /// Takes back an exchange that has come to its end.
    private func recycle(_ exchange: Exchange) {
        if current === exchange { return }
        exchange.begin(exchange.server, .nobody)
        if spare.count < 64 { spare.append(exchange) }
    }

    /// Lets go of the query that ran last, and so of the listener that it came to.
    func forgetLast() { current = nil }

    // MARK: Entrances

    /// Answers one packet, or says what has to happen first.
    ///
    /// - Parameters:
    ///   - began: when it came.
    ///   - memory: where the answer goes; at least 512 octets.
    @inline(__always)
    func run(
        _ packet: Span<UInt8>, transport: QueryTransport, _ path: ReplyPath, on server: WorkerServer, began: Instant,
        into memory: UnsafeMutableRawBufferPointer
    ) -> Resolution {
        let exchange = exchange(server, path)
        exchange.began = began
        exchange.requestSize = packet.count
        // Safe: the caller's memory, alive for the call.
        unsafe bench.use(memory)
        switch exchange.query.read(packet, transport: transport) {
        case .silence: return .silence
        case .reply(let code):
            refuse(exchange, Outcome(code))
            return end(exchange)
        case .query:
            if let tops { tops.count(exchange) }
            if let limits, let excess = limits.excess(of: exchange, bench.context.table) {
                if case .silence = excess { return .silence }
                refuse(exchange, .refused)
                return end(exchange)
            }
            return drive(exchange, nil)
        }
    }

    /// Goes on with an exchange that waited for an upstream.
    ///
    /// - Parameter memory: where the answer goes, if it is for a client.
    func resume(_ exchange: Exchange, _ reply: Reply, into memory: UnsafeMutableRawBufferPointer) -> Resolution {
        exchange.request = nil
        // Safe: the caller's memory, alive for the call.
        unsafe bench.use(isAnsweredAside(exchange) ? bench.lookupMemory.buffer : memory)
        // Safe: stored for this call, which is all that uses it.
        unsafe aside = memory
        return drive(exchange, reply)
    }

    /// Where the answer for the client goes, while look-ups are answered in the bench's own memory.
    private var aside: UnsafeMutableRawBufferPointer?

    private func isAnsweredAside(_ exchange: Exchange) -> Bool {
        switch exchange.path {
        case .slot, .datagram, .stream, .paper: false
        case .exchange, .handler, .nobody: true
        }
    }

    /// The next refresh that a handler has begun, as far as it can be driven without upstreams. Nil when there is none.
    func runBegun() -> Resolution? {
        guard let exchange = bench.begun.popLast() else { return nil }
        // Safe: the bench's own memory.
        unsafe bench.use(bench.lookupMemory.buffer)
        bench.begin(exchange.query, whole: true)
        return drive(exchange, nil)
    }

    // MARK: The drive

    private enum Halt {
        /// The exchange has ended: its message stands on the bench, unless it is to be silent.
        case message, silence
        /// The exchange waits for what its step says.
        case lookup, below, ask
    }

    /// Runs an exchange, and those that wait for it, until the client's is answered or an upstream is needed.
    @inline(__always)
    private func drive(_ first: Exchange, _ reply: Reply?) -> Resolution {
        let halt = reply == nil && first.zone == nil && first.position == 0 ? enter(first) : advance(first, reply)
        // The usual query ends here.
        if case .message = halt, !isAnsweredAside(first) { return end(first) }
        return driveOn(first, halt)
    }

    @inline(never)
    private func driveOn(_ first: Exchange, _ halted: Halt) -> Resolution {
        var exchange = first
        var halt = halted
        // Safe: memory of the caller's or the bench's, alive for the drive.
        let outer = unsafe isAnsweredAside(first) ? aside : bench.memory
        while true {
            switch halt {
            case .ask:
                pending = exchange
                // The next query gets another exchange than the one that waits.
                if current === exchange.root { current = nil }
                return .waiting
            case .lookup, .below:
                guard exchange.depth < Self.deepest else {
                    halt = advance(exchange, .failed("too many look-ups lead to one another"))
                    continue
                }
                let child = makeChild(of: exchange, isLookup: halt == .lookup)
                // Safe: the bench's own memory.
                unsafe bench.use(bench.lookupMemory.buffer)
                if halt == .lookup {
                    exchange = child
                    halt = enter(child)
                } else {
                    exchange = child
                    bench.begin(child.query, whole: true)
                    halt = advance(child, nil)
                }
            case .message, .silence:
                let isMessage = halt == .message
                switch exchange.path {
                case .slot, .datagram, .stream, .paper:
                    return isMessage ? end(exchange) : .silence
                case .exchange(let parent):
                    let reply: Reply = isMessage ? .message(bench.messageBytes) : .failed(exchange.failure ?? "no answer")
                    parent.replyCode = exchange.code
                    if exchange.isFromTable { parent.isFromTable = true }
                    if exchange.isPersonal { parent.isPersonal = true }
                    if exchange.isLastGood { parent.noteLastGood() }
                    if let failure = exchange.failure, parent.failure == nil { parent.failure = failure }
                    recycle(exchange)
                    exchange = parent
                    if !isAnsweredAside(parent), let outer = unsafe outer {
                        // Safe: the client's memory, as `run` or `resume` was given it.
                        unsafe bench.use(outer)
                    } else {
                        // Safe: the bench's own.
                        unsafe bench.use(bench.lookupMemory.buffer)
                    }
                    halt = advance(parent, reply)
                case .handler(let handler):
                    handler.refreshed(exchange, bench)
                    recycle(exchange)
                    return .silence
                case .nobody: return .silence
                }
            }
        }
    }

    private func makeChild(of parent: Exchange, isLookup: Bool) -> Exchange {
        let child = spare.popLast() ?? Exchange(server: parent.server, path: .exchange(parent))
        child.begin(parent.server, .exchange(parent))
        child.began = parent.began
        child.deadline = parent.deadline
        child.depth = parent.depth + 1
        child.isRewritten = parent.isRewritten
        if isLookup {
            child.query.ask(parent.lookup.name, parent.lookup.type, onBehalfOf: parent.query)
        } else {
            child.query.repeatQuestion(of: parent.query)
            child.zone = parent.zone
            child.position = parent.position + 1
        }
        return child
    }

    /// Finds the chain for a new query and runs it.
    @inline(__always)
    private func enter(_ exchange: Exchange) -> Halt {
        let server = exchange.server
        if exchange.query.recordClass != internetClass, description.isAsked(exchange.query) {
            description.answer(exchange, bench)
            return .message
        }
        let isKnownClass = exchange.query.recordClass == internetClass || server.takesAllClasses
        guard isKnownClass, let zone = server.zone(of: exchange), !zone.chain.all.isEmpty else {
            refuse(exchange, .refused)
            return .message
        }
        exchange.zone = zone
        bench.begin(exchange.query, whole: zone.chain.wantsWholeAnswers || exchange.depth > 0)
        return advance(exchange, nil)
    }

    /// Runs the chain from where the exchange is; with a reply, from the handler that waited for it.
    private func advance(_ exchange: Exchange, _ reply: Reply?) -> Halt {
        guard let chain = exchange.chain else { return .silence }
        if let reply, let message = exchange.reviewed { return resumeReview(exchange, chain, message, reply) }
        let handlers = chain.handlers
        var reply = reply
        while exchange.position < handlers.count {
            let handler = handlers[exchange.position]
            var step: Step
            if let given = reply {
                reply = nil
                bench.begin(exchange.query, whole: chain.wantsWholeAnswers || exchange.depth > 0)
                step = handler.resume(exchange, bench, given)
            } else {
                if exchange.position == chain.latePosition, let halt = askLate(exchange, chain) { return halt }
                step = handler.take(exchange, bench)
            }
            switch step {
            case .next: exchange.position += 1
            case .nextAndReview, .nextAndDefer:
                if step == .nextAndDefer { exchange.deferred = exchange.position }
                if exchange.position < 64 {
                    exchange.reviewers |= 1 << UInt64(exchange.position)
                } else {
                    // Reviewers come before all directives that a block may name many times.
                    noteMistake(exchange, "a directive far behind asked to see the answer")
                }
                exchange.position += 1
            case .done, .message, .fail, .drop, .lookup, .below, .ask:
                return halt(step, exchange, by: handler, chain)
            }
        }
        if exchange.position == chain.latePosition, let halt = askLate(exchange, chain) { return halt }
        return halt(exchange.fail("no directive took the query"), exchange, by: nil, chain)
    }

    /// What the handler that was put off makes of the query; nil if the query goes on.
    @inline(__always)
    private func askLate(_ exchange: Exchange, _ chain: Chain) -> Halt? {
        guard let position = exchange.deferred else { return nil }
        return askLate(exchange, chain, position)
    }

    @inline(never)
    private func askLate(_ exchange: Exchange, _ chain: Chain, _ position: Int) -> Halt? {
        exchange.deferred = nil
        let (place, question) = (exchange.position, exchange.query.question)
        let handler = chain.handlers[position]
        exchange.position = position
        if let earlier = exchange.deferredQuery {
            exchange.query.question = earlier
            bench.begin(exchange.query, whole: true)
        }
        let step = handler.takeLate(exchange, bench)
        if step == .next || step == .nextAndReview {
            exchange.position = place
            if exchange.deferredQuery != nil {
                exchange.query.question = question
                bench.begin(exchange.query, whole: true)
                exchange.deferredQuery = nil
            }
            return nil
        }
        exchange.deferredQuery = nil
        // Those behind it have seen the query, but the answer is none of theirs.
        abandon(exchange, chain, behind: position)
        exchange.position = position
        return halt(step, exchange, by: handler, chain)
    }

    @inline(__always)
    private func halt(_ step: Step, _ exchange: Exchange, by handler: DirectiveHandler?, _ chain: Chain) -> Halt {
        switch step {
        case .done(let outcome):
            if bench.response.isMisordered { noteMistake(exchange, "a directive wrote records out of section order") }
            bench.count = bench.response.finishRecords(exchange.query, outcome)
        case .message: break
        case .fail(let outcome):
            abandon(exchange, chain)
            refuse(exchange, outcome)
            return .message
        case .drop:
            abandon(exchange, chain)
            return .silence
        case .lookup: return .lookup
        case .below: return .below
        case .ask: return .ask
        case .next, .nextAndReview, .nextAndDefer: return .silence
        }
        exchange.isWritten = true
        exchange.writer = handler?.rank ?? 0
        if exchange.reviewers != 0, !review(exchange, chain) { return .lookup }
        exchange.code = bench.code
        return .message
    }

    /// The answer passes those that asked for it, the last first. False when one of them waits for a look-up.
    private func review(_ exchange: Exchange, _ chain: Chain) -> Bool {
        while exchange.reviewers != 0 {
            let position = 63 - exchange.reviewers.leadingZeroBitCount
            exchange.reviewers &= ~(1 << UInt64(position))
            exchange.position = position
            let handler = chain.handlers[position]
            handler.review(exchange, bench)
            if handler.rank > chain.firstWriter { exchange.writer = handler.rank }
            if exchange.reviewed != nil { return false }
        }
        return true
    }

    /// Goes on with a review that waited for a look-up.
    @inline(never)
    private func resumeReview(_ exchange: Exchange, _ chain: Chain, _ message: [UInt8], _ reply: Reply) -> Halt {
        exchange.reviewed = nil
        guard bench.setMessage(message.span, code: exchange.reviewedCode) else {
            abandon(exchange, chain)
            refuse(exchange, .serverFailure)
            return .message
        }
        chain.handlers[exchange.position].resumeReview(exchange, bench, reply)
        guard review(exchange, chain) else { return .lookup }
        exchange.code = bench.code
        return .message
    }

    /// - Parameter first: only those behind this position.
    private func abandon(_ exchange: Exchange, _ chain: Chain, behind first: Int = -1) {
        while exchange.reviewers != 0 {
            let position = 63 - exchange.reviewers.leadingZeroBitCount
            guard position > first else { return }
            exchange.reviewers &= ~(1 << UInt64(position))
            exchange.position = position
            chain.handlers[position].abandon(exchange)
        }
    }

    // MARK: Ends

    /// A message of a code only, which no directive wrote.
    private func refuse(_ exchange: Exchange, _ outcome: Outcome) {
        bench.begin(exchange.query, whole: true)
        bench.count = bench.response.finishRecords(exchange.query, outcome)
        exchange.code = outcome.header.code.rawValue
    }

    /// The query gets SERVFAIL, the server goes on.
    private func noteMistake(_ exchange: Exchange, _ reason: String) {
        exchange.failure = reason
        exchange.isMistake = true
    }

    /// Makes the message ready to be sent, if its client can be told its response code.
    @inline(__always)
    private func end(_ exchange: Exchange) -> Resolution {
        bench.seal(exchange)
        exchange.responseSize = bench.count
        // Without OPT the code would be read as another one; like CoreDNS, which cannot write such a message, the server says nothing.
        return exchange.code > 0xf && !exchange.query.hasEDNS ? .silence : .answer(bench.count)
    }

    /// The client's exchange is over, answered or not: those that keep books see it, and it may be used again.
    @inline(__always)
    func conclude(_ exchange: Exchange) {
        if let chain = exchange.chain, !chain.concluders.isEmpty {
            for handler in chain.concluders { handler.conclude(exchange, bench) }
        }
    }

    /// After `conclude` of an exchange that had waited.
    func finish(_ exchange: Exchange) { recycle(exchange) }
}
