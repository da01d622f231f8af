import DeltaStream
import Logging
import MizzenSystem
import ProcessRuntime
import ServiceLifecycle
import Synchronization

/// `--share-nodes`: tells the other collectors, beat by beat, that this one scrapes its share, and hears the same of them.
struct NodeSharing: Service {
    let board: ScrapeBoard
    let publisher: SamplePublisher
    /// Of this collector; its `run` is the publisher's.
    let beat: CollectorBeat
    let metrics: ScrapeMetrics
    let logger: Logger
    private let told: Told

    /// What has been said once and need not be said again.
    private final class Told: Sendable {
        let differing = Mutex<Set<String>>([])
        let members = Mutex<[String]>([])
    }

    /// - Parameter resolution: nanoseconds between two scrapes of a node.
    init(
        board: ScrapeBoard, publisher: SamplePublisher, collector: String, resolution: Int64, nodeSelector: String,
        metrics: ScrapeMetrics, logger: Logger
    ) {
        self.board = board
        self.publisher = publisher
        self.metrics = metrics
        self.logger = logger
        told = Told()
        let interval = Membership.beat(resolution: resolution)
        beat = CollectorBeat(
            collector: collector, run: publisher.run, interval: UInt64(interval / 1_000_000), resolution: UInt64(resolution / 1_000_000),
            nodeSelector: nodeSelector)
        board.share(
            as: Membership(name: collector, run: publisher.run, beat: interval, at: Int64(clamping: BootClock.nanoseconds())))
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                publisher.publish(beat)
                board.tick()
                let (members, own) = board.sharing
                // Nobody waits for a collector that has nothing to scrape.
                if own == 0 { metrics.noteProgress() }
                tell(members)
                try? await Task.sleep(for: .milliseconds(Int64(beat.interval)))
            }
        }
        // The others need not wait until they miss it.
        var last = beat
        last.isLeaving = true
        publisher.publish(last)
    }

    /// From the samples' thread.
    func heard(_ other: CollectorBeat) {
        switch board.heard(other) {
        case .known: break
        case .changed: tell(board.sharing.members)
        case .sameName:
            tellOnce(
                other, "another collector has the same name, so both scrape the same nodes; give each its own --collector-name")
            return
        }
        if other.resolution != beat.resolution {
            tellOnce(other, "a collector shares the nodes that has another --metric-resolution; nodes are scraped at that of their own")
        }
        if other.nodeSelector != beat.nodeSelector {
            tellOnce(
                other, "a collector shares the nodes that has another --node-selector; nodes that only some select are scraped late")
        }
    }

    private func tell(_ members: [String]) {
        let isNew = told.members.withLock { known in
            defer { known = members }
            return known != members
        }
        if isNew { logger.info("nodes are shared", metadata: ["collectors": "\(members.joined(separator: ","))"]) }
    }

    private func tellOnce(_ other: CollectorBeat, _ message: Logger.Message) {
        // Names are drawn by processes, and nobody restarts so many at once.
        let isNew = told.differing.withLock { $0.count < 1000 && $0.insert("\(other.collector) \(message)").inserted }
        if isNew { logger.warning(message, metadata: ["collector": "\(other.collector)"]) }
    }
}
