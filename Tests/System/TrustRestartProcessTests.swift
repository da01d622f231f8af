import Foundation
import TestSupport
import Testing

/// A collector that is killed while the API server cannot say whom to trust, and what the next one makes of the front proxy.
@Suite("A collector that is started while nobody says whom to trust", .serialized, .timeLimit(.minutes(3)))
struct TrustRestartProcessTests {
    private final class System {
        let folder: TemporaryFolder
        let cluster: RunningProcess
        let watcher: RunningProcess
        let port = freePort()
        private let api = freePort()

        /// - Parameter manifest: beside a node with pods.
        init(proxied: Bool, manifest: String = "") async throws {
            folder = try TemporaryFolder()
            try folder.write(Array(manifest.utf8), to: "more.yaml")
            cluster = try RunningProcess(
                "cluster-simulator",
                [
                    "--nodes", "1", "--services", "1", "--pods", "5", "--kubeconfig", folder.path("kubeconfig"), "--http",
                    "127.0.0.1:\(api)",
                ]
                    + (manifest.isEmpty ? [] : ["--load", folder.path("more.yaml")])
                    + (proxied ? ["--metrics-api", "https://127.0.0.1:\(port)"] : []), in: folder)
            let cluster = cluster
            try await eventually("the cluster is ready") { cluster.output.contains("ready") }
            watcher = try RunningProcess(
                "mizzen-watcher",
                [
                    "--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http", "127.0.0.1:0", "--deltas",
                    "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))",
                ], in: folder)
        }

        func collector(_ more: [String] = []) throws -> RunningProcess {
            try RunningProcess(
                "mizzen-collector",
                [
                    "--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))", "--samples",
                    "ipc://\(folder.path("samples"))", "--bind-address", "127.0.0.1", "--secure-port", "\(port)", "--cert-dir",
                    folder.path("certificates"), "--kubeconfig", folder.path("kubeconfig"), "--kubelet-insecure-tls",
                    "--kubelet-use-node-status-port", "--kubelet-preferred-address-types", "InternalIP", "--metric-resolution", "1s",
                    // A sample is answered for as long as a scrape may take, and longer.
                    "--kubelet-request-timeout", "60s", "--samples-table", folder.path("kept"),
                ] + more, in: folder)
        }

        func faults(_ plan: String) async throws {
            _ = try await fetch("http://127.0.0.1:\(api)/simulator/faults", ["--header", token(), "--data", "faults: [\(plan)]"])
        }

        func patchTrust(_ authority: String) async throws {
            let body = try JSONSerialization.data(withJSONObject: ["data": ["requestheader-client-ca-file": authority]])
            _ = try await fetch(
                "http://127.0.0.1:\(api)/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication",
                [
                    "--request", "PATCH", "--header", token(), "--header", "Content-Type: application/merge-patch+json", "--data",
                    String(decoding: body, as: UTF8.self),
                ])
        }

        private func token() throws -> String {
            let text = try String(contentsOfFile: folder.path("kubeconfig"), encoding: .utf8)
            let token = try #require(text.firstMatch(of: /token"?\s*:\s*"?([^"\s,}]+)/)).1
            return "Authorization: Bearer \(token)"
        }

        /// The status, and the number of pods.
        func pods(_ authority: AuthorityFiles?, _ headers: [String]) async throws -> (status: String, count: Int) {
            var words = ["--silent", "--insecure", "--max-time", "20", "--write-out", "\n%{http_code}"]
            if let authority { words += ["--cert", authority.folder.path("proxy.crt"), "--key", authority.folder.path("proxy.key")] }
            for header in headers { words += ["--header", header] }
            let curl = try RunningProcess(
                "/usr/bin/curl", words + ["https://127.0.0.1:\(port)/apis/metrics.k8s.io/v1beta1/pods"], in: folder)
            guard try await curl.exitCode(within: .seconds(25)) == 0 else { throw DidNotHappen(description: "curl: \(curl.output)") }
            let lines = curl.output.split(separator: "\n")
            return (lines.last.map(String.init) ?? "", curl.output.components(separatedBy: "\"window\"").count - 1)
        }
    }

    private static let masters = ["X-Remote-User: somebody", "X-Remote-Group: system:masters"]
    /// May do everything too, but the API server has to say so.
    private static let named = ["X-Remote-User: kubernetes-admin"]

    private static func proxy(_ name: String) async throws -> (files: AuthorityFiles, pem: String) {
        let files = try await AuthorityFiles(name)
        try await files.issue("proxy", names: "DNS:x", usage: "clientAuth")
        return (files, try String(decoding: files.folder.read("\(name).crt"), as: UTF8.self))
    }

    private static func manifest(_ authority: String) -> String {
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: extension-apiserver-authentication, namespace: kube-system}
        data:
          requestheader-allowed-names: '["proxy"]'
          requestheader-username-headers: '["X-Remote-User"]'
          requestheader-group-headers: '["X-Remote-Group"]'
          requestheader-client-ca-file: |
        \(authority.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))

        """
    }

    @Test("kubectl top is answered through the aggregation layer after kill -9, though whom to trust cannot be read any more")
    func unreadable() async throws {
        let system = try await System(proxied: true)
        func top() async throws -> (code: Int32, output: String) {
            let kubectl = try RunningProcess(
                "/usr/bin/kubectl",
                [
                    "--kubeconfig", system.folder.path("kubeconfig"), "--cache-dir", system.folder.path("cache"), "top", "pods", "-A",
                    "--no-headers",
                ],
                in: system.folder)
            return (try await kubectl.exitCode(within: .seconds(30)), kubectl.output)
        }
        let first = try system.collector()
        try await eventually("all pods are answered") { try await top().output.split(separator: "\n").count == 5 }
        try await system.faults("{kind: status, code: 403, resource: configmaps, verb: get}")
        try await first.kill()
        let second = try system.collector()
        try await eventually("all pods are answered") { try await top().output.split(separator: "\n").count == 5 }
        #expect(second.output.contains("going on with what the cluster told last"), "\(second.output)")
        #expect(try await second.stop() == 0)
        // The counter-proof: who keeps nothing lets nobody in.
        let third = try system.collector(["--samples-table", ""])
        try await eventually("it has asked") { third.output.contains("whom to trust cannot be looked up") }
        let (code, output) = try await top()
        #expect(code != 0, "\(output)")
        #expect(try await third.stop() == 0)
    }

    @Test(
        "without an API server the front proxy is known, and those who may do everything are answered; the next authority is taken at once")
    func silent() async throws {
        let (old, new, stranger) = (try await Self.proxy("old"), try await Self.proxy("new"), try await Self.proxy("stranger"))
        let system = try await System(proxied: false, manifest: Self.manifest(old.pem))
        let first = try system.collector()
        try await eventually("all pods are answered") { try await system.pods(old.files, Self.masters).count == 5 }
        #expect(try await system.pods(old.files, Self.named).status == "200")
        #expect(try await system.pods(stranger.files, Self.masters).status == "401")
        try await first.kill()
        // API server and kubelets take connections and say nothing.
        try await system.cluster.suspend()
        let start = ContinuousClock.now
        let second = try system.collector()
        try await eventually("all pods are answered", within: .seconds(8)) { try await system.pods(old.files, Self.masters).count == 5 }
        print("answered through the front proxy \(ContinuousClock.now - start) after the start")
        #expect(second.output.contains("going on with what the cluster told last"), "\(second.output)")
        #expect(try await system.pods(stranger.files, Self.masters).status == "401")
        #expect(try await system.pods(new.files, Self.masters).status == "401")
        // Whose permission only the API server knows gets nothing, and is told that it is not their fault.
        #expect(try await system.pods(old.files, Self.named).status == "500")
        try await system.cluster.resume()
        try await eventually("permissions are asked for again") { try await system.pods(old.files, Self.named).status == "200" }
        // The authority is another one when the next process comes.
        try await second.kill()
        try await system.patchTrust(new.pem)
        let third = try system.collector()
        try await eventually("the new one is taken") { try await system.pods(new.files, Self.masters).status == "200" }
        #expect(try await system.pods(old.files, Self.masters).status == "401")
        // And is what is gone on with.
        try await third.kill()
        try await system.cluster.suspend()
        let fourth = try system.collector()
        try await eventually("the new one is known", within: .seconds(8)) { try await system.pods(new.files, Self.masters).count == 5 }
        #expect(try await system.pods(old.files, Self.masters).status == "401")
        try await system.cluster.resume()
        #expect(try await fourth.stop() == 0, "\(fourth.output)")
    }
}
