import DeltaStream
import KubernetesClient
import KubernetesObjects
import Logging
import ProcessRuntime
import RecordTable
import RecordTableWriter
import ServiceLifecycle

extension WatcherCommand {
    /// How long a start waits for the first answer, so that who finds the lease free leads without standing by first.
    private static let firstLook = Duration.seconds(1)

    /// Stands by until this process holds the lease, leads until it is stopped or has lost it, and gives up what it has.
    func runWithLease(_ lease: LeaseName, _ stop: StopRequest, _ logger: Logger) async throws {
        let configuration = try clientConfiguration()
        let api = try makeClient(configuration, logger)
        let elector = LeaseElector(lease, leasing.terms, api: api, logger: logger)
        let outcome = await Result { try await standByThenLead(elector, configuration, stop, logger) }
        // Every service has ended: nothing is written any more.
        await elector.finish()
        try? await api.shutdown()
        try outcome.get()
    }

    private func standByThenLead(
        _ elector: LeaseElector, _ configuration: ClientConfiguration, _ stop: StopRequest, _ logger: Logger
    ) async throws {
        // The table's lock comes first: of two watchers on one host only one asks for the lease.
        var writer: TableWriter? = upstream == nil ? try Self.makeWriter(path: table, logger) : nil
        elector.start()
        if await !leadsAtOnce(elector, stop) {
            if let upstream, let upstreamSnapshots {
                try await runRelay(
                    upstream: upstream, snapshots: upstreamSnapshots, standby: LeaseStandby(elector: elector), stop: stop, logger: logger)
            } else {
                let standby = LeaseStandby(elector: elector)
                let registry = MetricsRegistry()
                registry.countDroppedLogLines()
                registry.countDescriptorShortages()
                elector.observe(in: registry)
                try await ProcessMain.serve(
                    services: [HTTPEndpoints(address: http, routes: standby.routes(registry) { [] }, logger: logger)], logger: logger,
                    stop: stop, until: standby.ends)
            }
        }
        guard !stop.isMade, elector.currentStatus.leads else { return }
        if writer == nil { writer = try Self.makeWriter(path: table, logger) }
        guard let writer else { return }
        try await watch(configuration, writer: writer, elector: elector, stop: stop, logger: logger)
    }

    private func leadsAtOnce(_ elector: LeaseElector, _ stop: StopRequest) async -> Bool {
        let end = ContinuousClock.now + Self.firstLook
        while !elector.currentStatus.hasLooked && !stop.isMade && ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(10))
        }
        return elector.currentStatus.leads || stop.isMade
    }

    /// The relay's publisher gives its endpoints up when the last reference to it goes, which may be a moment after its
    /// services have ended.
    func publishAfterRelay(_ resources: [Resource], _ metrics: WatcherMetrics, _ logger: Logger) async throws -> Publisher {
        let end = ContinuousClock.now + .seconds(5)
        while true {
            do {
                return try goOnPublishing(resources, metrics, logger)
            } catch {
                guard ContinuousClock.now < end else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}

/// A watcher that waits for a Lease, whatever else it does meanwhile.
struct LeaseStandby {
    let elector: LeaseElector

    /// What is served meanwhile ends when the lease is acquired.
    var ends: [@Sendable () async -> Void] { [{ [elector] in _ = await elector.isAcquired() }] }

    /// - Parameter missing: what is relayed and not whole yet.
    func routes(
        _ registry: MetricsRegistry, missing: @escaping @Sendable () -> [Resource]
    ) -> [String: HTTPEndpoints.Route] {
        let elector = elector
        return [
            "/livez": { .text("ok") },
            "/healthz": { .text("ok") },
            "/readyz": {
                let holder = elector.currentStatus.holder
                let who = holder.map { $0.isEmpty ? "nobody holds it" : $0 } ?? "its holder is not known yet"
                let names = missing().map { "\($0)" }.joined(separator: ", ")
                let relayed = names.isEmpty ? "" : "; nothing whole from upstream yet of \(names)"
                return .text("ok: standing by for \(elector.name) (\(who))\(relayed)")
            },
            "/metrics": { .metrics(registry.render()) },
        ]
    }
}
