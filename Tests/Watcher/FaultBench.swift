import ClusterSimulator
import Foundation
import KubernetesObjects
import Synchronization
import TestSupport

@testable import Watcher

/// A simulated cluster that can be made to misbehave, a watcher process and a frontend process that answers all the while.
final class FaultBench: Sendable {
    enum Credentials: Sendable {
        case token
        case tokenFile
        case certificateFiles
    }

    let cluster: SteadyCluster
    let folder: TemporaryFolder
    let watcher: RunningProcess
    let frontend: RunningProcess
    private let healthPort = freePort()
    private let dnsPort = freePort()

    var simulator: ClusterSimulator { cluster.simulator }

    init(credentials: Credentials = .token, options: [String] = []) async throws {
        folder = try TemporaryFolder()
        cluster = try await SteadyCluster()
        try Self.writeKubeconfig(cluster.simulator, credentials, folder)
        try folder.write(SteadyCluster.corefile(port: dnsPort), to: "Corefile")
        let stream = ["--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))"]
        watcher = try RunningProcess(
            "mizzen-watcher",
            [
                "--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http",
                "127.0.0.1:\(healthPort)", "--resources", SteadyCluster.resources.map(\.plural).joined(separator: ","),
                "--watch-silence-limit", "4s", "--list-silence-limit", "4s",
            ] + stream + options, in: folder)
        let health = healthPort
        try await eventually("the watcher is ready") { try await Self.fetch(health, "/readyz").contains("ok") }
        frontend = try RunningProcess(
            "mizzen-frontend",
            ["--corefile", folder.path("Corefile"), "--table", folder.path("table"), "--threads", "1"], in: folder)
        let probe = DNSProbe(port: dnsPort)
        try await eventually("the frontend answers") {
            probe.addresses(of: "steady-0.default.svc.cluster.local")?.addresses == ["10.96.200.1"]
        }
    }

    /// Ends the processes; the watcher's exit code.
    func stop() async throws -> Int32 {
        _ = try await frontend.stop()
        let code = try await watcher.stop()
        await simulator.stop()
        return code
    }

    static func writeKubeconfig(
        _ simulator: ClusterSimulator, _ credentials: Credentials, _ folder: TemporaryFolder
    ) throws {
        let user: String
        switch credentials {
        case .token: user = "token: simulator-administrator"
        case .tokenFile:
            try folder.write(Array("simulator-administrator".utf8), to: "token")
            user = "tokenFile: \(folder.path("token"))"
        case .certificateFiles:
            try renewCertificate(simulator, folder)
            user = "client-certificate: \(folder.path("client.crt"))\n    client-key: \(folder.path("client.key"))"
        }
        try folder.write(Array(simulator.certificateAuthority.utf8), to: "ca.crt")
        let text = """
            apiVersion: v1
            kind: Config
            current-context: a
            clusters:
            - name: a
              cluster:
                server: \(simulator.secureURL ?? "")
                certificate-authority: \(folder.path("ca.crt"))
            users:
            - name: a
              user:
                \(user)
            contexts:
            - name: a
              context: {cluster: a, user: a}
            """
        try folder.write(Array(text.utf8), to: "kubeconfig")
    }

    static func renewCertificate(_ simulator: ClusterSimulator, _ folder: TemporaryFolder) throws {
        let identity = try simulator.issueClientIdentity()
        try folder.write(Array(identity.certificate.utf8), to: "client.crt")
        try folder.write(Array(identity.key.utf8), to: "client.key")
    }

    // MARK: What goes on meanwhile

    /// Asks for names that exist, and changes objects, while `body` runs.
    func meanwhile(_ body: () async throws -> Void) async throws -> SteadyCluster.Answers {
        try await cluster.meanwhile(asking: dnsPort, body).answers
    }

    // MARK: What has come of it

    static func fetch(_ port: UInt16, _ path: String) async throws -> String {
        try await TestSupport.fetch("http://127.0.0.1:\(port)\(path)")
    }

    func metrics() async throws -> String { try await Self.fetch(healthPort, "/metrics") }

    private func tableDifference() throws -> String? { try cluster.difference(ofTable: folder.path("table")) }

    private func streamDifference() async throws -> String? {
        try await cluster.difference(
            ofStream: ["--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))"], in: folder)
    }

    /// Waits until table and stream are the server's state.
    func converge(within limit: Duration = .seconds(60)) async throws {
        let last = Mutex("")
        do {
            try await eventually("the table is the server's state", within: limit) {
                let difference = try self.tableDifference()
                last.withLock { $0 = difference ?? "" }
                return difference == nil
            }
            try await eventually("the stream is the server's state", within: limit) {
                let difference = try await self.streamDifference()
                last.withLock { $0 = difference ?? "" }
                return difference == nil
            }
        } catch {
            throw DidNotHappen(description: "\(error): \(last.withLock { $0 }); log: \(watcher.output.suffix(1500))")
        }
    }
}
