import ProcessRuntime
import Synchronization
import Testing

@testable import Collector

/// Refusals and odd requests, in the words of k8s.io/apiserver and go-restful at the versions that metrics-server 0.8 is built with.
@Suite("Refusals of the metrics API")
struct RefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var path: String
        var query: [(name: String, value: String)] = []
        var method = "GET"
        var accept = ""
        var contentType = ""
        var hasBody = false
        var status: Int
        /// From `message` on; nil where the body is no `Status`.
        var body: String?

        var testDescription: String { "\(method) \(path) \(query) \(accept) \(contentType)" }
    }

    private static let nodes = "/apis/metrics.k8s.io/v1beta1/nodes"
    private static let pods = "/apis/metrics.k8s.io/v1beta1/pods"

    private static let cases: [Case] = [
        Case(
            path: nodes, accept: "application/cbor", status: 406,
            body: """
                "message":"the server was unable to respond with a content type that the client supports","reason":"NotAcceptable",\
                "details":{},"code":406}
                """),
        Case(path: nodes, accept: "application/*", status: 406),
        Case(
            path: nodes, accept: "application/json;as=Other;v=v1;g=meta.k8s.io", status: 406,
            body: """
                "message":"only the following media types are accepted: application/json, application/yaml, \
                application/vnd.kubernetes.protobuf","reason":"NotAcceptable","code":406}
                """),
        Case(
            path: nodes, accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json", status: 406,
            body: """
                "message":"you requested PartialObjectMetadata, but the requested object is a list (*metrics.NodeMetricsList)",\
                "reason":"NotAcceptable","code":406}
                """),
        Case(
            path: nodes + "/s1-node-0", accept: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
            status: 406,
            body: """
                "message":"you requested PartialObjectMetadataList, but the requested object is not a list (*metrics.NodeMetrics)",\
                "reason":"NotAcceptable","code":406}
                """),
        Case(
            path: nodes, query: [("includeObject", "All")], accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            status: 400,
            body: """
                "message":"Unable to convert to Table as requested: includeObject: Invalid value: \\"All\\": must be 'Metadata', 'Object', \
                'None', or empty","reason":"BadRequest","code":400}
                """),
        Case(
            path: pods, query: [("limit", "x\"y")], status: 400,
            body: #""message":"strconv.ParseInt: parsing \"x\\\"y\": invalid syntax","reason":"BadRequest","code":400}"#),
        Case(
            path: pods, query: [("timeoutSeconds", "9223372036854775808")], status: 400,
            body: """
                "message":"strconv.ParseInt: parsing \\"9223372036854775808\\": value out of range","reason":"BadRequest","code":400}
                """),
        Case(
            path: pods, query: [("fieldSelector", "status.phase=Running")], status: 400,
            body: """
                "message":"\\"status.phase\\" is not a known field selector: only \\"metadata.name\\", \\"metadata.namespace\\"",\
                "reason":"BadRequest","code":400}
                """),
        Case(
            path: pods, query: [("resourceVersionMatch", "Exact")], status: 422,
            body: """
                "message":"ListOptions.meta.k8s.io \\"\\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden \
                unless resourceVersion is provided","reason":"Invalid","details":{"group":"meta.k8s.io","kind":"ListOptions","causes":\
                [{"reason":"FieldValueForbidden","message":"Forbidden: resourceVersionMatch is forbidden unless resourceVersion is \
                provided","field":"resourceVersionMatch"}]},"code":422}
                """),
        Case(path: pods, query: [("resourceVersionMatch", "Odd"), ("resourceVersion", "1")], status: 422),
        Case(path: pods, query: [("sendInitialEvents", "true")], status: 422),
        Case(path: pods, query: [("watch", "1"), ("resourceVersionMatch", "Exact")], status: 422),
        Case(path: pods, query: [("watch", "")], status: 405),
        Case(
            path: nodes + "/s1-node-0/status", status: 404,
            body: """
                "message":"the server could not find the requested resource","reason":"NotFound","details":{},"code":404}
                """),
        Case(path: "/apis/metrics.k8s.io/v1beta1/watch/pods", status: 404),
        Case(path: "/apis/metrics.k8s.io/v1", status: 404),
        Case(path: pods, method: "PUT", status: 405),
        Case(
            path: "/apis", contentType: "text/plain", hasBody: true, status: 415,
            body: #""reason":"UnsupportedMediaType","details":{},"code":415}"#),
        Case(path: "/apis", contentType: "text/plain", status: 406),
        Case(path: "/apis", accept: "text/html", status: 406),
    ]

    private func answer(_ request: MetricsRequest) async throws -> MetricsAnswer {
        try await CapturedCluster.api(catalog: CapturedCluster.catalog(), store: CapturedCluster.store()).answer(request)
    }

    @Test("are worded as API servers word them", arguments: cases)
    func words(wanted: Case) async throws {
        var request = MetricsRequest(method: wanted.method, path: wanted.path, query: wanted.query)
        (request.accept, request.contentType, request.hasBody) = (wanted.accept, wanted.contentType, wanted.hasBody)
        let answer = try await answer(request)
        #expect(answer.status == wanted.status)
        #expect(answer.contentType == "application/json")
        let text = String(decoding: answer.body, as: UTF8.self)
        let head = #"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#
        // Who takes no form of errors gets them indented.
        if text.hasPrefix("{\n") {
            #expect(AnswerFormat.negotiate(wanted.accept, for: .document) == nil)
            let compact = text.split(separator: "\n").map { $0.drop { $0 == " " } }.joined().replacing("\": ", with: "\":")
            #expect(compact == head + (wanted.body ?? String(compact.dropFirst(head.count))))
        } else {
            #expect(text == head + (wanted.body.map { $0 + "\n" } ?? String(text.dropFirst(head.count))))
        }
    }

    @Test("options that say nothing about metrics change nothing")
    func withoutEffect() async throws {
        let plain = try await answer(MetricsRequest(method: "GET", path: Self.pods))
        let query = [("limit", "1"), ("continue", "x"), ("resourceVersion", "5"), ("timeoutSeconds", "1"), ("allowWatchBookmarks", "true")]
        let optional = try await answer(MetricsRequest(method: "GET", path: Self.pods, query: query.map { (name: $0.0, value: $0.1) }))
        #expect(plain.status == 200 && plain.body == optional.body)
        let exact = [(name: "resourceVersion", value: "5"), (name: "resourceVersionMatch", value: "NotOlderThan")]
        #expect(try await answer(MetricsRequest(method: "GET", path: Self.pods, query: exact)).body == plain.body)
    }

    @Test("a path that there is not shows those that there are", arguments: ["/nowhere", "/apis/other.k8s.io", "/livez/other", "/api"])
    func index(path: String) async throws {
        let answer = try await answer(MetricsRequest(method: "GET", path: path))
        let text = String(decoding: answer.body, as: UTF8.self)
        #expect(answer.status == 404 && answer.contentType == "application/json")
        for known in ["/apis/metrics.k8s.io/v1beta1", "/openapi/v2", "/readyz/metric-storage-ready", "/livez/ping"] {
            #expect(text.contains("    \"\(known)\""))
        }
        let root = try await self.answer(MetricsRequest(method: "GET", path: "/"))
        #expect(root.status == 200 && root.body == answer.body)
    }

    @Test("health is told check by check")
    func health() async throws {
        func text(_ path: String, _ query: [(name: String, value: String)] = [], rounds: ClosedRange<Int> = 1...2) async throws -> (
            Int, String
        ) {
            let api = try CapturedCluster.api(catalog: CapturedCluster.catalog(), store: CapturedCluster.store(rounds: rounds))
            let answer = await api.answer(MetricsRequest(method: "GET", path: path, query: query))
            return (answer.status, String(decoding: answer.body, as: UTF8.self))
        }
        #expect(try await text("/readyz/ping") == (200, "ok"))
        #expect(try await text("/livez/metric-collection-timely") == (200, "ok"))
        #expect(try await text("/readyz/metric-storage-ready", rounds: 1...1) == (500, "internal server error: no metrics to serve\n"))
        #expect(try await text("/readyz", rounds: 1...1).0 == 500)
        #expect(try await text("/readyz", [("exclude", "metric-storage-ready")], rounds: 1...1) == (200, "ok"))
        let (status, all) = try await text("/readyz", [("verbose", "false"), ("exclude", "ping"), ("exclude", "x\"")])
        #expect(status == 200)
        #expect(all.hasPrefix("[+]ping excluded: ok\n[+]metric-storage-ready ok\n"))
        #expect(
            all.hasSuffix("warn: some health checks cannot be excluded: no matches for \"x\\\"\"\nreadyz check passed\n"))
    }

    @Test("when too many ask, who may do everything is answered, and probes are; others are told to come back")
    func crowded() async throws {
        var api = try CapturedCluster.api(catalog: CapturedCluster.catalog(), store: CapturedCluster.store())
        let refused = await api.answer(MetricsRequest(method: "GET", path: Self.nodes), isCrowded: true)
        #expect(refused.status == 429 && refused.contentType == "text/plain; charset=utf-8")
        #expect(refused.headers.map(\.value) == ["1"] && refused.headers.map(\.name) == ["Retry-After"])
        #expect(refused.body == Array("Too many requests, please try again later.\n".utf8))
        #expect(await api.answer(MetricsRequest(method: "GET", path: "/livez"), isCrowded: true).status == 200)
        api = try CapturedCluster.api(catalog: CapturedCluster.catalog(), store: CapturedCluster.store(), access: Masters())
        #expect(await api.answer(MetricsRequest(method: "GET", path: Self.nodes), isCrowded: true).status == 200)
    }

    @Test("a place is taken for as long as anything of its answer is left")
    func places() {
        let counts = Mutex<[Int]>([])
        let turnstile = Turnstile(limit: 2) { count in counts.withLock { $0.append(count) } }
        var first = turnstile.enter()
        var body: (@Sendable () -> Void)? = { [first] in withExtendedLifetime(first) {} }
        let second = turnstile.enter()
        #expect(first != nil && second != nil && turnstile.enter() == nil)
        first = nil
        #expect(turnstile.enter() == nil, "the body is not sent yet")
        body?()
        // A connection that ends before: nobody calls the body.
        body = nil
        #expect(turnstile.enter() != nil)
        withExtendedLifetime(second) {}
        #expect(counts.withLock { $0 } == [1, 2, 1, 2, 1])
        let open = Turnstile(limit: 0)
        let many = (0..<1000).map { _ in open.enter() }
        #expect(many.allSatisfy { $0 != nil })
    }

    @Test("no spelling of a path gets past the question who may see it")
    func spellings() async throws {
        let api = try CapturedCluster.api(catalog: CapturedCluster.catalog(), store: CapturedCluster.store(), access: NoAccess())
        for path in [
            "/livez/../apis/metrics.k8s.io/v1beta1/nodes", "//apis/metrics.k8s.io/v1beta1/nodes", "/apis/metrics.k8s.io/v1beta1//nodes",
            "/apis//metrics.k8s.io/v1beta1/nodes", "/./apis/metrics.k8s.io/v1beta1/nodes", "/apis/metrics.k8s.io/v1beta1/nodes/",
            "/APIS/metrics.k8s.io/v1beta1/nodes", "/livez%2f..%2fmetrics", "/metrics/", "/metrics;/livez", "/livez/", "/livez/ping",
            "/readyz//",
            "apis/metrics.k8s.io/v1beta1/nodes", "", "/", "/apis", "/openapi/v2", "/version", "/livez\0", "/livez?/", "/index.html",
        ] {
            let answer = await api.answer(MetricsRequest(method: "GET", path: path))
            #expect(answer.status == 403, "\(path): \(answer.status)")
        }
        for path in ["/livez", "/readyz", "/healthz"] {
            #expect(await api.answer(MetricsRequest(method: "GET", path: path)).status == 200)
        }
    }
}
