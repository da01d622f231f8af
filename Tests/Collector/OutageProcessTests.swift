import ClusterSimulator
import Foundation
import TestSupport
import Testing

/// What a collector answers while those that it depends on are away. The API server looks after an aggregated API as `system:kube-aggregator`
/// in `system:masters` (kube-aggregator's availability and discovery controllers); as long as it is not answered, the discovery of the whole
/// cluster fails, and namespaces stay in Terminating.
@Suite("Discovery while everything is down", .serialized)
struct OutageProcessTests {
    private static let aggregator = ["X-Remote-User: system:kube-aggregator", "X-Remote-Group: system:masters"]
    private static let discovery = ["/apis", "/apis/metrics.k8s.io", "/apis/metrics.k8s.io/v1beta1"]

    /// A collector, and curl with the front proxy's certificate.
    private struct Bench {
        let folder: TemporaryFolder
        let proxy: AuthorityFiles
        let port = freePort()

        init() async throws {
            folder = try TemporaryFolder()
            proxy = try await AuthorityFiles("proxy")
            try await proxy.issue("front-proxy-client", names: "DNS:x", usage: "clientAuth")
        }

        var streams: [String] { ["--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))"] }

        func collector(_ kubeconfig: String) throws -> RunningProcess {
            try RunningProcess(
                "mizzen-collector",
                streams + [
                    "--samples-table", "", "--samples", "ipc://\(folder.path("samples"))", "--kubeconfig", kubeconfig, "--bind-address",
                    "127.0.0.1",
                    "--secure-port",
                    "\(port)", "--cert-dir", folder.path("certificates"), "--kubelet-use-node-status-port",
                    "--kubelet-preferred-address-types", "InternalIP", "--metric-resolution", "1s", "--requestheader-client-ca-file",
                    proxy.certificate, "--requestheader-allowed-names", "front-proxy-client",
                ], in: folder)
        }

        /// What is answered: its code, and the body without blanks.
        func ask(_ path: String, as headers: [String]) async throws -> (code: String, body: String) {
            let shown = headers.flatMap { ["--header", $0] } + ["--header", "Accept: application/json"]
            let options = [
                "--silent", "--insecure", "--max-time", "10", "--cert", proxy.folder.path("front-proxy-client.crt"), "--key",
                proxy.folder.path("front-proxy-client.key"), "--write-out", "\n%{http_code}", "https://127.0.0.1:\(port)\(path)",
            ]
            let curl = try RunningProcess("/usr/bin/curl", options + shown, in: folder)
            guard try await curl.exitCode(within: .seconds(20)) == 0 else { throw DidNotHappen(description: "curl \(path)") }
            let lines = curl.output.split(separator: "\n", omittingEmptySubsequences: false)
            return (String(lines.last ?? ""), lines.dropLast().joined().filter { !$0.isWhitespace })
        }

        func code(_ path: String, as headers: [String] = OutageProcessTests.aggregator) async throws -> String {
            try await ask(path, as: headers).code
        }

        func checkDiscovery() async throws {
            for path in OutageProcessTests.discovery { #expect(try await code(path) == "200", "\(path)") }
            #expect(try await ask("/apis/metrics.k8s.io/v1beta1", as: OutageProcessTests.aggregator).body.contains(#""name":"pods""#))
        }
    }

    @Test("without API server and watcher from the start, the aggregation layer is answered; lists are empty, and readiness says why")
    func fromTheStart() async throws {
        let bench = try await Bench()
        let gone = ClusterSimulator(.init())
        try await gone.start()
        let kubeconfig = try String(contentsOfFile: gone.kubeconfigPath, encoding: .utf8)
        try bench.folder.write(Array(kubeconfig.utf8), to: "kubeconfig")
        await gone.stop()
        let collector = try bench.collector(bench.folder.path("kubeconfig"))
        try await eventually("the collector answers") { try await bench.code("/livez") == "200" }
        try await bench.checkDiscovery()
        for list in ["nodes", "pods"] {
            let (code, body) = try await bench.ask("/apis/metrics.k8s.io/v1beta1/\(list)", as: Self.aggregator)
            #expect(code == "200" && body.contains(#""items":[]"#), "\(code) \(body)")
        }
        // Who may not do everything cannot be looked up.
        #expect(try await bench.code("/apis/metrics.k8s.io/v1beta1", as: ["X-Remote-User: alice"]) == "500")
        let (ready, reasons) = try await bench.ask("/readyz", as: Self.aggregator)
        #expect(ready == "500" && reasons.contains("[-]metric-informer-sync") && reasons.contains("[+]ping"), "\(reasons)")
        #expect(try await collector.stop() == 0, "\(collector.output.suffix(1000))")
    }

    @Test("it goes on being answered when watcher and API server die, and kubelets that live go on being scraped")
    func die() async throws {
        let bench = try await Bench()
        let cluster = ClusterSimulator(.init(generated: .init(services: 1, pods: 3, nodes: 1), kubelets: .simulated))
        try await cluster.start()
        let watcher = try RunningProcess(
            "mizzen-watcher",
            ["--kubeconfig", cluster.kubeconfigPath, "--table", bench.folder.path("table"), "--http", "127.0.0.1:0"] + bench.streams,
            in: bench.folder)
        let collector = try bench.collector(cluster.kubeconfigPath)
        try await eventually("the collector is ready", within: .seconds(60)) { try await bench.code("/readyz") == "200" }
        try await watcher.kill()
        await cluster.stop()
        func measured() async throws -> String {
            let (code, body) = try await bench.ask("/apis/metrics.k8s.io/v1beta1/nodes", as: Self.aggregator)
            #expect(code == "200")
            return body.firstMatch(of: /"timestamp":"([^"]+)"/).map { String($0.1) } ?? ""
        }
        let before = try await measured()
        try await throughout(.seconds(3), "discovery is answered, and the node") {
            try await bench.checkDiscovery()
            let (isAlive, isReady) = (try await bench.code("/livez"), try await bench.code("/readyz"))
            return try await measured() != "" && (isAlive, isReady) == ("200", "200")
        }
        // Kubelets need neither of both: their connections stand.
        try await eventually("the node was measured again") { try await measured() > before }
        #expect(try await collector.stop() == 0, "\(collector.output.suffix(1000))")
    }
}
