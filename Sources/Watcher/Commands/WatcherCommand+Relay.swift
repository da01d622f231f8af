import ArgumentParser
import DeltaStream
import Kubernetes
import Logging
import ProcessRuntime
import ServiceLifecycle

extension WatcherCommand {
    /// - Throws: `ValidationError` where the command line does not say, or says twice, where objects come from.
    func validateSource() throws {
        guard let upstream else {
            guard upstreamSnapshots == nil else {
                throw ValidationError("--upstream-snapshots needs --upstream, the endpoint of the same watcher's deltas")
            }
            guard inCluster != (kubeconfig != nil) else {
                throw ValidationError(
                    inCluster
                        ? "--kubeconfig and --in-cluster exclude each other; leave one out"
                        : "say where the API server is, with --kubeconfig FILE or --in-cluster (or another watcher, with --upstream)")
            }
            return
        }
        guard !inCluster, kubeconfig == nil else {
            throw ValidationError(
                "--upstream takes everything from another watcher and holds no credential; leave out --kubeconfig and --in-cluster")
        }
        guard let upstreamSnapshots else {
            throw ValidationError("--upstream needs --upstream-snapshots, the endpoint of the same watcher's snapshots")
        }
        guard upstream != deltas, upstreamSnapshots != snapshots else {
            throw ValidationError("--upstream is this watcher's own stream; name another watcher's, or give this one other endpoints")
        }
    }

    /// Fills the table and republishes from another watcher's stream, until told to stop.
    func runRelay(upstream: String, snapshots upstreamSnapshots: String, logger: Logger) async throws {
        let wanted = try ResourceSelection(resources).resources
        let metrics = WatcherMetrics(wanted: wanted)
        let keeper = TableKeeper(writer: try Self.makeWriter(path: table, logger))
        // Its stream id and its history are its upstream's.
        let publisher = try makePublisher(
            StreamStore(streamID: UInt64.random(in: 1...UInt64.max)), nil, forwardsHeartbeats: true, logger)
        let feed = RelayFeed(keeper: keeper, publisher: publisher, metrics: metrics, resources: wanted, logger: logger)
        metrics.observe(publisher) { feed.tableState }
        metrics.led()
        logger.info(
            "following",
            metadata: [
                "upstream": "\(upstream)", "table": "\(table)", "deltas": "\(publisher.deltasEndpoint)",
                "snapshots": "\(publisher.snapshotsEndpoint)",
            ])
        let relay = RelayService(
            deltas: upstream, snapshots: upstreamSnapshots, transport: try makeTransport(), resources: wanted, feed: feed,
            publisher: publisher, metrics: metrics, logger: logger)
        try await ProcessMain.serve(
            services: [
                CancellableService { try await publisher.run() },
                HTTPEndpoints(address: http, routes: WatcherHealth(metrics: metrics).routes, logger: logger), relay,
            ], logger: logger)
    }
}
