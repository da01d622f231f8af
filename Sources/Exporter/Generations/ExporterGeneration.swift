import Logging
import ProcessRuntime
import ServiceLifecycle
import StreamCommandLine

/// What is served under one set of options and one share of the objects, and what keeps it current.
final class ExporterGeneration: Sendable {
    let telemetry: ExporterTelemetry
    /// nil: every object, or what the options say.
    let division: Division?
    let limits: SeriesLimits
    private let feed: ObjectFeed
    private let customs: CustomResourceService?
    private let services: [any Service]
    private let stop = AsyncStream.makeStream(of: Void.self)
    let began = ContinuousClock.now

    /// - Throws: 64 or 78 for options that cannot be taken.
    init(
        _ command: ExporterCommand, division: Division?, registry: MetricsRegistry, logger: Logger,
        becameWhole: @escaping @Sendable () -> Void
    ) throws(ProcessError) {
        let configuration = try ExporterConfiguration(command, division: division)
        for warning in configuration.warnings {
            logger.warning("a part of the options has no effect", metadata: ["reason": "\(warning)"])
        }
        self.division = division
        limits = configuration.limits
        telemetry = ExporterTelemetry(
            registry: registry, shard: configuration.shard, totalShards: configuration.totalShards, isPublished: false,
            becameWhole: becameWhole)
        feed = ObjectFeed(configuration, telemetry: telemetry, logger: logger)
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
    }

    var sections: [ExpositionSection] { services.isEmpty ? [] : feed.sections + (customs?.sections ?? []) }

    /// What is not whole yet.
    var awaited: [String] { services.isEmpty ? [] : telemetry.missing + (customs?.missing ?? []) }

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
