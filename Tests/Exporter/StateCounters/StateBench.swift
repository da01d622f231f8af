import AsyncHTTPClient
import Foundation
import KubernetesObjects
import NIOCore
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import ClusterSimulator

/// A simulated cluster, what its pods have been made to go through, and what exporters say of it.
final class StateBench: Sendable {
    let simulator: ClusterSimulator
    let folder: TemporaryFolder
    private let watcherPort = freePort()
    private let relayPort = freePort()
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
    private var relayed: [String] { ["--deltas", "ipc://\(folder.path("rd"))", "--snapshots", "ipc://\(folder.path("rs"))"] }

    func startWatcher(_ more: [String] = []) throws -> RunningProcess {
        try RunningProcess(
            "mizzen-watcher",
            stream + [
                "--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http", "127.0.0.1:\(watcherPort)",
                "--resources", "pods,services,namespaces,endpointslices",
            ] + more, in: folder)
    }

    /// Follows the watcher.
    func startRelay(_ more: [String] = []) throws -> RunningProcess {
        try RunningProcess(
            "mizzen-watcher",
            relayed + [
                "--upstream", "ipc://\(folder.path("d"))", "--upstream-snapshots", "ipc://\(folder.path("s"))", "--table",
                folder.path("relayed-table"), "--http", "127.0.0.1:\(relayPort)",
            ] + more, in: folder)
    }

    /// - Parameter behindRelay: follows the relay, and not the watcher.
    func startExporter(_ number: Int, _ more: [String], behindRelay: Bool = false) throws -> RunningProcess {
        try RunningProcess(
            "mizzen-exporter",
            (behindRelay ? relayed : stream) + [
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

    func awaitRelay() async throws {
        try await eventually("the relay is ready") { try await Self.fetch(relayPort, "/readyz").contains("ok") }
    }

    func relayMetrics() async throws -> String { try await Self.fetch(relayPort, "/metrics") }
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
