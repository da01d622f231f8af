import DeltaStream
import KubernetesObjects
import Logging
import ProcessRuntime
import StreamCommandLine
import Synchronization

/// What a watcher publishes at the moment, for a command that looks once.
enum StreamGlimpse {
    /// Fills `consumer` with all objects of some resources.
    /// - Parameter limit: for the watcher to come and to know all objects itself.
    /// - Throws: 69 where that takes longer; as ``StreamOptions/transport(subscribingTo:)``.
    static func fill(
        _ consumer: some DeltaConsumer, with resources: [Resource], from streams: StreamOptions, within limit: Duration, logger: Logger
    ) async throws {
        let whole = WholeConsumer(consumer, awaiting: Set(resources))
        var options = Subscriber.Options()
        options.transport = try streams.transport(subscribingTo: [streams.deltas, streams.snapshots])
        options.asksAtOnce = true
        let subscriber: Subscriber
        do throws(DeltaStreamError) {
            subscriber = try Subscriber(
                deltas: streams.deltas, snapshots: streams.snapshots, filter: resources.map { TopicFilter($0) }, consumer: whole,
                options: options, logger: logger)
        } catch {
            throw ProcessError(error)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await StreamService { try await subscriber.run() }.run()
                throw CancellationError()
            }
            group.addTask { try await whole.arrival.value }
            group.addTask {
                try await Task.sleep(for: limit)
                let (missing, known) = whole.missing
                throw ProcessError(
                    code: ExitStatus.unavailable,
                    message: known.isEmpty
                        ? "no watcher has answered within \(limit); see that one runs and publishes there"
                        : "the watcher did not know all \(missing.joined(separator: " and ")) within \(limit); see its /readyz",
                    place: streams.snapshots)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

/// Hands on what comes, and tells when all of it is there.
private final class WholeConsumer: DeltaConsumer {
    private struct State {
        var missing: Set<Resource>
        var heard: Set<Resource> = []
    }

    let arrival = Settlement<Void>()
    private let consumer: any DeltaConsumer
    private let state: Mutex<State>

    init(_ consumer: any DeltaConsumer, awaiting resources: Set<Resource>) {
        self.consumer = consumer
        state = Mutex(State(missing: resources))
    }

    /// Names of the resources that are not whole, and of those of which anything has come.
    var missing: (missing: [String], known: [String]) {
        state.withLock { ($0.missing.map(\.description).sorted(), $0.heard.map(\.description).sorted()) }
    }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        consumer.replaceBucket(resource, bucket: bucket, objects: objects)
    }

    func apply(_ delta: Delta) { consumer.apply(delta) }

    func joined(_ resource: Resource, synced: Bool) {
        consumer.joined(resource, synced: synced)
        let isWhole = state.withLock { state in
            state.heard.insert(resource)
            if synced { state.missing.remove(resource) }
            return state.missing.isEmpty
        }
        if isWhole { arrival.settle(.success(())) }
    }

    func stale(_ resource: Resource, since: Int64) { consumer.stale(resource, since: since) }
}
