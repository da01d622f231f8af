import AsyncHTTPClient
import DeltaStream
import KubernetesObjects
import Logging
import NIOCore
import NIOHTTP1
import ProcessRuntime
import Synchronization
import TestSupport
import Testing

@testable import Exporter

@Suite struct EndpointTests {
    private func serving(
        _ exporter: ExporterUnderTest, compresses: Bool = false, servesPartial: Bool = false, _ body: (String) async throws -> Void
    ) async throws {
        try await exporter.serving(compresses: compresses, servesPartial: servesPartial) { try await body("http://\($0.main)") }
    }

    private func get(_ url: String, accept: String? = nil) async throws -> (status: Int, type: String, text: String) {
        var headers: HTTPHeaders = [:]
        if let accept { headers.add(name: "Accept", value: accept) }
        let response = try await answer(url, headers)
        return (response.status, response.headers.first(name: "Content-Type") ?? "", String(buffer: response.body))
    }

    private func answer(
        _ url: String, _ headers: HTTPHeaders = [:], _ method: HTTPMethod = .GET
    ) async throws -> (status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.headers = headers
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 1 << 26)
        return (Int(response.status.code), response.headers, body)
    }

    @Test("/metrics answers in the format that is asked for, whole")
    func metrics() async throws {
        let exporter = try ExporterUnderTest(captured: [])
        let (text, openMetrics) = (exporter.exposition(), exporter.exposition(.openMetrics))
        try await serving(exporter) { address in
            let plain = try await get("\(address)/metrics")
            #expect(plain.status == 200)
            #expect(plain.type == "text/plain; version=0.0.4; charset=utf-8")
            #expect(plain.text == text)
            let open = try await get("\(address)/metrics", accept: "application/openmetrics-text;version=1.0.0")
            #expect(open.type == "application/openmetrics-text; version=1.0.0; charset=utf-8")
            #expect(open.text == openMetrics)
            // An answer is counted after its last byte, which may be later than the client has it.
            try await eventually("both are counted") {
                String(decoding: exporter.telemetry.registry.render(), as: UTF8.self)
                    .contains("http_request_duration_seconds_count{handler=\"metrics\",method=\"get\"} 2")
            }
        }
    }

    @Test("?resources= and ?exclude_resources= choose among what is served")
    func selection() async throws {
        let exporter = try ExporterUnderTest(captured: [])
        try await serving(exporter) { address in
            let two = try await get("\(address)/metrics?resources=pods%2Cnodes&exclude_resources=nodes").text
            #expect(two.contains("kube_pod_info"))
            #expect(!two.contains("kube_node_info"))
            #expect(!two.contains("kube_service_info"))
        }
    }

    @Test(
        "until every resource that is asked for is whole, a scrape says so and gives nothing, or the part that is there where that is wanted"
    )
    func partial() async throws {
        let exporter = try ExporterUnderTest(["--resources=pods,nodes,services"])
        for object in try CapturedCluster.objects(.nodes) { exporter.upsert(object) }
        exporter.feed.joined(.nodes, synced: true)
        // A watcher that has no whole list itself gives no whole stream.
        exporter.feed.joined(.pods, synced: false)
        try await serving(exporter) { address in
            let all = try await get("\(address)/metrics")
            #expect(all.status == 503)
            #expect(all.text == "not whole yet: waiting for pods, services\n")
            let head = try await answer("\(address)/metrics", [:], .HEAD)
            let ready = try await get("\(address)/readyz")
            #expect(head.status == 503 && ready.status == 503)
            let (nodes, both) = (
                try await get("\(address)/metrics?resources=nodes"), try await get("\(address)/metrics?resources=nodes,pods")
            )
            #expect(nodes.status == 200)
            #expect(both.text.hasSuffix("waiting for pods\n"))
        }
        try await serving(exporter, servesPartial: true) { address in
            let all = try await get("\(address)/metrics")
            #expect(all.status == 200 && all.text.contains("kube_node_info{"))
        }
        exporter.feed.joined(.pods, synced: true)
        exporter.feed.joined(.services, synced: true)
        // A stream that goes stale later takes nothing away.
        exporter.feed.stale(.pods, since: 0)
        try await serving(exporter) { address in
            let (metrics, ready) = (try await get("\(address)/metrics"), try await get("\(address)/readyz"))
            #expect(metrics.status == 200 && ready.text == "OK")
        }
    }

    @Test("who accepts gzip gets it, where it is switched on")
    func compressed() async throws {
        let exporter = try ExporterUnderTest(captured: [])
        try await serving(exporter, compresses: true) { address in
            let plain = try await answer("\(address)/metrics", ["Accept-Encoding": "identity"])
            #expect(plain.headers.first(name: "Content-Encoding") == nil)
            #expect(plain.headers.first(name: "Vary") == "Accept-Encoding")
            // The client unpacks it.
            for round in 0..<2 {
                let packed = try await answer("\(address)/metrics", ["Accept-Encoding": "deflate, gzip;q=0.5"])
                #expect(packed.headers.first(name: "Content-Encoding") == "gzip", "round \(round)")
                #expect(packed.body == plain.body, "round \(round)")
            }
            for refusal in ["gzip;q=0", "identity", "*;q=0", "br"] {
                let headers = try await answer("\(address)/metrics", ["Accept-Encoding": refusal]).headers
                #expect(headers.first(name: "Content-Encoding") == nil, "\(refusal)")
            }
        }
        try await serving(exporter) { address in
            let plain = try await answer("\(address)/metrics", ["Accept-Encoding": "gzip"])
            #expect(plain.headers.first(name: "Content-Encoding") == nil && plain.headers.first(name: "Vary") == nil)
        }
    }

    @Test("health and the front page answer, other paths say what there is")
    func others() async throws {
        try await serving(try ExporterUnderTest()) { address in
            #expect(try await get("\(address)/healthz").text == "OK")
            #expect(try await get("\(address)/livez").status == 200)
            #expect(try await get("\(address)/").text.contains("/metrics"))
            let missing = try await get("\(address)/metric")
            #expect(missing.status == 404)
            #expect(missing.text.contains("/metrics"))
        }
    }

    @Test("the exporter is ready when every resource has been joined once, and stays ready when a stream goes stale")
    func readiness() async throws {
        let clock = Mutex<Int64>(1_000_000_000_000)
        let telemetry = ExporterTelemetry(now: { clock.withLock { $0 } })
        let exporter = try ExporterUnderTest(["--resources=pods,nodes"], telemetry: telemetry)
        let ready = try #require(TelemetryRoutes.make(telemetry)["/readyz"])
        #expect(await ready().status == 503)
        exporter.feed.joined(.pods, synced: true)
        exporter.feed.joined(.nodes, synced: false)
        #expect(String(decoding: await ready().body, as: UTF8.self).contains("waiting for nodes"))
        exporter.feed.joined(.nodes, synced: true)
        #expect(await ready().status == 200)
        exporter.feed.stale(.pods, since: 999_000_000_000)
        clock.withLock { $0 += 5_000_000_000 }
        #expect(await ready().status == 200)
        #expect(telemetry.age(of: .pods) == 6)
        exporter.feed.joined(.pods, synced: true)
        #expect(telemetry.age(of: .pods) == 0)
    }

    @Test("the exporter's own metrics have kube-state-metrics' names where those fit")
    func telemetry() async throws {
        let telemetry = ExporterTelemetry(shard: 1, totalShards: 3)
        let exporter = try ExporterUnderTest(["--resources=pods"], telemetry: telemetry)
        exporter.feed.joined(.pods, synced: true)
        exporter.feed.stale(.pods, since: 0)
        let metrics = try #require(TelemetryRoutes.make(telemetry)["/metrics"])
        let text = String(decoding: await metrics().body, as: UTF8.self)
        for line in [
            #"kube_state_metrics_shard_ordinal{shard_ordinal="1"} 1"#, "kube_state_metrics_total_shards 3",
            #"kube_state_metrics_list_total{resource="*v1.Pod",result="success"} 1"#,
            #"kube_state_metrics_watch_total{resource="*v1.Pod",result="error"} 1"#,
            #"mizzen_exporter_stream_joined{resource="pods"} 0"#, "# TYPE process_cpu_seconds_total counter",
        ] {
            #expect(text.contains(line + "\n"), "\(line)")
        }
        for name in ["process_resident_memory_bytes ", "process_open_fds ", "process_start_time_seconds "] {
            #expect(text.contains("\n\(name)"), "\(name)")
        }
    }
}
