import Foundation
import TestSupport
import Testing

/// Processes that may have few files open, and somebody who opens connections at one of their doors as long as there are any to be had.
@Suite("Connections beyond the descriptors, in separate processes", .serialized, .timeLimit(.minutes(5)))
struct DescriptorFloodProcessTests {
    private static let descriptors = 128
    private static let flood = 400

    /// What is to be seen of a process while connections are opened at its door, and afterwards.
    private func flood(
        _ door: SilentConnections.Door, of process: RunningProcess, metrics: String, saysSo: Bool = true,
        meanwhile: () async throws -> Bool, afterwards: () async throws -> Bool
    ) async throws {
        try await eventually("it works before") { try await afterwards() }
        do {
            let connections = SilentConnections(Self.flood, to: door)
            // Longer than the second in which libdispatch looks after its threads, whom these questions keep busy.
            let end = ContinuousClock.now + .seconds(3)
            while ContinuousClock.now < end {
                try #require(process.isRunning, "\(process.output)")
                _ = try? await fetch(metrics)
            }
            try await eventually("its health and its work go on beside the flood") { try await meanwhile() }
            #expect(connections.closed > 0)
            if saysSo {
                let shortages = try await fetch(metrics).split(separator: "\n").filter {
                    $0.hasPrefix("mizzen_descriptor_shortages_total{")
                }
                #expect(shortages.count == 2 && shortages.contains { !$0.hasSuffix(" 0") }, "\(shortages)")
                let lines = process.output.split(separator: "\n").filter { $0.contains("only the descriptors are left") }
                #expect(lines.count == 1, "\(lines)")
            }
            withExtendedLifetime(connections) {}
        }
        try await eventually("it works afterwards") { try await afterwards() }
        #expect(try await process.stop() == 0, "\(process.output)")
    }

    enum FrontendDoor: CaseIterable { case queries, metrics }

    @Test("a frontend", arguments: FrontendDoor.allCases)
    func frontend(_ door: FrontendDoor) async throws {
        let folder = try TemporaryFolder()
        let (port, http) = (freePort(), freePort())
        let corefile = """
            .:\(port) {
                bind 127.0.0.1
                prometheus 127.0.0.1:\(http)
                hosts /nonexistent {
                    192.0.2.1 one.example.org
                }
            }

            """
        try folder.write(Array(corefile.utf8), to: "Corefile")
        let frontend = try RunningProcess(
            "mizzen-frontend", ["--corefile", folder.path("Corefile"), "--table", folder.path("table"), "--threads", "2"], in: folder,
            descriptors: Self.descriptors)
        let metrics = "http://127.0.0.1:\(http)/metrics"
        func answers(over transport: String) async throws -> Bool {
            let dig = try RunningProcess(
                "/usr/bin/dig", ["+time=2", "+tries=1", "+\(transport)", "+short", "-p", "\(port)", "@127.0.0.1", "one.example.org"],
                in: folder)
            return try await dig.exitCode(within: .seconds(10)) == 0 && dig.output == "192.0.2.1\n"
        }
        try await flood(
            .port(door == .queries ? port : http), of: frontend, metrics: metrics, saysSo: door == .metrics,
            meanwhile: {
                for transport in ["tcp", "notcp"] where try await !answers(over: transport) { return false }
                return try await fetch(metrics).contains("mizzen_dns_connections")
            },
            afterwards: {
                for transport in ["tcp", "notcp"] where try await !answers(over: transport) { return false }
                return true
            })
    }

    enum WatcherDoor: CaseIterable { case health, deltas, snapshots, localDeltas, localSnapshots }

    @Test("a watcher", arguments: WatcherDoor.allCases)
    func watcher(_ door: WatcherDoor) async throws {
        let system = try await RunningSystem()
        let ports = (deltas: freePort(), snapshots: freePort())
        let isLocal = door == .localDeltas || door == .localSnapshots || door == .health
        let streams =
            isLocal ? (system.deltas, system.snapshots) : ("tcp://127.0.0.1:\(ports.deltas)", "tcp://127.0.0.1:\(ports.snapshots)")
        let watcher = try RunningProcess(
            "mizzen-watcher",
            [
                "--kubeconfig", system.kubeconfig, "--table", system.table, "--http", "127.0.0.1:\(system.watcherPort)", "--deltas",
                streams.0, "--snapshots", streams.1,
            ], in: system.folder, descriptors: Self.descriptors)
        let target: SilentConnections.Door =
            switch door {
            case .health: .port(system.watcherPort)
            case .deltas: .port(ports.deltas)
            case .snapshots: .port(ports.snapshots)
            case .localDeltas: .file(system.folder.path("deltas"))
            case .localSnapshots: .file(system.folder.path("snapshots"))
            }
        try await flood(
            target, of: watcher, metrics: "http://127.0.0.1:\(system.watcherPort)/metrics",
            meanwhile: { try await system.isWatcherReady() },
            afterwards: {
                let tail = try RunningProcess(
                    "mizzen-watcher", ["tail", "--once", "--topic", "namespaces/", "--deltas", streams.0, "--snapshots", streams.1],
                    in: system.folder)
                return try await tail.exitCode(within: .seconds(20)) == 0 && tail.output.contains("kube-system")
            })
    }

    enum ExporterDoor: CaseIterable { case metrics, telemetry }

    @Test("an exporter", arguments: ExporterDoor.allCases)
    func exporter(_ door: ExporterDoor) async throws {
        let system = try await RunningSystem()
        let watcher = try system.startWatcher()
        let exporter = try RunningProcess(
            "mizzen-exporter",
            system.streamOptions + [
                "--samples", system.samples, "--host", "127.0.0.1", "--port", "\(system.exporterPort)", "--telemetry-host", "127.0.0.1",
                "--telemetry-port", "\(system.telemetryPort)",
            ], in: system.folder, descriptors: Self.descriptors)
        func works() async throws -> Bool {
            guard try await fetch("http://127.0.0.1:\(system.exporterPort)/metrics").contains("kube_pod_info{") else { return false }
            return try await fetch("http://127.0.0.1:\(system.telemetryPort)/livez").contains("OK")
        }
        try await flood(
            .port(door == .metrics ? system.exporterPort : system.telemetryPort), of: exporter,
            metrics: "http://127.0.0.1:\(system.telemetryPort)/metrics", meanwhile: works, afterwards: works)
        #expect(try await watcher.stop() == 0)
    }

    enum CollectorDoor: CaseIterable { case api, health, samples, localSamples }

    @Test("a collector", arguments: CollectorDoor.allCases)
    func collector(_ door: CollectorDoor) async throws {
        let system = try await RunningSystem()
        let watcher = try system.startWatcher()
        let (http, samplesPort) = (freePort(), freePort())
        let samples = door == .samples ? "tcp://127.0.0.1:\(samplesPort)" : system.samples
        let collector = try RunningProcess(
            "mizzen-collector",
            system.streamOptions + [
                "--samples", samples, "--bind-address", "127.0.0.1", "--secure-port", "\(system.collectorPort)", "--cert-dir",
                system.folder.path("certificates"), "--kubeconfig", system.kubeconfig, "--kubelet-insecure-tls",
                "--kubelet-use-node-status-port", "--kubelet-preferred-address-types", "InternalIP", "--metric-resolution", "1s",
                "--samples-table", "", "--http", "127.0.0.1:\(http)",
            ], in: system.folder, descriptors: Self.descriptors)
        let token = try system.token()
        func works() async throws -> Bool {
            let nodes = try await fetch(
                "https://127.0.0.1:\(system.collectorPort)/apis/metrics.k8s.io/v1beta1/nodes",
                ["--header", "Authorization: Bearer \(token)"])
            guard nodes.contains("cpu") else { return false }
            return try await fetch("http://127.0.0.1:\(http)/readyz").contains("ok")
        }
        let target: SilentConnections.Door =
            switch door {
            case .api: .port(system.collectorPort)
            case .health: .port(http)
            case .samples: .port(samplesPort)
            case .localSamples: .file(system.folder.path("samples"))
            }
        try await flood(
            target, of: collector, metrics: "http://127.0.0.1:\(http)/metrics", meanwhile: works, afterwards: works)
        #expect(try await watcher.stop() == 0)
    }
}
