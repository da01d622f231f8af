import AsyncHTTPClient
import Foundation
import KubernetesObjects
import NIOCore
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import ClusterSimulator

/// A simulated cluster in which pods live fast, a watcher and exporters that count, which are killed.
@Suite("Counters of states, in separate processes", .serialized)
struct StateCountersProcessTests {
    @Test("exporters killed in the middle of a flow of changes count every one of them once, each shard its own")
    func killed() async throws {
        let bench = try await StateBench()
        let watcher = try bench.startWatcher()
        try await bench.awaitWatcher()
        let shards = (0..<2).map {
            ["--shard", "\($0)", "--total-shards", "2", "--state-counters-file", bench.folder.path("states-\($0)")]
        }
        var exporters = try shards.enumerated().map { try bench.startExporter($0, $1) }
        for shard in 0...1 { try await eventually("it counts") { try await bench.isCounting(shard) } }
        // What is served has been kept: from here on nothing may be missing.
        for shard in 0...1 {
            try await eventually("what it counts is kept") {
                try bench.createMarker()
                return try await !bench.counters(shard).isEmpty
            }
        }
        var random = SystemRandomNumberGenerator()
        try await bench.living {
            for _ in 0..<(isSoak ? 60 : 6) {
                let one = Int.random(in: 0...1, using: &random)
                let before = try await bench.counters(one)
                // When in the flow it dies is drawn at random.
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...1_500, using: &random)))
                try await exporters[one].kill()
                exporters[one] = try bench.startExporter(one, shards[one])
                try await eventually("it serves again") { try await !bench.counters(one).isEmpty }
                let after = try await bench.counters(one)
                // A scrape never sees a counter that goes back, which would count as one that began anew.
                for (series, value) in before { #expect(after[series] ?? 0 >= value, "\(series)") }
            }
        }
        try await bench.awaitTotals([0, 1])
        for shard in 0...1 {
            let own = try await bench.telemetry(shard)
            #expect(own.contains("mizzen_exporter_state_counters_gaps_total 0\n"))
            #expect(own.contains("mizzen_exporter_state_counters_kept 1\n"))
        }
        #expect(try await bench.watcherMetrics().contains(/mizzen_watcher_replayed_deltas_total [1-9]/))
        _ = watcher
    }

    @Test("options that change while changes flow lose no change and count none twice; the last second is kept at the end")
    func reloaded() async throws {
        let bench = try await StateBench()
        let watcher = try bench.startWatcher()
        try await bench.awaitWatcher()
        func configure(_ resources: String) throws { try bench.folder.write(Array(resources.utf8), to: "options.yaml") }
        try configure("resources: {pods: {}}")
        let options = ["--config", bench.folder.path("options.yaml"), "--state-counters-file", bench.folder.path("states")]
        var exporter = try bench.startExporter(0, options)
        try await eventually("it counts") { try await bench.isCounting(0) }
        try await bench.living {
            for turn in 0..<4 {
                try configure("resources: {pods: {}\(turn % 2 == 0 ? ", services: {}" : "")}")
                try await eventually("the change is taken") {
                    exporter.output.components(separatedBy: "what was prepared is served now").count == turn + 2
                }
            }
        }
        // Whatever of the last changes it has had by now: the next process has the rest from the stream.
        #expect(try await exporter.stop() == 0)
        exporter = try bench.startExporter(0, options)
        try await bench.awaitTotals([0])
        #expect(try await bench.telemetry(0).contains("mizzen_exporter_state_counters_gaps_total 0\n"))
        #expect(exporter.output.contains("counting of states goes on"))
        _ = watcher
    }

    @Test("where the history does not reach, what pods still show is counted, and the gap is told; without changes there is none")
    func gap() async throws {
        let bench = try await StateBench()
        var watcher = try bench.startWatcher(["--replay-bytes", "0"])
        try await bench.awaitWatcher()
        let options = ["--state-counters-file", bench.folder.path("states")]
        var exporter = try bench.startExporter(0, options)
        try await eventually("it counts") { try await bench.isCounting(0) }
        try bench.create("steady")
        try await eventually("the pod is known") { try await bench.total("mizzen_pod_phase_entries_total", [0]) == 1 }
        let since = try await bench.since(0)

        // Watcher and exporter are started again, and nothing has changed meanwhile.
        #expect(try await exporter.stop() == 0)
        try await watcher.kill()
        watcher = try bench.startWatcher(["--replay-bytes", "0"])
        try await bench.awaitWatcher()
        exporter = try bench.startExporter(0, options)
        try await eventually("it counts on") { try await bench.since(0) == since }
        #expect(try await bench.telemetry(0).contains("mizzen_exporter_state_counters_gaps_total 0\n"))

        // Now something does: three ends, of which the last is shown, and a pod that comes and goes.
        try await exporter.kill()
        try bench.set("steady", StateBench.running(3, last: "OOMKilled", id: "i2"))
        try bench.create("short")
        try bench.simulator.delete(.pods, namespace: "default", name: "short")
        exporter = try bench.startExporter(0, options)
        try await eventually("the restarts are counted") { try await bench.total("mizzen_pod_container_restarts_total", [0]) == 3 }
        #expect(try await bench.total("mizzen_pod_container_terminations_total", [0]) == 3)
        #expect(try await bench.total("mizzen_pod_phase_entries_total", [0]) == 1)
        let own = try await bench.telemetry(0)
        #expect(own.contains(/mizzen_exporter_state_counters_gaps_total [1-9]/))
        try await eventually("the log says it") {
            exporter.output.contains("changes of pods were missed that the stream's history does not reach back to")
        }
        #expect(try await bench.since(0) > since)
        _ = watcher
    }

    @Test("a new stream counts nothing again that was counted in the old one, while its watcher lists and after")
    func newStream() async throws {
        let bench = try await StateBench()
        var watcher = try bench.startWatcher()
        try await bench.awaitWatcher()
        let exporter = try bench.startExporter(0, ["--state-counters-file", bench.folder.path("states")])
        try await eventually("it counts") { try await bench.isCounting(0) }
        for number in 0..<40 {
            try bench.create("p\(number)")
            try bench.set("p\(number)", StateBench.running(2, last: "Error", id: "i\(number)"))
        }
        try await eventually("all is counted") { try await bench.total("mizzen_pod_container_restarts_total", [0]) == 80 }
        let before = try await bench.counters(0)
        for _ in 0..<(isSoak ? 10 : 2) {
            try await watcher.kill()
            try FileManager.default.removeItem(atPath: bench.folder.path("table.history"))
            let gaps = try await bench.gaps(0)
            watcher = try bench.startWatcher()
            try await eventually("all of the new stream is followed") {
                let (now, isCounting) = (try await bench.gaps(0), try await bench.isCounting(0))
                return now == gaps + 256 && isCounting
            }
            #expect(try await bench.counters(0) == before)
        }
        try bench.set("p7", StateBench.running(3, last: "Error", id: "i7-2"))
        try await eventually("counting goes on") { try await bench.total("mizzen_pod_container_restarts_total", [0]) == 81 }
        #expect(try await bench.total("mizzen_pod_container_terminations_total", [0]) == 81)
        _ = exporter
    }

    @Test("without a place to keep them, counters are counted all the same, and log and metrics say what a restart will cost")
    func unkept() async throws {
        let bench = try await StateBench()
        let watcher = try bench.startWatcher()
        try await bench.awaitWatcher()
        let exporter = try bench.startExporter(0, ["--state-counters-file", bench.folder.path("no/such/folder/states")])
        try await eventually("it counts") { try await bench.isCounting(0) }
        try bench.create("steady")
        try await eventually("the pod is known") { try await bench.total("mizzen_pod_phase_entries_total", [0]) == 1 }
        try await eventually("the log says it") { exporter.output.contains("counters of states cannot be kept") }
        let own = try await bench.telemetry(0)
        #expect(own.contains("mizzen_exporter_state_counters_kept 0\n"))
        #expect(own.contains(/mizzen_exporter_state_counters_file_failures_total [1-9]/))
        let idle = try bench.startExporter(1, ["--metric-opt-in-list=", "--metric-denylist=mizzen_.*", "--state-counters-file", "x"])
        try await eventually("who gives a file and serves no such family is told") {
            idle.output.contains("--state-counters-file has no effect")
        }
        _ = watcher
    }
}

/// A simulated cluster, what its pods have been made to go through, and what exporters say of it.
private final class StateBench: Sendable {
    let simulator: ClusterSimulator
    let folder: TemporaryFolder
    private let watcherPort = freePort()
    private let ports = (0..<2).map { _ in (main: freePort(), telemetry: freePort()) }
    /// By family and reason.
    private let expected = Mutex<[String: Int]>([:])
    private let isOver = Atomic<Bool>(false)
    private let markers = Atomic<Int>(0)

    init() async throws {
        folder = try TemporaryFolder()
        var settings = ClusterSimulator.Configuration(generated: .init(services: 1, pods: 2, nodes: 2))
        settings.kubeconfig = folder.path("kubeconfig")
        simulator = ClusterSimulator(settings)
        try await simulator.start()
    }

    // MARK: Processes

    private var stream: [String] { ["--deltas", "ipc://\(folder.path("d"))", "--snapshots", "ipc://\(folder.path("s"))"] }

    func startWatcher(_ more: [String] = []) throws -> RunningProcess {
        try RunningProcess(
            "mizzen-watcher",
            stream + [
                "--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http", "127.0.0.1:\(watcherPort)",
                "--resources", "pods,services,namespaces,endpointslices",
            ] + more, in: folder)
    }

    func startExporter(_ number: Int, _ more: [String]) throws -> RunningProcess {
        try RunningProcess(
            "mizzen-exporter",
            stream + [
                "--samples", "", "--host", "127.0.0.1", "--port", "\(ports[number].main)", "--telemetry-host", "127.0.0.1",
                "--telemetry-port", "\(ports[number].telemetry)", "--resources", "pods", "--namespaces", "default",
                "--metric-opt-in-list", "mizzen_pod_.*_total",
            ] + more, in: folder)
    }

    private static func fetch(_ port: UInt16, _ path: String) async throws -> String {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)"), timeout: .seconds(10))
        guard response.status == .ok else { throw DidNotHappen(description: "\(path) is refused") }
        return String(buffer: try await response.body.collect(upTo: 64 << 20))
    }

    func awaitWatcher() async throws {
        try await eventually("the watcher is ready") { try await Self.fetch(watcherPort, "/readyz").contains("ok") }
    }

    func watcherMetrics() async throws -> String { try await Self.fetch(watcherPort, "/metrics") }
    func telemetry(_ number: Int) async throws -> String { try await Self.fetch(ports[number].telemetry, "/metrics") }

    private func telemetry(_ name: String, _ number: Int) async throws -> Double {
        let name = "mizzen_exporter_state_counters_\(name) "
        let line = try await telemetry(number).split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { Double($0.dropFirst(name.count)) } ?? .nan
    }

    /// NaN before everything is followed.
    func since(_ number: Int) async throws -> Double { try await telemetry("since_timestamp_seconds", number) }

    func gaps(_ number: Int) async throws -> Double { try await telemetry("gaps_total", number) }

    func isCounting(_ number: Int) async throws -> Bool { try await since(number) > 0 }

    /// The counters by series.
    func counters(_ number: Int) async throws -> [String: Int] {
        var found: [String: Int] = [:]
        for line in try await Self.fetch(ports[number].main, "/metrics").split(separator: "\n") where line.hasPrefix("mizzen_pod_") {
            let parts = line.split(separator: " ")
            found[parts.dropLast().joined(separator: " ")] = Int(parts.last ?? "")
        }
        return found
    }

    func total(_ family: String, _ numbers: [Int]) async throws -> Int {
        var sum = 0
        for number in numbers {
            for (series, value) in try await counters(number) where series.hasPrefix(family + "{") { sum += value }
        }
        return sum
    }

    // MARK: Pods

    private static func owner(_ name: String) -> JSONValue {
        [["apiVersion": "example.dev/v1", "kind": "Rollout", "name": .string(name), "uid": "r", "controller": true]]
    }

    func create(_ name: String, phase: String = "Running") throws {
        try simulator.create(
            .pods,
            [
                "apiVersion": "v1", "kind": "Pod",
                "metadata": ["name": .string(name), "namespace": "default", "ownerReferences": Self.owner("r\(name.count % 3)")],
                "spec": ["nodeName": "n1", "containers": [["name": "c", "image": "i"]]],
                "status": ["phase": .string(phase), "containerStatuses": [Self.running(0)]],
            ])
    }

    /// One more pod that runs.
    func createMarker() throws {
        let number = markers.wrappingAdd(1, ordering: .relaxed).newValue
        try create("marker-\(number)")
        note("phase_entries Running")
    }

    func set(_ name: String, phase: String = "Running", reason: String? = nil, _ container: JSONValue) throws {
        try simulator.change(.pods, namespace: "default", name: name) { pod in
            pod.set(.string(phase), at: "status", "phase")
            if let reason { pod.set(.string(reason), at: "status", "reason") }
            pod.set([container], at: "status", "containerStatuses")
        }
    }

    private static func end(_ reason: String, _ id: String) -> JSONValue {
        ["terminated": ["exitCode": 1, "reason": .string(reason), "containerID": .string(id), "finishedAt": "2026-11-27T00:00:00Z"]]
    }

    private static func container(_ restarts: Int, _ state: JSONValue, last: JSONValue?, id: String) -> JSONValue {
        [
            "name": "c", "restartCount": .integer(Int64(restarts)), "ready": false, "image": "i", "imageID": "i",
            "containerID": .string(id), "state": state, "lastState": last ?? [:],
        ]
    }

    static func running(_ restarts: Int, last: String? = nil, id: String = "") -> JSONValue {
        container(
            restarts, ["running": ["startedAt": "2026-11-27T00:00:00Z"]], last: last.map { end($0, id) }, id: "run\(restarts)")
    }

    /// Pods crash, are evicted, live short lives, until the body is over; each of their states is a write of its own.
    func living(_ body: () async throws -> Void) async throws {
        isOver.store(false, ordering: .relaxed)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<3 {
                group.addTask { [self] in
                    var turn = 0
                    while !isOver.load(ordering: .relaxed) {
                        try live("p\(lane)-\(turn)", turn)
                        turn += 1
                        // The pace of the changes: some hundred a second.
                        try await Task.sleep(for: .milliseconds(20))
                    }
                }
            }
            let result: Result<Void, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            isOver.store(true, ordering: .relaxed)
            try await group.waitForAll()
            try result.get()
        }
    }

    private func live(_ name: String, _ turn: Int) throws {
        try create(name, phase: "Pending")
        note("phase_entries Pending")
        try set(name, Self.running(0))
        note("phase_entries Running")
        let reason = ["OOMKilled", "Error"][turn % 2]
        for restart in 0..<(turn % 4) {
            let last = restart == 0 ? nil : Self.end(reason, "\(name)-\(restart - 1)")
            let ended = Self.end(reason, "\(name)-\(restart)")
            try set(name, Self.container(restart, ended, last: last, id: "\(name)-\(restart)"))
            note("terminations \(reason)")
            try set(
                name, Self.container(restart, ["waiting": ["reason": "CrashLoopBackOff"]], last: ended, id: "\(name)-\(restart)"))
            note("waits CrashLoopBackOff")
            try set(name, Self.running(restart + 1, last: reason, id: "\(name)-\(restart)"))
            note("restarts ")
        }
        if turn % 3 == 0 {
            try set(
                name, phase: "Failed", reason: "Evicted",
                Self.running(turn % 4, last: turn % 4 == 0 ? nil : reason, id: "\(name)-\(turn % 4 - 1)"))
            note("phase_entries Failed")
            note("status_reasons Evicted")
        }
        try simulator.delete(.pods, namespace: "default", name: name)
    }

    private func note(_ what: String) { expected.withLock { $0[what, default: 0] += 1 } }

    /// Waits until the exporters together have counted what there was, and fails if they count more.
    func awaitTotals(_ numbers: [Int]) async throws {
        let wanted = expected.withLock { $0 }
        #expect(wanted.count >= 6 && wanted.values.allSatisfy { $0 > 0 })
        let last = Mutex<[String: Int]>([:])
        do {
            try await eventually("everything is counted") {
                let found = try await sums(numbers)
                last.withLock { $0 = found }
                return found == wanted
            }
        } catch {
            throw DidNotHappen(description: "\(error): counted \(last.withLock { $0 }), there were \(wanted)")
        }
    }

    /// What is not 0, by family and reason.
    private func sums(_ numbers: [Int]) async throws -> [String: Int] {
        var found: [String: Int] = [:]
        for number in numbers {
            for (series, value) in try await counters(number) where value > 0 {
                let family = series.dropFirst("mizzen_pod_".count).prefix { $0 != "{" }.replacing("container_", with: "").replacing(
                    "_total", with: "")
                let reason = series.firstMatch(of: /(?:reason|phase)="([^"]*)"/).map { String($0.1) } ?? ""
                found["\(family) \(reason)", default: 0] += value
            }
        }
        return found
    }
}
