import Logging
import MizzenSystem
import ProcessRuntime
import ServiceLifecycle
import StreamCommandLine
import Synchronization

/// What is served under one set of options and one share of the objects, and what keeps it current.
final class ExporterGeneration: Sendable {
    let telemetry: ExporterTelemetry
    /// nil: every object, or what the options say.
    let division: Division?
    /// Which pods' states are counted while this is served.
    let states: StateSelection?
    let limits: SeriesLimits
    private let feed: ObjectFeed
    private let customs: CustomResourceService?
    private let services: [any Service]
    private let stop = AsyncStream.makeStream(of: Void.self)
    let began = ContinuousClock.now
    /// What an earlier exporter served under the same options; nil also once it is not needed any more.
    private let keptText = Mutex<KeptExposition?>(nil)
    private let keptHead: @Sendable (_ customs: String?) -> KeptFile.Head

    /// - Parameter keeper: where there may be something that was kept.
    /// - Throws: 64 or 78 for options that cannot be taken.
    init(
        _ command: ExporterCommand, division: Division?, keeper: ExpositionKeeper? = nil, registry: MetricsRegistry, logger: Logger,
        becameWhole: @escaping @Sendable () -> Void
    ) throws(ProcessError) {
        let configuration = try ExporterConfiguration(command, division: division)
        for warning in configuration.warnings {
            logger.warning("a part of the options has no effect", metadata: ["reason": "\(warning)"])
        }
        self.division = division
        states = configuration.states
        limits = configuration.limits
        telemetry = ExporterTelemetry(
            registry: registry, shard: configuration.shard, totalShards: configuration.totalShards, isPublished: false,
            becameWhole: becameWhole)
        feed = ObjectFeed(configuration, telemetry: telemetry, logger: logger)
        keptHead = { customs in KeptFile.Head(command, configuration, customs: customs) }
        guard division?.isShare ?? true else {
            // Nothing belongs to it, so there is nothing to wait for.
            (customs, services) = (nil, [])
            return
        }
        let source = try command.customs.source()
        if let source {
            customs = try CustomResourceService(
                source, command.streams, selection: configuration.customs, registry: registry, logger: logger)
        } else {
            customs = nil
        }
        var services: [any Service] = [
            try DeltaFollower(command.streams, configuration, feed: feed, logger: logger),
            try SampleFollower(command.streams, command.sampling, feed: feed, logger: logger),
        ]
        if let customs { services.append(customs) }
        self.services = services
        let kept = keeper?.load(keptHead(customs?.text))
        keptText.withLock { $0 = kept }
    }

    var sections: [ExpositionSection] { services.isEmpty ? [] : feed.sections + (customs?.sections ?? []) }

    /// What is not whole yet.
    var awaited: [String] { services.isEmpty ? [] : telemetry.missing + (customs?.missing ?? []) }

    /// What is served while something is missing.
    var kept: KeptExposition? { keptText.withLock { $0 } }

    /// Everything is here: the memory is free again when the scrapes have ended that still send of it.
    func dropKept() { keptText.withLock { $0 = nil } }

    /// What can be kept of it; nil while something is missing, or is about to change.
    var keepable: ExpositionKeeper.Keepable? {
        guard !services.isEmpty, awaited.isEmpty, customs?.isChanging != true else { return nil }
        let now = WallClock.nanoseconds()
        return ExpositionKeeper.Keepable(
            head: keptHead(customs?.text), sections: sections.map { ($0, telemetry.asOf(plural: $0.resource) ?? now) })
    }

    /// Until ``end()``, or shutdown.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services { group.addTask { try await service.run() } }
            let stream = stop.stream
            group.addTask { for await _ in stream { break } }
            // A service ends by itself only at shutdown, and the wait for the end only at the end.
            try await group.next()
            group.cancelAll()
            // Cancelled, they end; what they throw then says nothing.
            while (try? await group.next()) != nil {}
        }
    }

    func end() { stop.continuation.yield() }
}
