import MizzenSystem

/// How upstreams deny a name.
enum UpstreamDenial: UInt8, Sendable, CaseIterable {
    /// NXDOMAIN.
    case nameError
    /// NOERROR without a record of the type that was asked for.
    case noData
    /// SERVFAIL.
    case failure

    var text: String {
        switch self {
        case .nameError: "NXDOMAIN"
        case .noData: "NODATA"
        case .failure: "SERVFAIL"
        }
    }
}

/// What is known of the denials of a question whose last good answer is kept.
struct DenialRecord: Sendable {
    /// The first since the last good answer, and the latest.
    var since: Instant
    var latest: Instant
    var kind: UpstreamDenial
    /// The upstream that denied last.
    var upstream: SocketAddress?
}

/// The last good answers of one `forward` (`--keep-last-good`): of names outside that upstreams have resolved, for the moment in which they deny them.
///
/// An answer is kept for its own lifetime, an hour of it at most, and for the time of the option beyond that. From the first denial on it is
/// served for that time at most: then the denial stands, and a name that its owner has removed is gone. DO and CD are part of a question as
/// everywhere (`AnswerStore.Key`), so who asks for signatures, or for no validation, gets what was answered to such a question.
///
/// Bounded: 4,096 answers for each `forward`, of 2.5 MiB together; of more, those go that were not wanted since the hand came by (`AnswerStore`). What
/// is dropped is merely not kept: its denial is served as without the option.
final class LastGoodAnswers: Sendable {
    static let capacity = 4096
    /// Seconds that a record's own TTL counts at most.
    private static let longestLifetime: UInt32 = 3600
    /// Seconds; RFC 8767 section 4 recommends 30.
    private static let servedTTL: UInt64 = 30
    /// For which nobody asks upstreams after a denial.
    static let pause: UInt64 = 1_000_000_000

    let store = AnswerStore(capacity: capacity)

    func keep(_ exchange: Exchange, _ bench: Workbench, at now: Instant) {
        let lifetime = min(bench.leastTTL ?? 0, Self.longestLifetime)
        _ = bench.withMessage { store.put(AnswerStore.Key(exchange.query), exchange.query, $0, lifetime: lifetime, now: now) }
    }

    /// Puts the last good answer on the bench, if there is one that may be served still.
    ///
    /// - Parameter time: of the option, nanoseconds.
    /// - Returns: whether there is.
    func serve(_ exchange: Exchange, _ bench: Workbench, _ denial: DenialRecord, time: UInt64, at now: Instant) -> Bool {
        let end = denial.since &+ time
        guard now < end else { return false }
        // Safe: the memory of the answer at hand.
        let found = unsafe store.find(
            AnswerStore.Key(exchange.query), exchange.query, stale: Int(time / 1_000_000_000), gap: 0, now: now, into: bench.memory)
        guard let found else { return false }
        bench.count = found.count
        // Nobody vouches for it now, neither an authority nor who has validated it.
        bench.readdress(to: exchange.query, flags: bench.flags & ~0x0420)
        bench.setTTLs(UInt32(min(Self.servedTTL, (end - now) / 1_000_000_000)))
        // The options were the denial's.
        exchange.options = []
        exchange.hasUpstreamOPT = false
        exchange.failure = nil
        exchange.isLastGood = true
        // RFC 8914 section 4.4, as for what `cache` serves beyond its end; 19 is for a denial that is stale, and this is none.
        exchange.addExtendedError(.staleAnswer)
        return true
    }
}

/// `--keep-last-good` at work in one thread's `forward`.
struct LastGoodKeeper {
    /// Nanoseconds.
    let time: UInt64
    let answers: LastGoodAnswers
    private let served: [ThreadCounter]

    init(time: Duration, _ answers: LastGoodAnswers, _ setup: HandlerSetup) {
        (self.time, self.answers) = (time.span, answers)
        served = UpstreamDenial.allCases.map {
            setup.metrics.counter(
                "mizzen_last_good_answers_total",
                help: "Questions that upstreams denied and that were answered with the last good answer, by the denial.",
                labels: [("denial", $0.text)], thread: setup.thread)
        }
    }

    /// Whether an answer may be kept and served: for names outside that are the same for all who ask.
    private func covers(_ exchange: Exchange) -> Bool {
        guard exchange.query.recordClass == internetClass, !exchange.isOfCluster else { return false }
        let options = exchange.query.options
        return options.isEmpty || EDNSOptions(options.span).data(of: EDNSOptions.subnet) == nil
    }

    private func now(_ exchange: Exchange) -> Instant { max(monotonicNow(), exchange.began) }

    /// Within the pause after a denial: answers without asking. Else says whom not to ask first.
    func takes(_ exchange: Exchange, _ bench: Workbench) -> (isAnswered: Bool, denier: SocketAddress?) {
        guard let denial = answers.store.denial(AnswerStore.Key(exchange.query), exchange.query), covers(exchange) else {
            return (false, nil)
        }
        let now = now(exchange)
        guard now < denial.latest &+ LastGoodAnswers.pause, answers.serve(exchange, bench, denial, time: time, at: now) else {
            return (false, denial.upstream)
        }
        served[Int(denial.kind.rawValue)].add()
        return (true, nil)
    }

    /// Looks at an upstream's answer, which stands on the bench: keeps a good one, and puts the last good one in the place of a denial.
    func judge(_ exchange: Exchange, _ bench: Workbench) {
        guard covers(exchange), bench.flags & 0x0200 == 0 else { return }
        let now = now(exchange)
        guard let kind = denial(exchange, bench) else {
            if bench.code == 0 { answers.keep(exchange, bench, at: now) }
            return
        }
        let key = AnswerStore.Key(exchange.query)
        guard
            let record = answers.store.noteDenial(
                key, exchange.query, .init(since: now, latest: now, kind: kind, upstream: exchange.upstream))
        else { return }
        if answers.serve(exchange, bench, record, time: time, at: now) { served[Int(kind.rawValue)].add() }
    }

    private func denial(_ exchange: Exchange, _ bench: Workbench) -> UpstreamDenial? {
        switch bench.code {
        case 2: .failure
        case 3: .nameError
        case 0: bench.answers(exchange.query.type) ? nil : .noData
        default: nil
        }
    }
}

extension Workbench {
    /// Whether the answer section has a record of a type, or of any where that is what was asked for.
    fileprivate func answers(_ type: RecordType) -> Bool {
        var isAnswered = false
        forEachRecord { record, _ in
            if record.section == .answer, record.type == type || type == .any { isAnswered = true }
        }
        return isAnswered
    }
}

extension Exchange {
    /// Whether the name is in a zone that some block of this port answers from the record table: then it is the cluster's, whatever block forwards it.
    fileprivate var isOfCluster: Bool { server.zones.contains { $0.chain.hasInTableZones(query.name) } }
}
