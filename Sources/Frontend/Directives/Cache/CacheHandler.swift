import MizzenSystem
import Names
import ProcessRuntime

/// A `cache` directive as all threads share it: the answers.
final class CacheSource: DirectiveSource {
    let settings: CacheSettings
    let zones: [DNSName]
    /// As CoreDNS's metrics name it.
    let zonesLabel: String
    let success: AnswerStore
    let denial: AnswerStore

    init(settings: CacheSettings, zones: [ZoneName]) {
        self.settings = settings
        self.zones = zones.compactMap { try? DNSName($0.text) }
        zonesLabel = zones.map(\.text).joined(separator: ",")
        success = AnswerStore(capacity: settings.success.capacity)
        denial = AnswerStore(capacity: settings.denial.capacity)
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { CacheHandler(self, setup) }
}

/// What a thread counts of `cache` for one server.
final class CacheCounters {
    let requests, misses, successHits, denialHits, drops, evictedSuccess, evictedDenial, prefetches, stale: ThreadCounter

    init(_ source: CacheSource, _ setup: HandlerSetup, server: String, view: String) {
        func counter(_ name: String, _ help: String, type: String? = nil) -> ThreadCounter {
            let labels = [("server", server)] + (type.map { [("type", $0)] } ?? []) + [("zones", source.zonesLabel), ("view", view)]
            return setup.metrics.counter("coredns_cache_\(name)_total", help: help, labels: labels, thread: setup.thread)
        }
        requests = counter("requests", "Queries that passed the cache.")
        misses = counter("misses", "Queries that the cache had no answer to.")
        successHits = counter("hits", "Queries answered from the cache, by the kind of answer.", type: "success")
        denialHits = counter("hits", "Queries answered from the cache, by the kind of answer.", type: "denial")
        drops = counter("drops", "Answers not kept because they are larger than an answer may be here.")
        evictedSuccess = counter("evictions", "Answers that had to go for others.", type: "success")
        evictedDenial = counter("evictions", "Answers that had to go for others.", type: "denial")
        prefetches = counter("prefetch", "Answers asked for again before or after their end.")
        stale = counter("served_stale", "Queries answered with what had ended.")
        for (type, store) in [("success", source.success), ("denial", source.denial)] {
            setup.metrics.registry.gauge(
                "coredns_cache_entries", help: "Answers in the cache.",
                labels: [("server", server), ("type", type), ("zones", source.zonesLabel), ("view", view)]
            ) { [weak store] in Double(store?.count ?? 0) }
            setup.metrics.registry.gauge(
                "mizzen_cache_bytes", help: "Octets of the answers in the cache.",
                labels: [("server", server), ("type", type), ("zones", source.zonesLabel), ("view", view)]
            ) { [weak store] in Double(store?.octets ?? 0) }
        }
    }
}

/// `cache` in the chain.
///
/// Names that the record table may answer are put off until it has not: what the table says is always current, and nothing of it is kept.
/// TTLs count down as CoreDNS's do: all records of an answer have the least of them, within the limits of the Corefile.
final class CacheHandler: DirectiveHandler {
    /// Seconds that a record's own TTL counts at most, whatever the Corefile's limits are: CoreDNS keeps nothing for longer unless a MINTTL asks
    /// for it.
    private static let longest: UInt32 = 3600

    private let source: CacheSource
    private let settings: CacheSettings
    private let setup: HandlerSetup
    private let staleSeconds: Int
    private let gap: UInt64
    private let disabledSuccess: [DNSName]
    private let disabledDenial: [DNSName]
    private var counters = ZoneScoped<CacheCounters>()

    init(_ source: CacheSource, _ setup: HandlerSetup) {
        self.source = source
        self.setup = setup
        settings = source.settings
        staleSeconds = settings.stale.map { Int($0.longest.components.seconds) } ?? 0
        gap = settings.prefetch.gap.span
        disabledSuccess = settings.success.disabled.compactMap { try? DNSName($0.text) }
        disabledDenial = settings.denial.disabled.compactMap { try? DNSName($0.text) }
    }

    private func counters(_ exchange: Exchange) -> CacheCounters? {
        counters.value(exchange) { server, zone in CacheCounters(source, setup, server: server, view: zone.view) }
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        guard source.zones.containZone(of: exchange.query.name), let counters = counters(exchange) else { return .next }
        if exchange.chain?.treatsOtherwise(exchange) == true { return .next }
        counters.requests.add()
        if exchange.chain?.mayAnswerFromTable(exchange.query.name) == true { return .nextAndDefer }
        return look(exchange, bench, counters)
    }

    override func takeLate(_ exchange: Exchange, _ bench: Workbench) -> Step {
        guard let counters = counters(exchange) else { return .next }
        return look(exchange, bench, counters)
    }

    private func look(_ exchange: Exchange, _ bench: Workbench, _ counters: CacheCounters) -> Step {
        let key = AnswerStore.Key(exchange.query)
        guard let (finding, isDenial) = find(key, exchange, bench) else {
            counters.misses.add()
            return .nextAndReview
        }
        (isDenial ? counters.denialHits : counters.successHits).add()
        let store = isDenial ? source.denial : source.success
        guard finding.remaining <= 0, let stale = settings.stale else {
            if isPopular(finding), store.beginRefresh(key, exchange.query, now: exchange.began) {
                counters.prefetches.add()
                bench.refresh(exchange, by: self)
            }
            return serve(finding, exchange, bench, ttl: settings.keepsTTL ? finding.lifetime : UInt32(max(0, finding.remaining)))
        }
        switch stale.mode {
        case .verify:
            if stale.recheck == .zero || store.beginRefresh(key, exchange.query, now: exchange.began) {
                if let end = patienceEnd(exchange) { exchange.deadline = min(exchange.deadline, end) }
                return .below
            }
        case .immediate:
            if store.beginRefresh(key, exchange.query, now: exchange.began) {
                counters.prefetches.add()
                bench.refresh(exchange, by: self)
            }
        }
        counters.stale.add()
        exchange.addExtendedError(.staleAnswer)
        return serve(finding, exchange, bench, ttl: settings.keepsTTL ? finding.lifetime : stale.timeToLive)
    }

    /// A denial first, but no failure before an answer that can be served, and none beyond its end: it says nothing of the name.
    @inline(__always)
    private func find(_ key: AnswerStore.Key, _ exchange: Exchange, _ bench: Workbench) -> (AnswerStore.Finding, isDenial: Bool)? {
        if settings.prefersPositive, let positive = find(key, source.success, exchange, bench) { return (positive, false) }
        guard let denial = find(key, source.denial, exchange, bench) else {
            return find(key, source.success, exchange, bench).map { ($0, false) }
        }
        if isVerdict(denial.code) { return (denial, true) }
        // It writes to memory only what it finds.
        if let positive = find(key, source.success, exchange, bench) { return (positive, false) }
        return denial.remaining > 0 ? (denial, true) : nil
    }

    /// Whether a code says something of the name: NOERROR or NXDOMAIN.
    private func isVerdict(_ code: UInt16) -> Bool { code == 0 || code == 3 }

    @inline(__always)
    private func find(_ key: AnswerStore.Key, _ store: AnswerStore, _ exchange: Exchange, _ bench: Workbench) -> AnswerStore.Finding? {
        // Safe: the memory of the answer at hand.
        unsafe store.find(key, exchange.query, stale: staleSeconds, gap: gap, now: exchange.began, into: bench.memory)
    }

    private func isPopular(_ finding: AnswerStore.Finding) -> Bool {
        guard settings.prefetch.amount > 0, finding.hits >= settings.prefetch.amount else { return false }
        let threshold = (Int(finding.lifetime) * Int(settings.prefetch.percentage) + 99) / 100
        return finding.remaining <= threshold
    }

    /// The message stands in memory as it was stored.
    private func serve(_ finding: AnswerStore.Finding, _ exchange: Exchange, _ bench: Workbench, ttl: UInt32) -> Step {
        bench.count = finding.count
        // Some stub resolvers take no other answers than authoritative ones; CoreDNS says so of all that it has kept.
        var flags = bench.flags & 0x01AF | 0x8400
        if !wantsAuthenticated(exchange) { flags &= ~0x0020 }
        bench.readdress(to: exchange.query, flags: flags)
        bench.setTTLs(ttl)
        return .message
    }

    /// RFC 6840 section 5.7: a client that sets AD or DO wants to know.
    private func wantsAuthenticated(_ exchange: Exchange) -> Bool { exchange.query.wantsDNSSEC || exchange.query.flags & 0x20 != 0 }

    // MARK: Keeping

    override func review(_ exchange: Exchange, _ bench: Workbench) {
        countUnasked(exchange)
        if !exchange.isFromTable, !exchange.isLastGood { keep(exchange, bench) }
    }

    override func abandon(_ exchange: Exchange) { countUnasked(exchange) }

    /// A query that was put off and answered before it came to the cache is one that the cache had no answer to.
    private func countUnasked(_ exchange: Exchange) {
        if exchange.deferred == exchange.position { counters(exchange)?.misses.add() }
    }

    private func keep(_ exchange: Exchange, _ bench: Workbench) {
        let traits = bench.traits(exchange.query, now: UInt32(truncatingIfNeeded: WallClock.nanoseconds() / 1_000_000_000))
        // Some clouds' resolvers deny without saying for how long: kept for the shortest time, or each look-up of a search path would go out.
        let isBareDenial = traits.kind == .otherError && traits.responseCode == 3 && traits.answers == 0 && !traits.hasExpiredSignature
        let kind = isBareDenial ? .nameError : traits.kind
        let lifetime = lifetime(kind, bench)
        // What is left of it later must not be a surprise: the client gets the same limits now.
        bench.setTTLs(lifetime)
        // It is made for keeping, the upstream's hop is no part of it any more.
        exchange.hasUpstreamOPT = false
        exchange.options = []
        if !wantsAuthenticated(exchange) { bench.flags &= ~0x0020 }
        guard lifetime > 0, bench.flags & 0x0200 == 0, !exchange.isPersonal else { return }
        store(kind, lifetime, exchange, bench)
    }

    private func lifetime(_ kind: AnswerKind, _ bench: Workbench) -> UInt32 {
        switch kind {
        case .serverError: return UInt32(clamping: settings.failure.components.seconds)
        case .nameError, .noData: return clamp(min(bench.leastTTL ?? 5, Self.longest), settings.denial)
        case .noError: return clamp(min(bench.leastTTL ?? 5, Self.longest), settings.success)
        case .delegation, .meta, .update, .otherError: return clamp(5, settings.success)
        }
    }

    private func clamp(_ ttl: UInt32, _ part: CacheSettings.Part) -> UInt32 { min(max(ttl, part.shortest), part.longest) }

    private func store(_ kind: AnswerKind, _ lifetime: UInt32, _ exchange: Exchange, _ bench: Workbench) {
        let key = AnswerStore.Key(exchange.query)
        let name = exchange.query.name
        switch kind {
        case .noError, .delegation:
            guard !disabledSuccess.containZone(of: name) else { return }
            note(put(key, lifetime, in: source.success, exchange, bench), \.evictedSuccess, exchange)
            source.denial.remove(key, exchange.query)
        case .nameError, .noData, .serverError:
            guard !disabledDenial.containZone(of: name) else { return }
            note(put(key, lifetime, in: source.denial, exchange, bench), \.evictedDenial, exchange)
            // The name is gone; a failure says nothing of that.
            if kind != .serverError, !settings.prefersPositive { source.success.remove(key, exchange.query) }
        case .meta, .update, .otherError: return
        }
    }

    private func put(
        _ key: AnswerStore.Key, _ lifetime: UInt32, in store: AnswerStore, _ exchange: Exchange, _ bench: Workbench
    ) -> AnswerStore.Storing {
        bench.withMessage { store.put(key, exchange.query, $0, lifetime: lifetime, now: now(exchange)) }
    }

    private func note(_ storing: AnswerStore.Storing, _ evicted: KeyPath<CacheCounters, ThreadCounter>, _ exchange: Exchange) {
        switch storing {
        case .kept: break
        case .keptForAnother: counters(exchange)?[keyPath: evicted].add()
        case .tooLarge: counters(exchange)?.drops.add()
        }
    }

    /// When `verify` waits for upstreams no longer; nil where it waits for as long as they may take.
    private func patienceEnd(_ exchange: Exchange) -> Instant? {
        guard let patience = settings.stale?.patience, patience > .zero else { return nil }
        return exchange.began + patience.span
    }

    /// Not before the query, whose time tests set.
    private func now(_ exchange: Exchange) -> Instant { max(monotonicNow(), exchange.began) }

    // MARK: Asking again

    /// Whether what came back may take the place of what is stale (RFC 8767 section 4).
    private func isNews(_ code: UInt16, _ flags: UInt16) -> Bool { isVerdict(code) && flags & 0x0200 == 0 }

    override func resume(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) -> Step {
        let key = AnswerStore.Key(exchange.query)
        if case .message(let message) = reply, message.count >= Query.headerSize, isNews(exchange.replyCode, message.span.word(at: 2)),
            bench.setMessage(message.span, code: exchange.replyCode)
        {
            if exchange.isFromTable { return .message }
            if !exchange.isLastGood { keep(exchange, bench) }
            endRefresh(key, exchange, isGood: true)
            return .message
        }
        // The client waits no longer, but upstreams may have news yet.
        let isEarly = patienceEnd(exchange).map { now(exchange) >= $0 } ?? false
        endRefresh(key, exchange, isGood: isEarly)
        if let (finding, isDenial) = find(key, exchange, bench) {
            counters(exchange)?.stale.add()
            if isEarly,
                (isDenial ? source.denial : source.success).beginRefresh(key, exchange.query, now: exchange.began)
            {
                counters(exchange)?.prefetches.add()
                bench.refresh(exchange, by: self)
            }
            exchange.failure = nil
            exchange.addExtendedError(.staleAnswer)
            return serve(finding, exchange, bench, ttl: settings.keepsTTL ? finding.lifetime : settings.stale?.timeToLive ?? 0)
        }
        if case .message(let message) = reply, bench.setMessage(message.span, code: exchange.replyCode) { return .message }
        return exchange.fail(exchange.failure ?? "no answer, and none that was kept")
    }

    override func refreshed(_ exchange: Exchange, _ bench: Workbench) {
        // The client's exchange was at this handler when it began this one.
        let isGood = exchange.isWritten && isNews(bench.code, bench.flags)
        if isGood, !exchange.isFromTable, !exchange.isLastGood { keep(exchange, bench) }
        endRefresh(AnswerStore.Key(exchange.query), exchange, isGood: isGood)
    }

    private func endRefresh(_ key: AnswerStore.Key, _ exchange: Exchange, isGood: Bool) {
        let recheck = settings.stale?.recheck ?? .zero
        let retry = isGood || recheck == .zero ? nil : now(exchange) + recheck.span
        source.success.endRefresh(key, exchange.query, retry: retry)
        source.denial.endRefresh(key, exchange.query, retry: retry)
    }
}
