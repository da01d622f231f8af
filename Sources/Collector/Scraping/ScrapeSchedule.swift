import Names
import DeltaStream
import Logging
import MizzenSystem
import ServiceLifecycle
import Synchronization

/// Scrapes every node once an interval, each at its own moment in it.
///
/// Nodes are spread over the interval so that neither the network nor this process sees them all at once; the first
/// scrape of a node comes early, as in metrics-server, so that its usage is known after little more than one interval.
struct ScrapeSchedule: Service {
    let catalog: ClusterCatalog
    let client: KubeletClient
    let interval: Duration
    /// Which nodes are ours: `--node-selector`.
    let selector: LabelQuery
    /// Names this collector in its samples.
    let collector: String
    let metrics: ScrapeMetrics
    /// Nil where kubelets are asked for their resource metrics only.
    var summaries: SummaryRequests?
    let logger: Logger
    /// Called with each sample as soon as it is there, from many tasks at once.
    let measured: @Sendable (NodeSample) -> Void
    /// Called with each sample when it is whole, which is later where a summary belongs to it.
    let publish: @Sendable (NodeSample) -> Void
    /// Called with the names of nodes that left the cluster.
    let forget: @Sendable (String) -> Void
    var clock = ContinuousClock()
    var random: @Sendable (Range<Int64>) -> Int64 = { Int64.random(in: $0) }

    /// Between nodes at the first scrape.
    private static let stagger = Duration.milliseconds(8)

    func run() async throws {
        let running = RunningNodes()
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for await _ in catalog.nodeChanges {
                    let nodes = catalog.nodes { selector.matches($0.labels) }
                    let spread = min(interval, Self.stagger * nodes.count)
                    for node in nodes where running.insert(node.name) {
                        metrics.noteProgress()
                        let delay = random(0..<max(1, spread.nanoseconds))
                        group.addTask {
                            await scrapeRepeatedly(node.name, after: .nanoseconds(delay))
                            running.remove(node.name)
                        }
                    }
                }
                group.cancelAll()
            }
        }
    }

    private func scrapeRepeatedly(_ name: String, after delay: Duration) async {
        var next = clock.now + delay
        while !Task.isCancelled {
            guard (try? await clock.sleep(until: next)) != nil else { return }
            guard let node = catalog.node(named: name), selector.matches(node.labels) else {
                forget(name)
                metrics.forget(name)
                summaries?.forget(name)
                client.memory.forget(name)
                logger.debug("node left", metadata: ["node": "\(name)"])
                return
            }
            await scrape(node)
            // A scrape that took longer than the interval is not caught up with.
            next += interval
            if next < clock.now { next = clock.now }
        }
    }

    private func scrape(_ node: CatalogNode) async {
        let began = clock.now
        let outcome = await client.scrape(node, collector: collector, now: metrics.wallClock())
        if Task.isCancelled { return }
        metrics.observe(outcome, of: node, took: clock.now - began)
        measured(outcome.sample)
        let sample = await summarised(outcome.sample, of: node, since: began)
        if !Task.isCancelled { publish(sample) }
    }

    /// The sample with the summary, if one is wanted and the kubelet is well. Both requests share one limit of time, as peers count on a
    /// sample to be there by then.
    private func summarised(_ sample: NodeSample, of node: CatalogNode, since began: ContinuousClock.Instant) async -> NodeSample {
        guard let summaries, sample.failure == nil else { return sample }
        var sample = sample
        sample.summary = await summaries.ask(client, for: node, within: max(.milliseconds(1), began + client.timeout - clock.now))
        return sample
    }
}

/// The nodes that have a task, so that each has one.
private final class RunningNodes: Sendable {
    private let names = Mutex<Set<String>>([])
    func insert(_ name: String) -> Bool { names.withLock { $0.insert(name).inserted } }
    func remove(_ name: String) { _ = names.withLock { $0.remove(name) } }
}
