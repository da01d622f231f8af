import DeltaStream
import KubernetesObjects
import Logging
import ProcessRuntime
import ServiceLifecycle
import StreamCommandLine

/// Follows the upstream's stream: waits until it says what it carries, then subscribes.
struct RelayService: ServiceLifecycle.Service {
    let deltas: String
    let snapshots: String
    let transport: Transport
    let resources: [Resource]
    let feed: RelayFeed
    let publisher: Publisher
    let metrics: WatcherMetrics
    let logger: Logger

    func run() async throws {
        try await StreamService { try await follow() }.run()
    }

    private func follow() async throws {
        var carried: [Resource] = []
        while carried.isEmpty && !Task.isCancelled {
            do {
                let catalog = try await Catalog.fetch(
                    snapshots: snapshots, transport: transport, timeout: .seconds(5), logger: logger)
                carried = catalog.map(\.resource).filter(resources.contains)
            } catch {
                guard !Task.isCancelled else { return }
                logger.warning("the upstream does not answer yet", metadata: ["upstream": "\(snapshots)", "error": "\(error)"])
            }
            // Cancelled: the loop's condition sees it.
            if carried.isEmpty { try? await Task.sleep(for: .seconds(1)) }
        }
        guard !Task.isCancelled else { return }
        for resource in resources where !carried.contains(resource) { metrics.upstreamLacks(resource) }
        publisher.relay(announcing: carried)
        var options = Subscriber.Options()
        options.transport = transport
        try await Subscriber(
            deltas: deltas, snapshots: snapshots, filter: carried.map { TopicFilter($0) }, consumer: feed, options: options,
            logger: logger
        ).run()
    }
}
