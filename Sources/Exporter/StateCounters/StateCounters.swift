import DeltaStream
import KubernetesObjects
import Logging
import MizzenSystem
import ProcessRuntime
import ServiceLifecycle
import StreamCommandLine
import Synchronization

/// Counts the states that pods pass through, from every delta of the stream, while any family that says so is served.
///
/// It follows the stream for itself, and not with the objects that are served: those may begin anew with a snapshot whenever options or shards
/// change, and counting may not. It asks for what it has missed as deltas (``Subscriber/Options/replays``), in a process that
/// is started again from where the file says that the one before had counted.
///
/// **What is served has been kept.** Once a second what has changed goes to the file, and only then into what scrapes read. So after `kill -9` a
/// process begins with at least what the one before had served, and no counter ever goes back, which Prometheus would take for a beginning
/// from 0. Only while the file cannot be written more is served than is kept.
final class StateCounters: ServiceLifecycle.Service, DeltaConsumer {
    private struct State: Sendable {
        var ledger: StateLedger
        var selection: StateSelection?
        /// Buckets of which something may have been left out, since this was last logged.
        var gaps = 0
    }

    /// What scrapes read.
    private struct Shown: Sendable {
        var families: FamilySet<OwnerStates>
        var store: ObjectStore
    }

    private static let interval = Duration.seconds(1)
    private static let firstBackOff = Duration.seconds(5)
    private static let longestBackOff = Duration.seconds(300)

    private let options: StateCounterOptions
    private let streams: StreamOptions
    private let registry: MetricsRegistry
    private let logger: Logger
    private let selection: @Sendable () -> StateSelection?
    private let now: @Sendable () -> Int64
    private let state: Mutex<State>
    private let shown = Mutex<Shown?>(nil)

    /// - Parameters:
    ///   - selection: what is to be counted, at any time; nil for nothing.
    ///   - now: seconds since 1970.
    init(
        _ options: StateCounterOptions, _ streams: StreamOptions, registry: MetricsRegistry, logger: Logger,
        selection: @escaping @Sendable () -> StateSelection?,
        now: @escaping @Sendable () -> Int64 = { WallClock.nanoseconds() / 1_000_000_000 }
    ) {
        self.options = options
        self.streams = streams
        self.selection = selection
        self.now = now
        var logger = logger
        logger[metadataKey: "for"] = "state counters"
        self.logger = logger
        var ledger = StateLedger(mostSeries: options.stateCountersLimit)
        ledger.changes.tracksPods = !options.stateCountersFile.isEmpty
        state = Mutex(State(ledger: ledger))
        self.registry = registry
    }

    /// Empty while nothing is counted.
    var sections: [ExpositionSection] {
        shown.withLock { shown in
            shown.map { [ExpositionSection(resource: "pods", families: $0.families.descriptions, store: $0.store)] } ?? []
        }
    }

    func run() async throws {
        try await cancelWhenGracefulShutdown { [self] in
            var keeping: Keeping?
            var follower: (task: Task<Void, Never>, failure: Failure)?
            while !Task.isCancelled {
                let wanted = selection()
                if wanted != state.withLock({ $0.selection }) {
                    // Nothing is told any more when this is over.
                    follower?.task.cancel()
                    await follower?.task.value
                    follower = nil
                    if keeping == nil, wanted != nil { keeping = begin() }
                    keeping.map { flush($0) }
                    select(wanted)
                    if let wanted { follower = try follow(wanted) }
                }
                keeping.map { flush($0) }
                if let failure = follower?.failure.error.withLock({ $0 }) { throw failure }
                // Cancelled: the loop's condition sees it.
                try? await Task.sleep(for: Self.interval)
            }
            follower?.task.cancel()
            await follower?.task.value
            keeping.map { flush($0) }
        }
    }

    // MARK: What is counted

    /// Reads what an earlier process has kept.
    private func begin() -> Keeping {
        let metrics = StateCounterMetrics(registry) { [weak self] in self?.reading ?? .init() }
        guard !options.stateCountersFile.isEmpty else {
            logger.notice("counting of states begins; without --state-counters-file it will begin anew after a restart")
            return Keeping(nil, metrics)
        }
        let (file, beginning) = StateCountersFile.open(
            options.stateCountersFile, empty: state.withLock { $0.ledger })
        switch beginning {
        case .resumed(let ledger):
            state.withLock { $0.ledger = ledger }
            logger.notice("counting of states goes on", metadata: ["pods": "\(ledger.pods)", "series": "\(ledger.series)"])
        case .new(let reason):
            logger.log(
                level: file == nil ? .warning : .notice, "counting of states begins", metadata: ["reason": "\(reason)"])
        }
        if file == nil { logger.warning("counters of states will begin anew after a restart: nothing is kept") }
        metrics.isKept.set(file == nil ? 0 : 1)
        return Keeping(file, metrics)
    }

    private var reading: StateCounterMetrics.Reading {
        state.withLock { state in
            .init(
                pods: state.ledger.pods, series: state.ledger.series, overflow: state.ledger.overflow, gaps: state.ledger.gaps,
                since: state.selection.flatMap { state.ledger.since($0.buckets) })
        }
    }

    private func select(_ wanted: StateSelection?) {
        let ledger = state.withLock { state in
            state.selection = wanted
            if let wanted { state.ledger.select(wanted.admission, wanted.buckets, now: now()) }
            return state.ledger
        }
        guard let wanted else {
            shown.withLock { $0 = nil }
            return
        }
        let next = Shown(
            families: wanted.families, store: ObjectStore(families: wanted.families.descriptions, isNamed: false))
        for at in ledger.owners.indices { show(at, of: ledger, in: next) }
        shown.withLock { $0 = next }
    }

    private final class Failure: Sendable {
        let error = Mutex<(any Error)?>(nil)
    }

    private func follow(_ wanted: StateSelection) throws -> (Task<Void, Never>, Failure) {
        var options = Subscriber.Options()
        options.transport = try streams.transport(subscribingTo: [streams.deltas, streams.snapshots])
        options.replays = [.pods: state.withLock { $0.ledger.positions }]
        let subscriber: Subscriber
        do throws(DeltaStreamError) {
            // Whole buckets, whatever the namespaces: only their sequences have no holes.
            subscriber = try Subscriber(
                deltas: streams.deltas, snapshots: streams.snapshots, filter: [TopicFilter(.pods, buckets: wanted.buckets)],
                consumer: self, options: options, logger: logger)
        } catch {
            throw ProcessError(error)
        }
        let failure = Failure()
        let task = Task {
            do {
                try await subscriber.run()
            } catch {
                if !Task.isCancelled { failure.error.withLock { $0 = (error as? DeltaStreamError).map { ProcessError($0) } ?? error } }
            }
        }
        return (task, failure)
    }

    func willReplaceBucket(_ resource: Resource, bucket: UInt8, position: StreamPosition, past: [Delta]) {
        state.withLock { $0.ledger.willReplace(bucket, position) }
    }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        state.withLock { state in
            if state.ledger.replace(bucket, objects, now: now()) { state.gaps += 1 }
        }
    }

    func apply(_ delta: Delta) { state.withLock { $0.ledger.apply(delta, now: now()) } }

    func joined(_ resource: Resource, synced: Bool) {
        let (gaps, since) = state.withLock { state in
            defer { state.gaps = 0 }
            return (state.gaps, state.selection.flatMap { state.ledger.since($0.buckets) })
        }
        let time = since.map { ["seconds since 1970": Logger.MetadataValue.string("\($0)")] } ?? [:]
        if gaps > 0 {
            logger.warning(
                "changes of pods were missed that the stream's history does not reach back to; of these only what pods still show is counted",
                metadata: ["buckets": "\(gaps)"].merging(time) { $1 })
        } else {
            logger.info("states are counted without a gap", metadata: time)
        }
    }

    func stale(_ resource: Resource, since: Int64) {}

    func heartbeat(_ heartbeat: Heartbeat) { state.withLock { $0.ledger.hear(heartbeat, now: now()) } }

    // MARK: What is kept and shown

    /// The file, and when to try it again after it could not be written. Belongs to the task that runs.
    private final class Keeping {
        let file: StateCountersFile?
        let metrics: StateCounterMetrics
        var failures = 0
        var retryAt: ContinuousClock.Instant?

        init(_ file: StateCountersFile?, _ metrics: StateCounterMetrics) { (self.file, self.metrics) = (file, metrics) }
    }

    private func flush(_ keeping: Keeping) {
        let taken = state.withLock { state -> (StateLedger, LedgerChanges)? in
            state.ledger.sweep(now: now())
            guard !state.ledger.changes.isEmpty else { return nil }
            let changes = state.ledger.changes
            state.ledger.changes.reset()
            return (state.ledger, changes)
        }
        guard let (ledger, changes) = taken else { return }
        keep(ledger, changes, keeping)
        guard let shown = shown.withLock({ $0 }) else { return }
        for at in changes.owners { show(at, of: ledger, in: shown) }
    }

    private func keep(_ ledger: StateLedger, _ changes: LedgerChanges, _ keeping: Keeping) {
        guard let file = keeping.file, keeping.retryAt.map({ ContinuousClock.now >= $0 }) ?? true else { return }
        do throws(DeltaStreamError) {
            var encoder = RecordEncoder()
            ledger.encode(changes, into: &encoder)
            try file.append(encoder.bytes) {
                var encoder = RecordEncoder()
                ledger.encodeAll(into: &encoder)
                return encoder.bytes
            }
            if keeping.failures > 0 { logger.notice("counters of states are kept again") }
            (keeping.failures, keeping.retryAt) = (0, nil)
            keeping.metrics.isKept.set(1)
            keeping.metrics.bytes.set(Double(file.byteCount))
        } catch {
            if keeping.failures == 0 {
                logger.warning(
                    "counters of states cannot be kept; a restart would go on from before, until this is mended",
                    metadata: ["error": "\(error)"])
            }
            keeping.retryAt = .now + min(Self.longestBackOff, Self.firstBackOff * (1 << min(keeping.failures, 6)))
            keeping.failures += 1
            keeping.metrics.isKept.set(0)
            keeping.metrics.failures.add()
        }
    }

    private func show(_ at: Int, of ledger: StateLedger, in shown: Shown) {
        let key = ObjectKey(uid: "\(at)")
        let bucket = UInt8(truncatingIfNeeded: at)
        guard ledger.owners.indices.contains(at), let states = ledger.owners[at]?.states, !states.counts.isEmpty else {
            shown.store.remove(uid: key, bucket: bucket)
            return
        }
        let owner = states.owner
        let labels = identityLabels([("namespace", owner.namespace), ("owner_kind", owner.kind), ("owner_name", owner.name)])
        let record = shown.families.record(of: states, identity: labels)
        shown.store.upsert(ObjectStore.Entry(uid: key, name: key, record: record), bucket: bucket)
    }
}
