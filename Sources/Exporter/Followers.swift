import MizzenSystem
import DeltaStream
import Logging
import ProcessRuntime
import ServiceLifecycle

/// Follows the watcher's stream until shutdown.
struct DeltaFollower: Service {
    private let subscriber: Subscriber

    /// - Throws: 64, naming the option whose endpoint is not usable.
    init(
        _ streams: StreamOptions, _ configuration: ExporterConfiguration, feed: ObjectFeed, logger: Logger
    ) throws(ProcessError) {
        do {
            var options = Subscriber.Options()
            options.transport = try streams.transport()
            subscriber = try Subscriber(
                deltas: streams.deltas, snapshots: streams.snapshots, filter: configuration.topics, consumer: feed,
                options: options, logger: logger)
        } catch {
            throw ProcessError(
                code: ExitStatus.usage, message: "expected ZeroMQ endpoints such as \(DefaultPaths.deltas)",
                place: "--deltas, --snapshots", cause: "\(error)")
        }
    }

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await subscriber.run() }
    }
}

/// Follows the collectors' samples until shutdown, and drops usage that is too old.
struct SampleFollower: Service {
    private let subscriber: SampleSubscriber?
    private let feed: ObjectFeed

    /// - Throws: 64, naming the option whose endpoint is not usable.
    init(_ streams: StreamOptions, feed: ObjectFeed, logger: Logger) throws(ProcessError) {
        self.feed = feed
        let endpoints = ExporterConfiguration.items([streams.samples])
        guard !endpoints.isEmpty else {
            subscriber = nil
            return
        }
        do {
            subscriber = try SampleSubscriber(endpoints: endpoints, transport: streams.transport(), logger: logger) { feed.take($0) }
        } catch {
            throw ProcessError(
                code: ExitStatus.usage, message: "expected ZeroMQ endpoints such as \(DefaultPaths.samples)",
                place: "--samples", cause: "\(error)")
        }
    }

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if let subscriber { group.addTask { try await subscriber.run() } }
                group.addTask {
                    // Cancellation is how shutdown arrives here; it ends the wait and is no error.
                    while (try? await Task.sleep(for: .seconds(10))) != nil {
                        feed.expireUsage(now: WallClock.nanoseconds())
                    }
                }
                try await group.next()
                group.cancelAll()
            }
        }
    }
}
