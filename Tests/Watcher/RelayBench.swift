import ClusterSimulator
import DeltaStream
import Foundation
import KubernetesObjects
import Logging
import Synchronization
import TestSupport

@testable import Watcher

/// A simulated cluster, a watcher, a relay of it and a relay of that one, over tcp with keys; below them a frontend and a subscriber
/// that nobody ever restarts.
final class RelayBench: Sendable {
    enum Level: Int, CaseIterable { case top, middle, lowest }

    let cluster: SteadyCluster
    let folder: TemporaryFolder
    let consumer: SteadyConsumer
    private let processes: Mutex<[Level: RunningProcess]> = Mutex([:])
    private let tcp = (0..<4).map { _ in freePort() }
    private let health = Level.allCases.map { _ in freePort() }
    private let dnsPort = freePort()

    var simulator: ClusterSimulator { cluster.simulator }

    init() async throws {
        folder = try TemporaryFolder()
        cluster = try await SteadyCluster()
        let steady = try cluster.simulator.list(.services).compactMap { $0["metadata"]?["uid"]?.string }
        consumer = SteadyConsumer(steady: Set(steady))
        try FaultBench.writeKubeconfig(cluster.simulator, .token, folder)
        try folder.write(SteadyCluster.corefile(port: dnsPort), to: "Corefile")
        for more in [[], ["--client", "lowest"]] {
            let making = try RunningProcess("mizzen-watcher", ["keys", folder.path("keys")] + more, in: folder)
            guard try await making.exitCode(within: .seconds(60)) == 0 else { throw DidNotHappen(description: making.output) }
        }
    }

    // MARK: Processes

    var lowestTable: String { folder.path("table-lowest") }
    var lowestDeltas: String { "ipc://\(folder.path("deltas"))" }
    var lowestSnapshots: String { "ipc://\(folder.path("snapshots"))" }

    private func options(_ level: Level) -> [String] {
        let common = ["--table", folder.path("table-\(level)"), "--http", "127.0.0.1:\(health[level.rawValue])"]
        let at = tcp.map { "tcp://127.0.0.1:\($0)" }
        switch level {
        case .top:
            return common + [
                "--kubeconfig", folder.path("kubeconfig"), "--deltas", at[0], "--snapshots", at[1], "--stream-keys",
                folder.path("keys"), "--resources", SteadyCluster.resources.map(\.plural).joined(separator: ","),
                "--drift-check-interval", "0s",
            ]
        case .middle:
            return common + [
                "--upstream", at[0], "--upstream-snapshots", at[1], "--deltas", at[2], "--snapshots", at[3], "--stream-keys",
                folder.path("keys"),
            ]
        case .lowest:
            return common + [
                "--upstream", at[2], "--upstream-snapshots", at[3], "--deltas", lowestDeltas, "--snapshots", lowestSnapshots,
                "--stream-keys", folder.path("keys/lowest"),
            ]
        }
    }

    func start(_ level: Level) throws {
        let process = try RunningProcess("mizzen-watcher", options(level), in: folder)
        processes.withLock { $0[level] = process }
    }

    /// Kills a level's process, as nobody expects it, and starts another at once.
    func replace(_ level: Level) async throws {
        try await process(level).kill()
        try start(level)
    }

    func process(_ level: Level) throws -> RunningProcess {
        guard let process = processes.withLock({ $0[level] }) else { throw DidNotHappen(description: "\(level) was never started") }
        return process
    }

    func waitUntilReady(_ level: Level) async throws {
        do {
            try await eventually("\(level) is ready", within: .seconds(120)) {
                try await FaultBench.fetch(self.health[level.rawValue], "/readyz") == "ok\n"
            }
        } catch {
            throw DidNotHappen(description: "\(error): \(try process(level).output.suffix(1500))")
        }
    }

    func metrics(_ level: Level) async throws -> String { try await FaultBench.fetch(health[level.rawValue], "/metrics") }

    func startFrontend() throws -> RunningProcess {
        try RunningProcess(
            "mizzen-frontend", ["--corefile", folder.path("Corefile"), "--table", lowestTable, "--threads", "1"], in: folder)
    }

    /// Runs the subscriber while `body` runs.
    func withSubscriber(_ body: () async throws -> Void) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let subscriber = try Subscriber(
            deltas: lowestDeltas, snapshots: lowestSnapshots, filter: SteadyCluster.resources.map { TopicFilter($0) }, consumer: consumer,
            logger: logger)
        let running = Task { try await subscriber.run() }
        do {
            try await body()
        } catch {
            running.cancel()
            _ = await running.result
            throw error
        }
        running.cancel()
        _ = await running.result
    }

    // MARK: What goes on meanwhile

    /// Changes objects, and asks the lowest frontend for names that exist, while `body` runs.
    func meanwhile(_ body: () async throws -> Void) async throws -> (answers: SteadyCluster.Answers, changes: Int) {
        try await cluster.meanwhile(asking: dnsPort, changing: 41, pause: .milliseconds(10), body)
    }

    // MARK: What has come of it

    var requests: [Int] { SteadyCluster.resources.map { simulator.switchboard.requestCount($0.plural) } }

    /// Waits until the lowest table and the subscriber are what a list of the server is.
    func converge() async throws {
        let last = Mutex("")
        do {
            try await eventually("the lowest level is the server's state", within: .seconds(120)) {
                let difference = try self.cluster.difference(ofTable: self.lowestTable) ?? self.subscriberDifference()
                last.withLock { $0 = difference ?? "" }
                return difference == nil
            }
        } catch {
            throw DidNotHappen(
                description: "\(error): \(last.withLock { $0 }); log: \(try process(.lowest).output.suffix(1500))")
        }
    }

    private func subscriberDifference() throws -> String? {
        try cluster.difference(ofObjects: consumer.held).map { "subscriber: \($0)" }
    }
}

/// Holds what it is told, and notes every moment at which it was told to hold less than what exists throughout.
final class SteadyConsumer: DeltaConsumer {
    private struct State {
        var objects: [Resource: [String: Delta]] = [:]
        var isJoined = false
        var missed: [String] = []
        var replaced = 0
        var applied = 0
    }

    private let state = Mutex(State())
    private let steady: Set<String>

    /// - Parameter steady: UIDs of services that exist from beginning to end.
    init(steady: Set<String>) { self.steady = steady }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        state.withLock { state in
            var held = (state.objects[resource] ?? [:]).filter { $0.value.bucket != bucket }
            for object in objects { held[object.uid] = object }
            state.objects[resource] = held
            state.replaced += 1
            guard resource == .services, state.isJoined else { return }
            for uid in steady where Topic.bucket(ofUID: uid) == bucket && held[uid] == nil {
                state.missed.append("\(uid) is not in bucket \(bucket) any more")
            }
        }
    }

    func apply(_ delta: Delta) {
        state.withLock { state in
            state.objects[delta.resource, default: [:]][delta.uid] = delta.change == .deleted ? nil : delta
            state.applied += 1
            if delta.change == .deleted, steady.contains(delta.uid) { state.missed.append("\(delta.uid) was deleted") }
        }
    }

    func joined(_ resource: Resource, synced: Bool) {
        state.withLock { state in
            guard resource == .services, synced, !state.isJoined else { return }
            state.isJoined = true
            let held = state.objects[resource] ?? [:]
            for uid in steady where held[uid] == nil { state.missed.append("\(uid) was never there") }
        }
    }

    func stale(_ resource: Resource, since: Int64) {}

    var isJoined: Bool { state.withLock { $0.isJoined } }
    var missed: [String] { state.withLock { $0.missed } }
    var counts: (applied: Int, replaced: Int) { state.withLock { ($0.applied, $0.replaced) } }

    /// Resource, namespace, name, UID and version of each object.
    var held: Set<String> {
        state.withLock { state in
            Set(
                state.objects.flatMap { resource, objects in
                    objects.values.map { [resource.plural, $0.namespace, $0.name, $0.uid, $0.resourceVersion].joined(separator: " ") }
                })
        }
    }
}
