import TestSupport
import Testing

@testable import Collector

/// Debian's kubectl speaks to the metrics API as to any API server: discovery, OpenAPI in protobuf, tables, lists.
@Suite("kubectl on the metrics API", .timeLimit(.minutes(2)))
struct KubectlProcessTests {
    @Test("explains what is served, lists it, and shows what is used")
    func kubectl() async throws {
        let folder = try TemporaryFolder()
        let api = try CapturedCluster.api(catalog: CapturedCluster.catalog(), store: CapturedCluster.store())
        try await MetricsAPIUnderTest.serving(api, in: folder) { url in
            let text = """
                apiVersion: v1
                kind: Config
                current-context: c
                contexts: [{name: c, context: {cluster: k, user: u}}]
                clusters: [{name: k, cluster: {server: "\(url)", insecure-skip-tls-verify: true}}]
                users: [{name: u, user: {token: t}}]

                """
            try folder.write(Array(text.utf8), to: "kubeconfig")
            func kubectl(_ words: String...) async throws -> String {
                let process = try RunningProcess(
                    "/usr/bin/kubectl", ["--kubeconfig", folder.path("kubeconfig"), "--cache-dir", folder.path("cache")] + words, in: folder
                )
                let code = try await process.exitCode(within: .seconds(30))
                #expect(code == 0, "\(words): \(process.output)")
                return process.output
            }
            let pod = try await kubectl("explain", "podmetrics", "--recursive")
            #expect(pod.contains("KIND:     PodMetrics") && pod.contains("VERSION:  metrics.k8s.io/v1beta1"))
            #expect(pod.contains("CPU and memory that the containers of a running pod use."))
            #expect(pod.contains("containers\t<[]Object>") && pod.contains("usage\t<map[string]string>"))
            let window = try await kubectl("explain", "nodemetrics.window")
            #expect(window.contains("FIELD:    window <string>") && window.contains("Length of that time."))
            let resources = try await kubectl("api-resources", "--api-group", "metrics.k8s.io", "--no-headers")
            #expect(resources.split(separator: "\n").map { $0.split(separator: " ").first } == ["nodes", "pods"])
            let rows = try await kubectl("get", "podmetrics", "--namespace", "s1-prod", "pod-10")
            #expect(rows.split(separator: "\n").last?.split(separator: " ") == ["pod-10", "702m", "52015005", "15s"])
            #expect(try await kubectl("get", "nodemetrics", "--output", "name").contains("nodemetrics.metrics.k8s.io/s1-node-0"))
            let top = try await kubectl("top", "pods", "--namespace", "s1-prod", "--no-headers")
            #expect(top.split(separator: "\n").contains { $0.split(separator: " ") == ["pod-10", "702m", "49Mi"] })
        }
    }
}
