import Names
import Testing

@testable import Frontend

@Suite("kubernetes: settings")
struct KubernetesSettingsTests {
    static func settings(_ options: String, zones: String = "") throws -> KubernetesSettings {
        let text = "cluster.local in-addr.arpa {\n kubernetes \(zones) {\n\(options)\n}\n}\n"
        return try FrontendConfiguration.parse(Array(text.utf8), file: "Corefile").blocks[0].kubernetes[0]
    }

    @Test("without options it serves the block's zones, with a TTL of five seconds and no pods")
    func defaults() throws {
        let settings = try Self.settings("")
        #expect(settings.zones.map(\.text) == ["cluster.local.", "in-addr.arpa."])
        #expect(settings.timeToLive == 5)
        #expect(settings.pods == .disabled)
        #expect(settings.servesEndpoints)
    }

    @Test("every option of CoreDNS is read or ignored")
    func all() throws {
        let settings = try Self.settings(
            """
            endpoint https://k8s:6443
            tls a b c
            kubeconfig file context
            apiserver_qps 5
            apiserver_burst 10
            apiserver_max_inflight 5
            startup_timeout 5s
            namespaces a b
            namespaces c
            labels environment in (staging, qa),application=nginx
            pods verified
            endpoint_pod_names
            ttl 0
            zonal
            ignore empty_service
            fallthrough in-addr.arpa
            """, zones: "K8s.example in-addr.arpa")
        #expect(settings.zones.map(\.text) == ["k8s.example.", "in-addr.arpa."])
        #expect(settings.namespaces == ["a", "b", "c"])
        #expect(settings.labels.requirements.count == 2)
        #expect(settings.pods == .verified)
        #expect(settings.namesEndpointsAfterPods)
        #expect(settings.timeToLive == 0)
        #expect(settings.isZonal)
        #expect(settings.ignoresEmptyServices)
        #expect(settings.fallsThrough.zones.map(\.text) == ["in-addr.arpa."])
    }

    @Test(
        "what cannot be is refused in words",
        arguments: [
            ("multicluster clusterset.local", "multicluster: this option is not built yet"), ("ttl 3601", "from 0 to 3600"),
            ("ttl", "1 word"), ("pods verify", "expected one of disabled, insecure, verified"),
            ("ignore empty", "expected 'empty_service'"),
            ("namespaces", "at least 1 word"), ("namespaces a\nnamespace_labels b", "exclude each other"),
            ("zonal\nnoendpoints", "'zonal' needs the endpoints"), ("labels team in core", "expected: '('"),
            ("labels =x", "found '=', expected: identifier"), ("endpoint_pod_name", "did you mean 'endpoint_pod_names'?"),
        ])
    func refused(options: String, words: String) {
        let error = #expect(throws: CorefileError.self) { try Self.settings(options) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test("a directive of reverse zones only is refused")
    func onlyReverse() {
        #expect(throws: CorefileError.self) { try Self.settings("", zones: "in-addr.arpa 10.0.0.0/8") }
    }
}
