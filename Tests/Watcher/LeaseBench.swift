import MizzenSystem
import ClusterSimulator
import DeltaStream
import Foundation
import KubernetesObjects
import Logging
import Synchronization
import TestSupport

@testable import KubernetesClient
@testable import Watcher

/// A simulated cluster and watchers of several hosts that share one Lease: each host has its own table, endpoints and port.
final class LeaseBench: Sendable {
    enum Host: Int, CaseIterable { case a, b, c }

    static let lease = LeaseName("kube-system/mizzen-watcher")!
    static let duration = Duration.seconds(3)
    static let retryPeriod = Duration.milliseconds(500)
    static let times = [
        "--lease", "\(lease)", "--lease-duration", "3s", "--lease-renew-deadline", "2s", "--lease-retry-period", "500ms",
    ]

    let cluster: SteadyCluster
    let folder: TemporaryFolder
    private let ports = Host.allCases.map { _ in freePort() }

    var simulator: ClusterSimulator { cluster.simulator }

    init(credentials: FaultBench.Credentials = .token) async throws {
        folder = try TemporaryFolder()
        cluster = try await SteadyCluster()
        try FaultBench.writeKubeconfig(cluster.simulator, credentials, folder)
    }

    func end() async { await simulator.stop() }

    // MARK: Processes

    func table(_ host: Host) -> String { folder.path("table-\(host)") }
    func deltas(_ host: Host) -> String { "ipc://\(folder.path("deltas-\(host)"))" }
    func snapshots(_ host: Host) -> String { "ipc://\(folder.path("snapshots-\(host)"))" }
    func stream(_ host: Host) -> [String] { ["--deltas", deltas(host), "--snapshots", snapshots(host)] }

    func start(_ host: Host, identity: String? = nil, _ more: [String] = []) throws -> RunningProcess {
        try RunningProcess(
            "mizzen-watcher",
            [
                "--kubeconfig", folder.path("kubeconfig"), "--table", table(host), "--http", "127.0.0.1:\(ports[host.rawValue])",
                "--resources", SteadyCluster.resources.map(\.plural).joined(separator: ","), "--watch-timeout", "3s",
                "--watch-silence-limit", "1s", "--list-silence-limit", "4s", "--lease-identity", identity ?? "\(host)",
            ] + Self.times + stream(host) + more, in: folder)
    }

    func startFrontend(_ host: Host, port: UInt16) throws -> RunningProcess {
        try folder.write(SteadyCluster.corefile(port: port), to: "Corefile-\(host)")
        return try RunningProcess(
            "mizzen-frontend", ["--corefile", folder.path("Corefile-\(host)"), "--table", table(host), "--threads", "1"], in: folder)
    }

    func fetch(_ host: Host, _ path: String) async throws -> String { try await FaultBench.fetch(ports[host.rawValue], path) }

    func leads(_ host: Host, _ process: RunningProcess, within limit: Duration = .seconds(60)) async throws {
        try await watch(process, "\(host) leads and has listed everything", within: limit) {
            guard try await self.fetch(host, "/readyz") == "ok\n" else { return false }
            return try await self.fetch(host, "/metrics").contains("mizzen_watcher_leader 1\n")
        }
    }

    func standsBy(_ host: Host, _ process: RunningProcess, for holder: String) async throws {
        try await watch(process, "\(host) stands by for \(holder)", within: .seconds(60)) {
            guard try await self.fetch(host, "/readyz").hasPrefix("ok: standing by for \(Self.lease) (\(holder))") else { return false }
            return try await self.fetch(host, "/metrics").contains("mizzen_watcher_leader 0\n")
        }
    }

    /// As `eventually`, with the process's log where it does not happen.
    func watch(
        _ process: RunningProcess, _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
    ) async throws {
        do {
            try await eventually(what, within: limit, condition)
        } catch {
            throw DidNotHappen(description: "\(error); log: \(process.output.suffix(2000))")
        }
    }

    // MARK: The lease

    func record() throws -> LeaseRecord? {
        guard let object = try simulator.get(.leases, namespace: Self.lease.namespace, name: Self.lease.name) else { return nil }
        return try LeaseObject(json: object.encoded).record
    }

    /// Watches the lease pass to another holder.
    /// - Returns: the last record of the one before, and the first of the new one.
    func passes(to holder: String, within limit: Duration) async throws -> (before: LeaseRecord, after: LeaseRecord) {
        var before = try record() ?? LeaseRecord()
        var after = before
        try await eventually("the lease passes from \(before.holderIdentity) to \(holder)", within: limit) {
            guard let now = try self.record() else { return false }
            if now.holderIdentity == holder { after = now } else { before = now }
            return now.holderIdentity == holder
        }
        return (before, after)
    }

    /// Seconds from one time in a record to another. All processes here have one wall clock.
    static func seconds(from start: String, to end: String) throws -> Double {
        guard let start = Timestamp(start), let end = Timestamp(end) else { throw DidNotHappen(description: "no times: \(start) \(end)") }
        return Double(end.seconds - start.seconds) + Double(end.nanoseconds - start.nanoseconds) / 1e9
    }

    static func now() -> String { Timestamp(nanosecondsSinceEpoch: WallClock.nanoseconds()).leaseText }

    // MARK: What has come of it

    /// Waits until a host's table and stream are the server's state.
    func converge(_ host: Host, _ process: RunningProcess, within limit: Duration = .seconds(60)) async throws {
        let last = Mutex("")
        do {
            try await eventually("table and stream of \(host) are the server's state", within: limit) {
                var difference = try self.cluster.difference(ofTable: self.table(host))
                if difference == nil {
                    difference = try await self.cluster.difference(ofStream: self.stream(host), in: self.folder)
                }
                last.withLock { $0 = difference ?? "" }
                return difference == nil
            }
        } catch {
            throw DidNotHappen(description: "\(error): \(last.withLock { $0 }); log: \(process.output.suffix(2000))")
        }
    }

    func tableEquals(_ host: Host) throws -> Bool { try cluster.difference(ofTable: table(host)) == nil }

    /// Runs a subscriber of a host's stream while `body` runs.
    func withSubscriber(of host: Host, _ body: (SteadyConsumer) async throws -> Void) async throws {
        let steady = try simulator.list(.services).compactMap { $0["metadata"]?["uid"]?.string }
        let consumer = SteadyConsumer(steady: Set(steady))
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let subscriber = try Subscriber(
            deltas: deltas(host), snapshots: snapshots(host), filter: SteadyCluster.resources.map { TopicFilter($0) }, consumer: consumer,
            logger: logger)
        let running = Task { try await subscriber.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body(consumer)) } catch { result = .failure(error) }
        running.cancel()
        _ = await running.result
        try result.get()
    }

    func add(_ name: String, _ number: Int) throws {
        try cluster.apply(name, address: "10.96.201.\(number + 1)", port: 1000 + number)
    }
}
