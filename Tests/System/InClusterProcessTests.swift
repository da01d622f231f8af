import Foundation
import TestSupport
import Testing

/// Processes in what they take for a pod: the API server's address is in their environment, and the service account's files are where Kubernetes
/// puts them, in a mount namespace of each process.
@Suite("Credentials of the pod, in separate processes", .enabled(if: MountNamespace.isAllowed), .timeLimit(.minutes(3)))
struct InClusterProcessTests {
    private let system: RunningSystem
    private let port: String
    private let account: String

    init() async throws {
        system = try await RunningSystem()
        let kubeconfig = try String(contentsOfFile: system.kubeconfig, encoding: .utf8)
        port = String(try #require(kubeconfig.firstMatch(of: /https:\/\/127\.0\.0\.1:(\d+)/)).1)
        let authority = try #require(kubeconfig.firstMatch(of: /certificate-authority-data"?\s*:\s*"?([^"\s,}]+)/)).1
        account = system.folder.path("account")
        try FileManager.default.createDirectory(atPath: account, withIntermediateDirectories: true)
        try system.folder.write(Array(try #require(Data(base64Encoded: String(authority)))), to: "account/ca.crt")
        try system.folder.write(Array(system.token().utf8), to: "account/token")
        try system.folder.write(Array("default".utf8), to: "account/namespace")
    }

    /// - Parameter hasAccount: whether the pod has a service account.
    private func start(
        _ name: String, _ arguments: [String], hasAccount: Bool = true, environment: [String: String]? = nil
    ) throws -> RunningProcess {
        let link = #"ln -s "$ACCOUNT" /run/secrets/kubernetes.io/serviceaccount && "#
        let prepare = "mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io && \(hasAccount ? link : "")"
        return try RunningProcess(
            "/usr/bin/unshare",
            MountNamespace.options + ["/bin/sh", "-c", prepare + #"exec "$0" "$@""#, RunningProcess.folder.appending(path: name).path]
                + arguments,
            in: system.folder,
            environment: (environment ?? ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port]).merging(
                ["ACCOUNT": account]) { $1 })
    }

    private var exporterOptions: [String] {
        system.streamOptions + [
            "--samples", "", "--host", "127.0.0.1", "--port", "\(system.exporterPort)", "--telemetry-host", "127.0.0.1", "--telemetry-port",
            "\(system.telemetryPort)", "--auth-filter",
        ]
    }

    private func status(_ path: String, token: String?) async throws -> String {
        // Prints a status that is no success, too.
        try await fetch(
            "http://127.0.0.1:\(system.exporterPort)\(path)",
            ["--no-fail", "--output", "/dev/null", "--write-out", "%{http_code}"]
                + (token.map { ["--header", "Authorization: Bearer \($0)"] } ?? []))
    }

    @Test("a watcher watches, and an exporter asks about its callers, with the service account of their pods and no kubeconfig")
    func reviewed() async throws {
        let watcher = try start(
            "mizzen-watcher",
            ["--in-cluster", "--table", system.table, "--http", "127.0.0.1:\(system.watcherPort)"] + system.streamOptions)
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        let exporter = try start("mizzen-exporter", exporterOptions)
        let token = try system.token()
        try await eventually("the exporter is whole") { try await status("/readyz", token: nil) == "200" }
        #expect(try await status("/metrics", token: token) == "200")
        #expect(try await status("/metrics", token: nil) == "401")
        #expect(try await status("/metrics", token: "nobody's") == "401")
        #expect(try await status("/livez", token: nil) == "200")
        let code = try await exporter.stop()
        #expect(code == 0, "\(exporter.output)")
        #expect(try await watcher.stop() == 0)
    }

    @Test("what the pod lacks is said at the start: the server's address, or the service account's token")
    func missing() async throws {
        let outside = try start("mizzen-exporter", exporterOptions, environment: [:])
        #expect(try await outside.exitCode(within: .seconds(20)) == 78)
        #expect(outside.output.contains("KUBERNETES_SERVICE_HOST"), "\(outside.output)")
        let without = try start("mizzen-exporter", exporterOptions, hasAccount: false)
        #expect(try await without.exitCode(within: .seconds(20)) == 78)
        #expect(without.output.contains("/var/run/secrets/kubernetes.io/serviceaccount/token"), "\(without.output)")
    }
}

/// A view of the files of its own for one process.
private enum MountNamespace {
    /// Of unshare(1).
    static let options = ["--user", "--map-root-user", "--mount"]

    /// Systems may keep it from users.
    static let isAllowed: Bool = {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/unshare")
        process.arguments = options + ["/bin/mount", "-t", "tmpfs", "none", "/run"]
        (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()
}
