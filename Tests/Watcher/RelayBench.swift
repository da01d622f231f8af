import ClusterSimulator
import DeltaStream
import Foundation
import Kubernetes
import Logging
import Synchronization
import TestSupport

@testable import Watcher

/// A simulated cluster, a watcher, a relay of it and a relay of that one, over tcp with keys; below them a frontend and a subscriber
/// that nobody ever restarts.
final class RelayBench: Sendable {
    enum Level: Int, CaseIterable { case top, middle, lowest }

    let simulator: ClusterSimulator
    let folder: TemporaryFolder
    let consumer: SteadyConsumer
    private let processes: Mutex<[Level: RunningProcess]> = Mutex([:])
    private let tcp = (0..<4).map { _ in freePort() }
    private let health = Level.allCases.map { _ in freePort() }
    private let dnsPort = freePort()
    private let isChurning = Atomic<Bool>(false)

    init() async throws {
        folder = try TemporaryFolder()
        var settings = ClusterSimulator.Configuration(generated: .init(services: 10, pods: 30, nodes: 2))
        settings.bookmarkInterval = .seconds(1)
        simulator = ClusterSimulator(settings)
        try await simulator.start()
        for (index, name) in FaultBench.steady.enumerated() {
            try simulator.apply(yaml: FaultBench.service(name, address: "10.96.200.\(index + 1)", port: 80))
        }
        let steady = try simulator.list(.services).compactMap { $0["metadata"]?["uid"]?.string }
        consumer = SteadyConsumer(steady: Set(steady))
        try FaultBench.writeKubeconfig(simulator, .token, folder)
        try folder.write(
            Array(".:\(dnsPort) {\n    bind 127.0.0.1\n    kubernetes cluster.local {\n    }\n}\n".utf8), to: "Corefile")
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
                folder.path("keys"), "--resources", FaultBench.resources.map(\.plural).joined(separator: ","),
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
            deltas: lowestDeltas, snapshots: lowestSnapshots, filter: FaultBench.resources.map { TopicFilter($0) }, consumer: consumer,
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
    func meanwhile(_ body: () async throws -> Void) async throws -> (answers: FaultBench.Answers, changes: Int) {
        isChurning.store(true, ordering: .relaxed)
        let asking = Task { [self] in
            var answers = FaultBench.Answers()
            while isChurning.load(ordering: .relaxed) {
                ask(&answers)
                try? await Task.sleep(for: .milliseconds(10))
            }
            return answers
        }
        let changing = Task { [self] in
            var turn = 0
            while isChurning.load(ordering: .relaxed) {
                try churn(turn)
                turn += 1
                try await Task.sleep(for: .milliseconds(10))
            }
            return turn
        }
        var failure: (any Error)?
        do { try await body() } catch { failure = error }
        isChurning.store(false, ordering: .relaxed)
        let answers = await asking.value
        let changes = try await changing.value
        if let failure { throw failure }
        return (answers, changes)
    }

    private func ask(_ answers: inout FaultBench.Answers) {
        let probe = DNSProbe(port: dnsPort)
        for (index, name) in FaultBench.steady.enumerated() {
            // No answer within half a second is a busy machine and not a wrong answer.
            guard let answer = probe.addresses(of: "\(name).default.svc.cluster.local") else { continue }
            answers.asked += 1
            if answer.responseCode != 0 || answer.addresses != ["10.96.200.\(index + 1)"] { answers.wrong.append("\(name): \(answer)") }
        }
    }

    private func churn(_ turn: Int) throws {
        let number = turn % 41
        let name = "churn-\(number)"
        if turn % 3 == 2, try simulator.get(.services, namespace: "default", name: name) != nil {
            // The next of this name is another object, with another UID and so in another bucket.
            try simulator.delete(.services, namespace: "default", name: name)
        } else {
            try simulator.apply(yaml: FaultBench.service(name, address: "10.96.201.\(number + 1)", port: 1000 + turn % 5000))
        }
        try simulator.apply(
            yaml: FaultBench.service(FaultBench.steady[turn % 5], address: "10.96.200.\(turn % 5 + 1)", port: 2000 + turn % 5000))
    }

    // MARK: What has come of it

    var requests: [Int] { FaultBench.resources.map { simulator.switchboard.requestCount($0.plural) } }

    /// Waits until the lowest table and the subscriber are what a list of the server is.
    func converge() async throws {
        let last = Mutex("")
        do {
            try await eventually("the lowest level is the server's state", within: .seconds(120)) {
                let difference = try FaultBench.difference(ofTable: self.lowestTable, from: self.simulator) ?? self.subscriberDifference()
                last.withLock { $0 = difference ?? "" }
                return difference == nil
            }
        } catch {
            throw DidNotHappen(
                description: "\(error): \(last.withLock { $0 }); log: \(try process(.lowest).output.suffix(1500))")
        }
    }

    private func subscriberDifference() throws -> String? {
        var wanted: Set<String> = []
        for resource in FaultBench.resources {
            for object in try simulator.list(resource) {
                let fields = ["namespace", "name", "uid", "resourceVersion"].map { object["metadata"]?[$0]?.string ?? "" }
                wanted.insert(([resource.plural] + fields).joined(separator: " "))
            }
        }
        let difference = consumer.held.symmetricDifference(wanted)
        return difference.isEmpty ? nil : "subscriber: \(difference.sorted().prefix(5))"
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
