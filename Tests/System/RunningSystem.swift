import Foundation
import TestSupport

/// All processes of Mizzen on a simulated cluster, in a folder and on ports of their own.
final class RunningSystem: Sendable {
    let folder: TemporaryFolder
    let dnsPort = freePort()
    let watcherPort = freePort()
    let exporterPort = freePort()
    let telemetryPort = freePort()
    let collectorPort = freePort()
    let apiPort = freePort()
    let cluster: RunningProcess

    /// Starts the cluster: the captured one, with its kubelets' recordings.
    init() async throws {
        folder = try TemporaryFolder()
        let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/cluster-a").path
        cluster = try RunningProcess(
            "cluster-simulator",
            [
                "--load", fixtures, "--http", "127.0.0.1:\(apiPort)", "--https", "127.0.0.1:0", "--kubeconfig",
                folder.path("kubeconfig"), "--replay-kubelets",
            ], in: folder)
        try await eventually("the cluster is ready") { self.cluster.output.contains("ready") }
        try Self.corefile(port: dnsPort).write(toFile: folder.path("Corefile"), atomically: true, encoding: .utf8)
    }

    static func corefile(port: UInt16) -> String {
        """
        .:\(port) {
            bind 127.0.0.1
            errors
            kubernetes cluster.local in-addr.arpa ip6.arpa {
                pods verified
            }
        }

        """
    }

    var kubeconfig: String { folder.path("kubeconfig") }
    var table: String { folder.path("table") }
    var deltas: String { "ipc://\(folder.path("deltas"))" }
    var snapshots: String { "ipc://\(folder.path("snapshots"))" }
    var samples: String { "ipc://\(folder.path("samples"))" }
    var dns: DNSProbe { DNSProbe(port: dnsPort) }

    var streamOptions: [String] { ["--deltas", deltas, "--snapshots", snapshots] }

    var watcherOptions: [String] {
        ["--kubeconfig", kubeconfig, "--table", table, "--http", "127.0.0.1:\(watcherPort)"] + streamOptions
    }

    func startWatcher() throws -> RunningProcess { try RunningProcess("mizzen-watcher", watcherOptions, in: folder) }

    func startFrontend() throws -> RunningProcess {
        try RunningProcess(
            "mizzen-frontend", ["--corefile", folder.path("Corefile"), "--table", table, "--threads", "1"], in: folder)
    }

    func startExporter() throws -> RunningProcess {
        try RunningProcess(
            "mizzen-exporter",
            streamOptions + [
                "--samples", samples, "--host", "127.0.0.1", "--port", "\(exporterPort)", "--telemetry-host",
                "127.0.0.1", "--telemetry-port", "\(telemetryPort)",
            ], in: folder)
    }

    func startCollector() throws -> RunningProcess {
        try RunningProcess(
            "mizzen-collector",
            streamOptions + [
                "--samples", samples, "--bind-address", "127.0.0.1", "--secure-port", "\(collectorPort)",
                "--cert-dir", folder.path("certificates"), "--kubeconfig", kubeconfig, "--kubelet-insecure-tls",
                "--kubelet-use-node-status-port", "--kubelet-preferred-address-types", "InternalIP",
                "--metric-resolution", "1s", "--samples-table", folder.path("kept-samples"),
            ], in: folder)
    }

    func isWatcherReady() async throws -> Bool {
        try await fetch("http://127.0.0.1:\(watcherPort)/readyz").contains("ok")
    }

    /// What `mizzen-watcher tail --once` prints.
    func stream(topic: String? = nil) async throws -> [String] {
        let tail = try RunningProcess(
            "mizzen-watcher", ["tail", "--once"] + (topic.map { ["--topic", $0] } ?? []) + streamOptions, in: folder)
        guard try await tail.exitCode(within: .seconds(60)) == 0 else {
            throw DidNotHappen(description: "tail --once failed: \(tail.output)")
        }
        return tail.output.split(separator: "\n").map(String.init)
    }

    /// The body at `url`, fetched by curl, which does not mind the demo's certificates.
    func fetch(_ url: String, _ options: [String] = []) async throws -> String { try await TestSupport.fetch(url, options) }

    /// The bearer token that the cluster put into its kubeconfig.
    func token() throws -> String {
        let text = try String(contentsOfFile: kubeconfig, encoding: .utf8)
        guard let match = text.firstMatch(of: /token"?\s*:\s*"?([^"\s,}]+)/) else {
            throw DidNotHappen(description: "no token in \(kubeconfig)")
        }
        return String(match.1)
    }

    func send(_ method: String, _ path: String, _ body: String, contentType: String = "application/json") async throws {
        _ = try await fetch(
            "http://127.0.0.1:\(apiPort)\(path)",
            [
                "--request", method, "--header", "Content-Type: \(contentType)", "--header",
                "Authorization: Bearer \(try token())", "--data", body,
            ])
    }
}
