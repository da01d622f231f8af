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
    var customs = CustomResourceOptions()
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
            if let catalog = await catalog(.warning) { carried = catalog.filter(resources.contains) }
            // Cancelled: the loop's condition sees it.
            if carried.isEmpty { try? await Task.sleep(for: .seconds(1)) }
        }
        guard !Task.isCancelled else { return }
        for resource in resources where !carried.contains(resource) { metrics.upstreamLacks(resource) }
        try await withThrowingTaskGroup(of: Void.self) { [carried] group in
            group.addTask { try await subscribe(to: carried) }
            if !customs.isEmpty { group.addTask { try await followCustomResources() } }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// What the upstream carries; nil where it does not answer.
    private func catalog(_ level: Logger.Level) async -> [Resource]? {
        do {
            return try await Catalog.fetch(snapshots: snapshots, transport: transport, timeout: .seconds(5), logger: logger)
                .map(\.resource)
        } catch {
            guard !Task.isCancelled else { return nil }
            logger.log(
                level: level, "the upstream does not answer yet", metadata: ["upstream": "\(snapshots)", "error": "\(error)"])
            return nil
        }
    }

    private func subscribe(to resources: [Resource]) async throws {
        publisher.relay(announcing: resources)
        var options = Subscriber.Options()
        options.transport = transport
        // Those of which it keeps past deltas itself; without any effect where none are kept.
        options.replays = Dictionary(publisher.keepsDeltas.map { ($0, [:]) }, uniquingKeysWith: { first, _ in first })
        options.wantsPast = true
        try await Subscriber(
            deltas: deltas, snapshots: snapshots, filter: resources.map { TopicFilter($0) }, consumer: feed, options: options,
            logger: logger
        ).run()
    }

    /// Custom resources come while the upstream runs. Those that go stay on its stream, without objects.
    private func followCustomResources() async throws {
        var selection = CustomResourceSelection(customs)
        var followed: Set<Resource> = []
        // Ends with the first subscriber that fails, and with its error.
        try await withThrowingDiscardingTaskGroup { group in
            while !Task.isCancelled && !group.isCancelled {
                let selectors = selection.now(logger)
                let found = await catalog(.debug)?.filter { resource in
                    !Resource.all.contains(resource) && !followed.contains(resource) && selectors.contains { $0.matches(resource) }
                }
                if let found, !found.isEmpty {
                    followed.formUnion(found)
                    for resource in found { metrics.add(resource) }
                    metrics.customResources(followed.count)
                    group.addTask { try await subscribe(to: found) }
                }
                // Cancelled: the loop's condition sees it.
                try? await Task.sleep(for: customs.customResourceInterval.duration)
            }
            group.cancelAll()
        }
    }
}
