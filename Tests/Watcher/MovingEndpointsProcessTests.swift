import ClusterSimulator
import Foundation
import KubernetesObjects
import MizzenSystem
import RecordTable
import Synchronization
import TestSupport
import Testing

@testable import Watcher

/// A statefulset's headless service of many pods, with a watcher and a frontend. Its slices are the test's to change.
private final class MovingEndpoints: Sendable {
    private static let namespace = "team-0"
    static let service = "moving"

    struct Pod: Sendable {
        var name: String
        var address: String
    }

    let simulator: ClusterSimulator
    let pods: [Pod]
    private let folder: TemporaryFolder
    private let port = freePort()
    private let frontend: RunningProcess
    private let watcher: RunningProcess

    /// - Parameter count: pods, a hundred to a slice.
    init(pods count: Int) async throws {
        folder = try TemporaryFolder()
        // Not every generated pod has an address, so there are a few more.
        simulator = ClusterSimulator(
            ClusterSimulator.Configuration(generated: .init(services: 1, pods: count + 1 + count / 100, nodes: 1 + count / 200)))
        try await simulator.start()
        try simulator.apply(
            yaml: """
                apiVersion: v1
                kind: Service
                metadata: {name: \(Self.service), namespace: \(Self.namespace)}
                spec: {clusterIP: None, ports: [{name: http, port: 80}]}
                """)
        pods = Array(
            try simulator.list(.pods, namespace: Self.namespace).compactMap { pod in
                guard let name = pod["metadata"]?["name"]?.string, let address = pod["status"]?["podIP"]?.string else { return nil }
                return Pod(name: name, address: address)
            }.prefix(count))
        try FaultBench.writeKubeconfig(simulator, .token, folder)
        try folder.write(SteadyCluster.corefile(port: port), to: "Corefile")
        let http = freePort()
        watcher = try RunningProcess(
            "mizzen-watcher",
            [
                "--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http", "127.0.0.1:\(http)", "--resources",
                SteadyCluster.resources.map(\.plural).joined(separator: ","), "--deltas", "ipc://\(folder.path("deltas"))", "--snapshots",
                "ipc://\(folder.path("snapshots"))",
            ], in: folder)
        try await eventually("the watcher is ready", within: .seconds(60)) { try await FaultBench.fetch(http, "/readyz").contains("ok") }
        frontend = try RunningProcess(
            "mizzen-frontend", ["--corefile", folder.path("Corefile"), "--table", folder.path("table"), "--threads", "2"], in: folder)
    }

    func stop() async throws {
        _ = try await frontend.stop()
        _ = try await watcher.stop()
        await simulator.stop()
    }

    static func name(_ slice: Int) -> String { "\(service)-\(slice)" }

    /// Makes a slice have these pods; nil deletes it.
    func write(_ slice: Int, _ members: Set<Int>?) throws {
        guard let members else { return try simulator.delete(.endpointSlices, namespace: Self.namespace, name: Self.name(slice)) }
        let endpoints = members.sorted().map { number -> JSONValue in
            let pod = pods[number]
            return [
                "addresses": [.string(pod.address)], "hostname": .string(pod.name), "conditions": ["ready": true],
                "targetRef": ["kind": "Pod", "name": .string(pod.name), "namespace": .string(Self.namespace)],
            ]
        }
        let object: JSONValue = [
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": [
                "name": .string(Self.name(slice)), "namespace": .string(Self.namespace),
                "labels": ["kubernetes.io/service-name": .string(Self.service)],
            ],
            "addressType": "IPv4", "endpoints": .array(endpoints), "ports": [["name": "http", "port": 80, "protocol": "TCP"]],
        ]
        if try simulator.get(.endpointSlices, namespace: Self.namespace, name: Self.name(slice)) == nil {
            try simulator.create(.endpointSlices, object)
        } else {
            try simulator.update(.endpointSlices, object)
        }
    }

    /// What the frontend says of a pod; nil without an answer within half a second.
    func ask(_ pod: Pod) -> DNSProbe.Answer? {
        DNSProbe(port: port).addresses(of: "\(pod.name).\(Self.service).\(Self.namespace).svc.cluster.local")
    }

    func isRight(_ pod: Pod) -> Bool { ask(pod) == DNSProbe.Answer(responseCode: 0, addresses: [pod.address]) }

    /// The pods of each slice, as the table has them.
    func table() throws -> [String: Set<String>] {
        var slices: [String: Set<String>] = [:]
        try TableReader(path: folder.path("table")).forEachSlice { slice in
            let record = slice.record()
            if record.service == Self.service { slices[record.name] = Set(record.endpoints.map(\.podName)) }
        }
        return slices
    }
}

@Suite("Endpoints that move between slices")
struct MovingEndpointsProcessTests {
    @Test(
        "while a statefulset's slices are packed anew, in either order of events, every pod's name is answered at every moment",
        .timeLimit(.minutes(10)))
    func rebalancing() async throws {
        let count = isSoak ? 10_000 : 300
        let bench = try await MovingEndpoints(pods: count)
        try #require(bench.pods.count == count)
        var random = SeededRandom(seed: 10)
        // A slice more than needed, which comes and goes.
        let slices = count / 100
        var members = (0..<slices).map { slice in Set((0..<count).filter { $0 % slices == slice }) }
        for slice in 0..<slices { try bench.write(slice, members[slice]) }
        try await eventually("every name is answered", within: .seconds(60)) { bench.pods.allSatisfy(bench.isRight) }

        let isOver = Mutex(false)
        async let asking = onThread {
            var (asked, wrong) = (0, [(at: ContinuousClock.Instant, what: String)]())
            // Every name at least once, and for as long as slices change.
            while !isOver.withLock({ $0 }) || asked < count {
                for pod in bench.pods {
                    // None is a busy machine and not a wrong answer.
                    guard let answer = bench.ask(pod) else { continue }
                    asked += 1
                    if answer.responseCode != 0 || answer.addresses != [pod.address] { wrong.append((.now, "\(pod): \(answer)")) }
                }
            }
            return (asked, wrong)
        }
        // Between the two events the endpoint is nowhere: a machine that lets more time pass than the watcher waits has it denied, rightly.
        var slow: [ClosedRange<ContinuousClock.Instant>] = []
        let turns = isSoak ? 400 : 60
        for turn in 0..<turns {
            // The next slice that has any.
            guard let from = (turn..<(turn + slices)).map({ $0 % slices }).first(where: { !members[$0].isEmpty }) else { continue }
            let to = (from + 1 + Int.random(in: 0..<(slices - 1), using: &random)) % slices
            let moved = Set(members[from].shuffled(using: &random).prefix(turn % 7 == 0 ? members[from].count : 40))
            members[from].subtract(moved)
            members[to].formUnion(moved)
            // A slice without endpoints is deleted, as the controller does it.
            let removal = members[from].isEmpty ? nil : members[from]
            let pause = Duration.milliseconds(Int.random(in: 0...60, using: &random))
            if turn % 2 == 0 {
                let start = ContinuousClock.now
                try bench.write(from, removal)
                // A moment drawn from a seed, between two events that may come together or apart.
                try await Task.sleep(for: pause)
                try bench.write(to, members[to])
                if ContinuousClock.now - start > HeldRemovals.patience / 2 { slow.append(start...(.now + .seconds(2))) }
            } else {
                try bench.write(to, members[to])
                try await Task.sleep(for: pause)
                try bench.write(from, removal)
            }
        }
        isOver.withLock { $0 = true }
        let (asked, answers) = try await asking
        let wrong = answers.filter { answer in !slow.contains { $0.contains(answer.at) } }
        #expect(wrong.isEmpty && asked >= count, "\(wrong.prefix(10).map(\.what)) of \(asked)")
        // Every other turn removes first.
        #expect(slow.count <= turns / 2 - 5, "\(slow.count) of \(turns / 2) were too slow to say anything")
        // What was held back is gone.
        let wanted = Dictionary(
            uniqueKeysWithValues: members.enumerated().filter { !$0.element.isEmpty }.map { slice, numbers in
                (MovingEndpoints.name(slice), Set(numbers.map { bench.pods[$0].name }))
            })
        try await eventually("the table is the server's state", within: .seconds(10)) { try bench.table() == wanted }
        try await bench.stop()
    }

    @Test("a pod's name that goes from all slices is gone within half a second, and the others stay")
    func removal() async throws {
        let bench = try await MovingEndpoints(pods: 3)
        try bench.write(0, [0, 1, 2])
        try await eventually("every name is answered") { bench.pods.allSatisfy(bench.isRight) }
        try bench.write(0, [0, 1])
        let start = ContinuousClock.now
        try await eventually("it is gone") { bench.ask(bench.pods[2])?.responseCode == 3 }
        // A quarter of a second is promised; the rest is the machine's.
        #expect(ContinuousClock.now - start < .seconds(2))
        try await throughout(.milliseconds(500), "the others stay") {
            bench.pods.prefix(2).allSatisfy { bench.ask($0).map { $0.responseCode == 0 } ?? true }
        }
        try await bench.stop()
    }
}
