import ArgumentParser
import DeltaStream
import KubernetesObjects
import Logging
import ProcessRuntime
import RecordTable
import RecordTableWriter
import ServiceLifecycle
import StreamCommandLine

extension WatcherCommand {
    /// - Throws: `ValidationError` where the command line does not say, or says twice, where objects come from.
    func validateSource() throws {
        guard let upstream else {
            guard upstreamSnapshots == nil else {
                throw ValidationError("--upstream-snapshots needs --upstream, the endpoint of the same watcher's deltas")
            }
            return try validateCredentials(orUpstream: leasing.lease == nil)
        }
        if leasing.lease != nil {
            try validateCredentials(orUpstream: false)
        } else if inCluster || kubeconfig != nil {
            throw ValidationError(
                "--upstream takes everything from another watcher and holds no credential; leave out --kubeconfig and --in-cluster, or add --lease to follow it only while standing by"
            )
        }
        guard let upstreamSnapshots else {
            throw ValidationError("--upstream needs --upstream-snapshots, the endpoint of the same watcher's snapshots")
        }
        guard upstream != streams.deltas, upstreamSnapshots != streams.snapshots else {
            throw ValidationError("--upstream is this watcher's own stream; name another watcher's, or give this one other endpoints")
        }
    }

    private func validateCredentials(orUpstream: Bool) throws {
        guard inCluster == (kubeconfig != nil) else { return }
        let instead = orUpstream ? " (or another watcher, with --upstream)" : ", which has the Lease too"
        throw ValidationError(
            inCluster
                ? "--kubeconfig and --in-cluster exclude each other; leave one out"
                : "say where the API server is, with --kubeconfig FILE or --in-cluster\(instead)")
    }

    /// Fills the table and republishes from another watcher's stream, until told to stop, or until a lease is acquired.
    func runRelay(
        upstream: String, snapshots upstreamSnapshots: String, standby: LeaseStandby? = nil, stop: StopRequest, logger: Logger
    ) async throws {
        let wanted = try ResourceSelection(resources).resources
        _ = try customs.selectors()
        let transport = try streams.transport(subscribingTo: [upstream, upstreamSnapshots])
        let metrics = WatcherMetrics(wanted: wanted)
        let keeper = TableKeeper(writer: try Self.makeWriter(path: table, logger))
        // Its stream id and its history are its upstream's.
        let publisher = try makePublisher(
            StreamStore(streamID: UInt64.random(in: 1...UInt64.max)), nil, forwardsHeartbeats: true, logger)
        let feed = RelayFeed(keeper: keeper, publisher: publisher, metrics: metrics, resources: wanted, logger: logger)
        // Weakly, because the feed holds the metrics: endpoints and lock are free for what follows only when all of them go.
        metrics.observe(publisher) { [weak feed] in feed?.tableState ?? (TableWriter.Statistics(), TableStatus.Counts()) }
        if let standby { standby.elector.observe(in: metrics.registry) } else { metrics.led() }
        logger.info(
            "following",
            metadata: [
                "upstream": "\(upstream)", "table": "\(table)", "deltas": "\(publisher.deltasEndpoint)",
                "snapshots": "\(publisher.snapshotsEndpoint)",
            ])
        let relay = RelayService(
            deltas: upstream, snapshots: upstreamSnapshots, transport: transport, resources: wanted, customs: customs, feed: feed,
            publisher: publisher, metrics: metrics, logger: logger)
        let routes = standby?.routes(metrics.registry) { metrics.missing } ?? WatcherHealth(metrics: metrics).routes
        // What follows a standby opens the table again.
        defer { feed.close() }
        try await ProcessMain.serve(
            services: [
                StreamService { try await publisher.run() }, HTTPEndpoints(address: http, routes: routes, logger: logger),
                relay,
            ], logger: logger, stop: stop, until: standby?.ends ?? [])
    }
}
