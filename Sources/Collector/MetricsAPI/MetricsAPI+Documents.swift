import ProcessRuntime

/// Paths that are no resources: health, metrics, discovery and OpenAPI.
extension MetricsAPI {
    func answer(path: String, _ request: MetricsRequest) throws(Refusal) -> MetricsAnswer {
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        switch trimmed {
        case "/livez", "/healthz", "/readyz":
            guard request.isRead else { throw .methodNotAllowed }
            let excluded = request.query.filter { $0.name == "exclude" }.map(\.value)
            return MetricsAnswer(
                checks(trimmed).answer(
                    String(trimmed.dropFirst()), verbose: request.parameter("verbose") != nil, excluding: excluded))
        case "/metrics":
            guard request.isRead else { throw .methodNotAllowed }
            return MetricsAnswer(.metrics(registry.render() + ProcessMetrics.render()))
        case "/", "/index.html":
            return MetricsAnswer(contentType: "application/json", body: index.json(pretty: true))
        case "/apis", "/apis/metrics.k8s.io", "/apis/metrics.k8s.io/v1beta1": return try discovery(trimmed, request)
        case "/version":
            guard request.isRead else { throw .methodNotAllowed }
            guard AnswerFormat.isProducible(request.accept) else { throw .unproducible }
            return MetricsAnswer(
                contentType: "application/json", body: Discovery.version(MizzenVersion.current).json(pretty: true))
        case "/openapi/v2": return openAPI(OpenAPIDocuments.v2, protobuf: OpenAPIDocuments.v2Protobuf, request)
        case "/openapi/v3": return marked(OpenAPIDocuments.v3Index, request)
        default: break
        }
        if trimmed.hasPrefix("/openapi/v3/") { return openAPI(place: String(trimmed.dropFirst("/openapi/v3/".count)), request) }
        for health in ["/livez", "/healthz", "/readyz"] where trimmed.hasPrefix(health + "/") {
            if let answer = checks(health).answer(check: String(trimmed.dropFirst(health.count + 1))) { return MetricsAnswer(answer) }
        }
        // API servers show the way from a path that there is not, but for those below one of theirs.
        if trimmed.hasPrefix("/apis/metrics.k8s.io/") || trimmed.hasPrefix("/version/") { throw .unknownPath }
        return MetricsAnswer(status: 404, contentType: "application/json", body: index.json(pretty: true))
    }

    private func checks(_ path: String) -> HealthChecks { path == "/readyz" ? readyz : livez }

    private var index: JSONValue {
        Discovery.paths(["/livez", "/healthz", "/readyz"].map { ($0, checks($0).checks.map(\.name)) })
    }

    // MARK: Discovery

    private func discovery(_ path: String, _ request: MetricsRequest) throws(Refusal) -> MetricsAnswer {
        guard request.isRead else { throw .methodNotAllowed }
        if !request.contentType.isEmpty, !Self.isKnown(request.contentType) {
            // As the router of API servers judges it.
            throw request.hasBody ? .unsupportedMediaType : .unproducible
        }
        guard AnswerFormat.isProducible(request.accept) else { throw .unproducible }
        if path == "/apis", let format = AnswerFormat.negotiate(request.accept, for: .discovery),
            case .groups(let version)? = format.conversion
        {
            var answer = encode(Discovery.aggregated(version), format, request)
            answer.contentType += ";g=apidiscovery.k8s.io;v=\(version.rawValue);as=APIGroupDiscoveryList"
            return marked(answer, "\"\(Discovery.aggregatedMark)\"", request, headers: [("Vary", "Accept"), ("Cache-Control", "public")])
        }
        guard let format = AnswerFormat.negotiate(request.accept, for: .document) else { throw .notAcceptable }
        let document =
            switch path {
            case "/apis": Discovery.groups(port: port())
            case "/apis/metrics.k8s.io": Discovery.groupDocument
            default: Discovery.resourcesDocument
            }
        return encode(document, format, request)
    }

    private static func isKnown(_ contentType: String) -> Bool {
        contentType.split(separator: ",").contains { part in
            let type = part.prefix { $0 != ";" }.filter { $0 != " " }
            return AnswerFormat.Encoding.allCases.contains { $0.contentType == type }
        }
    }

    private func encode(_ document: Discovery.Document, _ format: AnswerFormat, _ request: MetricsRequest) -> MetricsAnswer {
        let body =
            switch format.encoding {
            case .json: document.json.json(pretty: format.isPretty || request.wantsPretty)
            case .yaml: document.json.yaml()
            case .protobuf: document.protobuf
            }
        return MetricsAnswer(contentType: format.encoding.contentType, body: body)
    }

    // MARK: OpenAPI

    private static let protobufTypes = ["com.github.proto-openapi.spec.v2.v1.0+protobuf", "com.github.proto-openapi.spec.v2@v1.0+protobuf"]

    /// - Parameter protobuf: nil where there is no such form.
    private func openAPI(_ document: OpenAPIDocument, protobuf: [UInt8]?, _ request: MetricsRequest) -> MetricsAnswer {
        let clauses = AcceptClause.read(request.accept.isEmpty ? "*/*" : request.accept)
        for clause in clauses {
            if clause.covers("application/json") { return marked(document, request, headers: [("Vary", "Accept")]) }
            if let protobuf, Self.protobufTypes.contains(where: { clause.covers("application/\($0)") }) {
                let answer = MetricsAnswer(contentType: "application/\(Self.protobufTypes[0])", body: protobuf)
                return marked(answer, document.mark, request, headers: [("Vary", "Accept")])
            }
        }
        return MetricsAnswer(status: 406, contentType: "application/json", headers: [("Vary", "Accept")], body: [])
    }

    /// One of version 3's documents. Asked for with its mark it is the client's for good; with another mark the client is sent to it.
    private func openAPI(place: String, _ request: MetricsRequest) -> MetricsAnswer {
        guard let document = OpenAPIDocuments.v3[place] else {
            return MetricsAnswer(status: 404, contentType: "application/json", body: index.json(pretty: true))
        }
        let hash = request.parameter("hash") ?? ""
        if !hash.isEmpty, hash != document.etag {
            return MetricsAnswer(
                status: 301, contentType: "text/html; charset=utf-8",
                headers: [("Location", OpenAPIDocuments.address(place, document)), ("Vary", "Accept")], body: [])
        }
        var answer = openAPI(document, protobuf: nil, request)
        if !hash.isEmpty, answer.status != 406 { answer.headers.append(("Cache-Control", "public, immutable")) }
        return answer
    }

    private func marked(_ document: OpenAPIDocument, _ request: MetricsRequest, headers: [(name: String, value: String)] = [])
        -> MetricsAnswer
    {
        marked(MetricsAnswer(contentType: "application/json", body: document.json), document.mark, request, headers: headers)
    }

    /// With its mark, or 304 for a client that has what bears it.
    private func marked(
        _ answer: MetricsAnswer, _ mark: String, _ request: MetricsRequest, headers: [(name: String, value: String)]
    ) -> MetricsAnswer {
        var answer = answer
        let held = request.ifNoneMatch.split(separator: ",").map { $0.filter { $0 != " " } }
        if held.contains("*") || held.contains(where: { $0 == mark || $0 == "W/\(mark)" }) {
            answer = MetricsAnswer(status: 304, contentType: answer.contentType, body: [])
        }
        answer.headers = [("Etag", mark)] + headers
        return answer
    }
}

extension OpenAPIDocument {
    /// As HTTP has it.
    fileprivate var mark: String { "\"\(etag)\"" }
}
