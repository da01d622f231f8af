import DeltaStream
import KubernetesObjects
import Logging
import MizzenSystem
import ProcessRuntime
import ServiceLifecycle
import StreamCommandLine
import Synchronization

/// Serves what the options of the command line and their file say, and the share that the StatefulSet leaves to this pod; when either changes,
/// what is to be served is filled from the stream beside what is served, and takes its place in one step.
final class GenerationKeeper: ServiceLifecycle.Service {
    private struct State: Sendable {
        var current: ExporterGeneration?
        var next: ExporterGeneration?
        /// The share of `current` is in force.
        var isReleased = true
    }

    private static let interval = Duration.milliseconds(50)
    private static let fileInterval = Duration.milliseconds(500)

    private let commandLine: ExporterCommand
    private let file: OptionsFileSource?
    private let registry: MetricsRegistry
    private let logger: Logger
    private let pod: (name: StatefulPodName, namespace: String)?
    private let follower: StatefulSetFollower?
    /// Of what is served, whatever it is.
    let limiter: SeriesLimiter
    private let state = Mutex(State())
    private let failure = Mutex<(any Error)?>(nil)
    private let keeper: ExpositionKeeper?

    /// The options as they are at the start.
    let command: ExporterCommand

    /// - Throws: 64 or 78 for options, or a file, that cannot be taken.
    init(
        _ commandLine: ExporterCommand, keeper: ExpositionKeeper? = nil, registry: MetricsRegistry, logger: Logger
    ) throws(ProcessError) {
        self.commandLine = commandLine
        self.keeper = keeper
        self.registry = registry
        self.logger = logger
        limiter = SeriesLimiter(registry: registry, logger: logger)
        var command = commandLine
        file = try commandLine.file.source(registry: registry, logger: logger)
        if let file { try file.current.apply(to: &command) }
        self.command = command
        pod = try command.selection.statefulPod(logger)
        follower = pod.map { StatefulSetFollower(name: $0.name.statefulSet) }
        if pod == nil {
            let first = try generation(command, nil, keeper)
            publish(first, after: nil)
            state.withLock { $0.current = first }
        } else {
            // To say at the start what cannot be taken.
            _ = try ExporterConfiguration(command)
        }
    }

    /// What is served, of one generation; safe to call from any thread.
    var sections: [ExpositionSection] { state.withLock { $0.isReleased ? $0.current : nil }?.sections ?? [] }

    /// Which pods' states are counted, by what is served; nil for none.
    var states: StateSelection? { state.withLock { $0.isReleased ? $0.current : nil }?.states }

    /// What readiness waits for.
    var awaited: [String] {
        guard let current = state.withLock({ $0.current }) else {
            return pod.map { ["statefulset \($0.namespace)/\($0.name.statefulSet)"] } ?? []
        }
        return current.awaited
    }

    /// Why no scrape is answered, whatever it asks for: a share that is not known, or that another shard may still serve.
    var withheld: String? {
        let (isKnown, isReleased) = state.withLock { ($0.current != nil, $0.isReleased) }
        if !isKnown { return awaited.first }
        return isReleased ? nil : "all shards to be ready"
    }

    /// What was kept is served until everything is here: of the first generation alone, since with each later one there is another that
    /// is served until then. It goes with the generation, whatever takes its place. Nothing of a share that is not in force.
    var kept: KeptExposition? {
        let current = state.withLock { $0.isReleased ? $0.current : nil }
        guard let kept = current?.kept, keeper?.isServable(kept) == true else { return nil }
        return kept
    }

    /// What is served and to be kept; nil while that is not all there is.
    var keepable: ExpositionKeeper.Keepable? { state.withLock { $0.isReleased ? $0.current : nil }?.keepable }

    private func generation(
        _ command: ExporterCommand, _ division: Division?, _ keeper: ExpositionKeeper?
    ) throws(ProcessError) -> ExporterGeneration {
        try ExporterGeneration(command, division: division, keeper: keeper, registry: registry, logger: logger) {
            ExporterCommand.releaseWhatTheStartTook()
        }
    }

    func run() async throws {
        try await cancelWhenGracefulShutdown { [self] in
            try await withThrowingTaskGroup(of: Void.self) { group in
                if let current = state.withLock({ $0.current }) { start(current, in: &group) }
                if let follower, let pod {
                    let subscriber = try subscriber(follower, namespace: pod.namespace)
                    group.addTask { [self] in await guarding { try await subscriber.run() } }
                }
                var agreement = pod.map { ShardAgreement(ordinal: $0.name.ordinal) }
                var options = (command: command, version: 0)
                /// What `next`, or else `current`, was made of.
                var made = (version: 0, division: Division?.none)
                var nextLook = ContinuousClock.now
                while !Task.isCancelled {
                    let now = ContinuousClock.now
                    if now >= nextLook {
                        nextLook = now + Self.fileInterval
                        if let changed = reload() { options = (changed, options.version + 1) }
                    }
                    if let seen = follower?.observation { agreement?.see(seen, at: now) }
                    let isKnown = agreement == nil || agreement?.wanted != nil
                    if isKnown, made.version != options.version || made.division != agreement?.wanted {
                        made = (options.version, agreement?.wanted)
                        prepare(options.command, agreement?.wanted, in: &group)
                    }
                    takeOver(&agreement, at: now)
                    if let current = state.withLock({ $0.current }), current.kept != nil, current.awaited.isEmpty { current.dropKept() }
                    if let failure = failure.withLock({ $0 }) { throw failure }
                    // Cancelled: the loop's condition sees it.
                    try? await Task.sleep(for: Self.interval)
                }
                group.cancelAll()
            }
        }
    }

    private func subscriber(_ follower: StatefulSetFollower, namespace: String) throws -> Subscriber {
        var options = Subscriber.Options()
        options.transport = try command.streams.transport(subscribingTo: [command.streams.deltas, command.streams.snapshots])
        return try Subscriber(
            deltas: command.streams.deltas, snapshots: command.streams.snapshots,
            filter: [TopicFilter(.statefulSets, namespace: namespace)], consumer: follower, options: options, logger: logger)
    }

    /// The metrics of a generation, and its limits, take the place of those of the one before it.
    private func publish(_ generation: ExporterGeneration, after former: ExporterGeneration?) {
        generation.telemetry.publish(after: former?.telemetry)
        limiter.adopt(generation.limits) { [weak self] in self?.sections ?? [] }
    }

    private func start(_ generation: ExporterGeneration, in group: inout ThrowingTaskGroup<Void, any Error>) {
        group.addTask { [self] in await guarding { try await generation.run() } }
    }

    /// What fails ends the process with its reason.
    private func guarding(_ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            if !Task.isCancelled { failure.withLock { $0 = $0 ?? error } }
        }
    }

    private func prepare(_ command: ExporterCommand, _ division: Division?, in group: inout ThrowingTaskGroup<Void, any Error>) {
        let generation: ExporterGeneration
        do throws(ProcessError) {
            generation = try self.generation(command, division, state.withLock { $0.current == nil } ? keeper : nil)
        } catch {
            logger.error("the changed options cannot be taken; what was served stays", metadata: ["reason": "\(error)"])
            return
        }
        start(generation, in: &group)
        let before = state.withLock { state in
            defer { state.next = generation }
            return state.next
        }
        before?.end()
        if let division { logger.notice("a share is prepared", metadata: ["shard": "\(division)"]) }
    }

    private func takeOver(_ agreement: inout ShardAgreement?, at now: ContinuousClock.Instant) {
        let (current, next, isReleased) = state.withLock { ($0.current, $0.next, $0.isReleased) }
        if let next, current == nil || !isReleased {
            // A new shard holds what it does not serve yet: its readiness is what the others wait for.
            state.withLock { ($0.current, $0.next, $0.isReleased) = (next, nil, false) }
            publish(next, after: current)
            current?.end()
        } else if let current, let next, next.awaited.isEmpty, next.division == current.division || agreement?.isDue(at: now) == true {
            state.withLock { ($0.current, $0.next) = (next, nil) }
            if next.division != current.division { agreement?.tookOver() }
            publish(next, after: current)
            current.end()
            logger.notice("what was prepared is served now", metadata: next.division.map { ["shard": "\($0)"] } ?? [:])
            ExporterCommand.releaseWhatTheStartTook()
        }
        let isHeld = state.withLock { !$0.isReleased && $0.next == nil && $0.current?.awaited.isEmpty == true }
        guard isHeld, agreement?.isDue(at: now) == true else { return }
        agreement?.tookOver()
        state.withLock { $0.isReleased = true }
        logger.notice("this shard is served now", metadata: ["shard": "\(agreement?.current?.description ?? "")"])
    }

    /// - Returns: the options under a file that has changed.
    private func reload() -> ExporterCommand? {
        guard let file, let changes = file.reload() else { return nil }
        if !changes.afterRestart.isEmpty {
            logger.warning(
                "a part of the changed options file takes effect with the next start",
                metadata: ["keys": "\(changes.afterRestart.joined(separator: ","))"])
        }
        guard !changes.live.isEmpty else { return nil }
        var command = commandLine
        do throws(ProcessError) {
            try file.current.apply(to: &command)
            _ = try ExporterConfiguration(command)
        } catch {
            file.refuse(error)
            return nil
        }
        return command
    }
}
