import DeltaStream
import Logging
import ProcessRuntime
import ServiceLifecycle
import StreamCommandLine

/// Follows the watcher's stream until shutdown.
struct DeltaFollower: Service {
    private let subscriber: Subscriber

    init(
        _ streams: StreamOptions, _ configuration: ExporterConfiguration, feed: ObjectFeed, logger: Logger
    ) throws(ProcessError) {
        var options = Subscriber.Options()
        options.transport = try streams.transport(subscribingTo: [streams.deltas, streams.snapshots])
        options.asksAtOnce = true
        do {
            subscriber = try Subscriber(
                deltas: streams.deltas, snapshots: streams.snapshots, filter: configuration.topics, consumer: feed,
                options: options, logger: logger)
        } catch {
            throw ProcessError(error)
        }
    }

    func run() async throws {
        try await StreamService { try await subscriber.run() }.run()
    }
}

/// Follows the collectors' samples until shutdown, and drops usage that is too old.
struct SampleFollower: Service {
    private let subscriber: SampleSubscriber?
    private let feed: ObjectFeed

    init(_ streams: StreamOptions, _ sampling: SampleOptions, feed: ObjectFeed, logger: Logger) throws(ProcessError) {
        self.feed = feed
        let endpoints = SampleOptions.list(sampling.samples)
        guard !endpoints.isEmpty else {
            subscriber = nil
            return
        }
        let transport = try streams.transport(subscribingTo: endpoints)
        do {
            subscriber = try SampleSubscriber(endpoints: endpoints, transport: transport, logger: logger) { feed.take($0) }
        } catch {
            throw ProcessError(error)
        }
    }

    func run() async throws {
        try await StreamService {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if let subscriber { group.addTask { try await subscriber.run() } }
                group.addTask {
                    // Cancellation is how shutdown arrives here; it ends the wait and is no error.
                    while (try? await Task.sleep(for: .seconds(10))) != nil {
                        feed.expireUsage()
                    }
                }
                try await group.next()
                group.cancelAll()
            }
        }.run()
    }
}
