import Names
import DeltaStream
import Logging
import MizzenSystem
import ServiceLifecycle
import Synchronization

/// Scrapes every node once an interval, each at its own moment in it, and before its time where a new pod can be told of; ``ScrapePlan``
/// says when.
///
/// Nodes are spread over the interval so that neither the network nor this process sees them all at once; the first
/// scrape of a node comes early, as in metrics-server, so that its usage is known after little more than one interval.
struct ScrapeSchedule: Service {
    let catalog: ClusterCatalog
    let client: KubeletClient
    let board: ScrapeBoard
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

    /// Until graceful shutdown. Everything happens on the threads of the connections: each scrape on its own one's.
    func run() async throws {
        await withTaskExecutorPreference(client.connections.executor(of: collector)) {
            await cancelWhenGracefulShutdown {
                await withDiscardingTaskGroup { group in
                    group.addTask { for await _ in catalog.nodeChanges { takeUpNodes() } }
                    group.addTask { for await start in catalog.podStarts { board.started(start) } }
                    for await _ in board.bell {
                        for turn in board.take() {
                            group.addTask(executorPreference: client.connections.executor(of: turn.node)) {
                                await scrape(turn)
                                board.ended(turn.node)
                            }
                        }
                        board.setAlarm()
                    }
                    board.silence()
                    group.cancelAll()
                }
            }
        }
    }

    private func takeUpNodes() {
        let nodes = catalog.nodes { selector.matches($0.labels) }.map(\.name)
        if board.takeUp(nodes) { metrics.noteProgress() }
    }

    private func scrape(_ turn: ScrapePlan.Turn) async {
        guard let node = catalog.node(named: turn.node), selector.matches(node.labels) else {
            board.remove(turn.node)
            forget(turn.node)
            metrics.forget(turn.node)
            summaries?.forget(turn.node)
            client.memory.forget(turn.node)
            logger.debug("node left", metadata: ["node": "\(turn.node)"])
            return
        }
        if turn.isEarly { metrics.noteEarly() }
        await scrape(node)
    }

    private func scrape(_ node: CatalogNode) async {
        let began = clock.now
        let outcome = await client.scrape(node, collector: collector, now: metrics.wallClock())
        if Task.isCancelled { return }
        metrics.observe(outcome, of: node, took: clock.now - began)
        measured(outcome.sample)
        board.sampled(outcome.sample)
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
