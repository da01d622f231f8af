import Foundation
import TestSupport
import Testing

/// A pod that is made while everything runs, and how soon it has usage.
@Suite("A new pod's first usage, in separate processes", .timeLimit(.minutes(5)))
struct NewPodProcessTests {
    @Test(
        "the stream tells of the pod and its node is scraped once more, long before its turn; not where that is switched off",
        arguments: [true, false])
    func early(isEarly: Bool) async throws {
        let folder = try TemporaryFolder()
        let (api, port, http) = (freePort(), freePort(), freePort())
        let cluster = try RunningProcess(
            "cluster-simulator",
            ["--nodes", "3", "--kubeconfig", folder.path("kubeconfig"), "--http", "127.0.0.1:\(api)"],
            in: folder)
        try await eventually("the cluster is ready") { cluster.output.contains("ready") }
        let streams = ["--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))"]
        let watcher = try RunningProcess(
            "mizzen-watcher",
            ["--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http", "127.0.0.1:0"] + streams, in: folder)
        let collector = try RunningProcess(
            "mizzen-collector",
            streams + [
                "--samples", "ipc://\(folder.path("samples"))", "--bind-address", "127.0.0.1", "--secure-port", "\(port)", "--cert-dir",
                folder.path("certificates"), "--kubeconfig", folder.path("kubeconfig"), "--insecure-skip-authorization",
                "--kubelet-insecure-tls", "--kubelet-use-node-status-port", "--kubelet-preferred-address-types", "InternalIP", "--http",
                "127.0.0.1:\(http)", "--metric-resolution", "60s", "--samples-table", "",
            ] + (isEarly ? [] : ["--no-early-scrapes"]), in: folder)
        func metrics() async throws -> String { try await fetch("http://127.0.0.1:\(http)/metrics") }
        func scrapes() async throws -> Int {
            try await metrics().firstMatch(of: /metrics_server_kubelet_request_total\{success="true"\} (\d+)/).flatMap { Int($0.1) } ?? 0
        }
        try await eventually("all nodes were scraped") { try await scrapes() == 3 }
        let token = try #require(
            String(contentsOfFile: folder.path("kubeconfig"), encoding: .utf8).firstMatch(of: /token"?\s*:\s*"?([^"\s,}]+)/)
        ).1
        let made = ContinuousClock.now
        _ = try await fetch(
            "http://127.0.0.1:\(api)/api/v1/namespaces/default/pods",
            [
                "--request", "POST", "--header", "Content-Type: application/json", "--header", "Authorization: Bearer \(token)", "--data",
                #"{"metadata":{"name":"new"},"spec":{"nodeName":"node-1","containers":[{"name":"a","image":"a"},{"name":"b","image":"b"}]}}"#,
            ])
        let url = "https://127.0.0.1:\(port)/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/new"
        if isEarly {
            try await eventually("the new pod has usage", within: .seconds(50)) { try await fetch(url).contains(#""usage""#) }
            let took = ContinuousClock.now - made
            print("a new pod had usage after \(took)")
            // Its node's turn is a minute after the first.
            #expect(took > .seconds(10) && took < .seconds(40))
            #expect(try await metrics().contains("mizzen_collector_early_scrapes_total 1\n"))
            #expect(try await metrics().contains("mizzen_collector_new_pod_seconds_count 1\n"))
            #expect(try await scrapes() == 4)
        } else {
            try await throughout(.seconds(30), "no node is scraped before its time") { try await scrapes() == 3 }
        }
        #expect(try await collector.stop() == 0)
        #expect(try await watcher.stop() == 0)
    }
}
