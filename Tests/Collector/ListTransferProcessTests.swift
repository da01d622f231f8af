import MizzenSystem
import ProcessRuntime
import TestSupport
import Testing

@testable import Collector

/// Long lists over real connections, where they are sent in parts.
@Suite("Long lists", .timeLimit(.minutes(2)))
struct ListTransferProcessTests {
    private static let path = "/apis/metrics.k8s.io/v1beta1/pods"

    private func cluster() throws -> SyntheticCluster {
        var random = SeededRandom(seed: 3)
        var cluster = SyntheticCluster()
        for node in 0..<4 { try cluster.put(node: "node-\(node)") }
        for pod in 0..<2000 {
            try cluster.put(
                pod: "pod-\(pod)", in: "team-\(pod % 7)", on: "node-\(pod % 4)", labels: ["app": "web", "pod": "\(pod)"],
                containers: ["main", "sidecar"])
        }
        cluster.measure(with: &random)
        return cluster
    }

    @Test("arrive whole over either version of HTTP, however slowly they are read", arguments: ["--http1.1", "--http2"])
    func whole(version: String) async throws {
        let cluster = try cluster()
        let api = CapturedCluster.api(catalog: cluster.catalog, store: cluster.store)
        let folder = try TemporaryFolder()
        try await MetricsAPIUnderTest.serving(api, in: folder) { url in
            for accept in ["application/json", "application/vnd.kubernetes.protobuf", "application/json;as=Table;v=v1;g=meta.k8s.io"] {
                var request = MetricsRequest(method: "GET", path: Self.path)
                request.accept = accept
                request.userAgent = "test"
                let wanted = await api.answer(request)
                #expect(wanted.size > 400_000)
                for pace in [[], ["--limit-rate", "400k"]] {
                    let curl = try RunningProcess(
                        "/usr/bin/curl",
                        [
                            version, "--silent", "--insecure", "--user-agent", "test", "--header", "Accept: \(accept)", "--output",
                            folder.path("list"), "--dump-header", folder.path("head"), url + Self.path,
                        ] + pace, in: folder)
                    #expect(try await curl.exitCode(within: .seconds(60)) == 0)
                    let isWhole = try folder.read("list") == wanted.body
                    #expect(isWhole, "\(accept) \(pace)")
                    let head = try String(decoding: folder.read("head"), as: UTF8.self).lowercased()
                    #expect(head.contains("content-length: \(wanted.size)\r\n"), "\(head)")
                }
            }
        }
    }

    @Test("are no more than their size for who asks for that alone")
    func head() async throws {
        let cluster = try cluster()
        let api = CapturedCluster.api(catalog: cluster.catalog, store: cluster.store)
        let folder = try TemporaryFolder()
        try await MetricsAPIUnderTest.serving(api, in: folder) { url in
            var request = MetricsRequest(method: "GET", path: Self.path)
            request.userAgent = "test"
            let size = await api.answer(request).size
            let head = try await fetch(url + Self.path, ["--head", "--user-agent", "test"])
            #expect(head.lowercased().contains("content-length: \(size)\r\n"), "\(head)")
        }
    }
}
