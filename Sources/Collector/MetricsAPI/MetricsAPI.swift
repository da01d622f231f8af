import AccessReview
import Logging
import Names
import ProcessRuntime

/// Answers the requests of `metrics.k8s.io/v1beta1`, whatever transports them.
struct MetricsAPI: Sendable {
    let catalog: ClusterCatalog
    let store: UsageStore
    let access: any AccessControl
    /// Whose certificates say who they are.
    var certificates = ClientCertificates()
    /// Paths that need no permission; a trailing `*` stands for any rest.
    let alwaysAllowedPaths: [String]
    /// Only these nodes are answered: `--node-selector`.
    let nodeSelector: LabelQuery
    let livez: HealthChecks
    let readyz: HealthChecks
    let registry: MetricsRegistry
    /// Age of each item at the time of its answer, seconds.
    let freshness: Histogram
    let port: @Sendable () -> Int
    /// Nanoseconds since 1970-01-01 UTC.
    let now: @Sendable () -> Int64
    let logger: Logger

    func answer(_ request: MetricsRequest) async -> HTTPAnswer {
        do {
            return try await grantedAnswer(request)
        } catch {
            return encode(error, for: request)
        }
    }

    private func grantedAnswer(_ request: MetricsRequest) async throws(Refusal) -> HTTPAnswer {
        let target = APITarget(path: request.path)
        try await authorize(request, target)
        switch target {
        case .resource(let resource): return try answer(resource, request)
        case .path(let path): return try answer(path: path, request)
        }
    }

    // MARK: Access

    /// `AlwaysAllowGroups` of a delegating authorizer (apiserver's server/options/authorization.go). Groups come from the API server, from
    /// the front proxy, and from certificates of authorities that are trusted.
    private static let privileged = "system:masters"

    private func authorize(_ request: MetricsRequest, _ target: APITarget) async throws(Refusal) {
        if case .path(let path) = target, isAlwaysAllowed(path) { return }
        let verb = target.verb(of: request)
        let attributes: AccessAttributes
        switch target {
        case .path(let path): attributes = AccessAttributes(verb: verb, object: .path(path))
        case .resource(let target):
            attributes = AccessAttributes(
                verb: verb,
                object: .resource(
                    group: "metrics.k8s.io", version: "v1beta1", name: target.resource, namespace: target.namespace, object: target.name,
                    subresource: target.subresource))
        }
        let user: UserInfo
        do {
            let authenticator = CallerAuthenticator(certificates: certificates, access: access, logger: logger)
            guard let known = try await authenticator.user(request.evidence) else { throw Refusal.unauthorized }
            user = known
            // As every extension API server: those who may do everything are not asked about, so that discovery is answered, and namespaces
            // can end, while nobody can be asked.
            if user.groups.contains(Self.privileged) { return }
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            // The API server's TokenReview failed: nobody can be told from anybody.
            logger.warning("token review failed", metadata: ["error": "\(error)"])
            throw .unauthorized
        }
        do {
            switch try await access.decision(user, attributes) {
            case .allowed: return
            case .denied(let reason): throw Refusal.forbidden(user, attributes, reason: reason)
            }
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            logger.warning("subject access review failed", metadata: ["error": "\(error)"])
            throw Refusal(
                code: 500, reason: "InternalError",
                message: "Internal Server Error: \"\(request.path)\": the API server could not be asked for permission")
        }
    }

    private func isAlwaysAllowed(_ path: String) -> Bool {
        alwaysAllowedPaths.contains { pattern in
            pattern.hasSuffix("*") ? path.hasPrefix(pattern.dropLast()) : path == pattern
        }
    }

    // MARK: Paths

    private func answer(path: String, _ request: MetricsRequest) throws(Refusal) -> HTTPAnswer {
        let isRead = request.method == "GET" || request.method == "HEAD"
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        switch trimmed {
        case "/livez", "/healthz", "/readyz":
            guard isRead else { throw .methodNotAllowed }
            let checks = trimmed == "/readyz" ? readyz : livez
            return checks.answer(String(trimmed.dropFirst()), verbose: request.flag("verbose"))
        case "/metrics":
            guard isRead else { throw .methodNotAllowed }
            return .metrics(registry.render())
        case "/", "/apis", "/apis/metrics.k8s.io", "/apis/metrics.k8s.io/v1beta1", "/version":
            guard isRead else { throw .methodNotAllowed }
            return try document(trimmed, request)
        default: throw .unknownPath
        }
    }

    private func document(_ path: String, _ request: MetricsRequest) throws(Refusal) -> HTTPAnswer {
        let document =
            switch path {
            case "/": Discovery.paths
            case "/apis": Discovery.groups(port: port())
            case "/apis/metrics.k8s.io": Discovery.group
            case "/version": Discovery.version(MizzenVersion.current)
            default: Discovery.resources
            }
        if AnswerFormat.negotiate(request.accept) == .yaml {
            return HTTPAnswer(contentType: "application/yaml", body: document.yaml())
        }
        // Discovery clients also ask for protobuf and newer document kinds; all of them take JSON.
        return HTTPAnswer(contentType: "application/json", body: document.json(pretty: request.wantsPretty))
    }

    // MARK: Resources

    private func answer(_ target: APITarget.ResourceTarget, _ request: MetricsRequest) throws(Refusal) -> HTTPAnswer {
        let isNodes = target.resource == "nodes" && target.namespace == nil
        let isPods = target.resource == "pods" && (target.namespace != nil || target.name == nil)
        guard isNodes || isPods, target.subresource == nil else { throw .unknownPath }
        guard request.method == "GET" || request.method == "HEAD" else { throw .methodNotAllowed }
        guard let format = AnswerFormat.negotiate(request.accept) else { throw .notAcceptable }
        let content: MetricsDocument.Content
        if let name = target.name {
            content = .item(try isNodes ? node(name) : pod(target.namespace ?? "", name))
        } else {
            if request.flag("watch") { throw .watchUnsupported(target.resource) }
            content = .list(try isNodes ? nodes(request) : pods(target.namespace, request))
        }
        let moment = now()
        let document = MetricsDocument(
            kind: isNodes ? "NodeMetrics" : "PodMetrics", content: content, now: moment / 1_000_000_000)
        for item in document.items { freshness.observe(Double(moment - item.window.end) / 1e9) }
        return encode(document, format, request)
    }

    private func nodes(_ request: MetricsRequest) throws(Refusal) -> [MetricsItem] {
        let labels = try labelQuery(request)
        let fields = try FieldQuery(request.parameter("fieldSelector") ?? "", namespaced: false)
        return store.items(
            of: catalog.nodes {
                nodeSelector.matches($0.labels) && labels.matches($0.labels)
                    && fields.matches(name: $0.name, namespace: "")
            })
    }

    private func pods(_ namespace: String?, _ request: MetricsRequest) throws(Refusal) -> [MetricsItem] {
        let labels = try labelQuery(request)
        let fields = try FieldQuery(request.parameter("fieldSelector") ?? "", namespaced: true)
        return store.items(
            of: catalog.pods(namespace: namespace) {
                labels.matches($0.labels) && fields.matches(name: $0.name, namespace: $0.namespace)
            })
    }

    private func labelQuery(_ request: MetricsRequest) throws(Refusal) -> LabelQuery {
        do {
            return try LabelQuery(request.parameter("labelSelector") ?? "")
        } catch {
            throw .badRequest(error.message)
        }
    }

    private func node(_ name: String) throws(Refusal) -> MetricsItem {
        guard let node = catalog.node(named: name) else { throw .notFound(kind: "node", name: name) }
        guard let item = store.items(of: [node]).first else {
            throw .notFound(kind: "nodemetrics", group: "metrics.k8s.io", name: name)
        }
        return item
    }

    private func pod(_ namespace: String, _ name: String) throws(Refusal) -> MetricsItem {
        guard let pod = catalog.pod(namespace: namespace, name: name) else { throw .notFound(kind: "pods", name: name) }
        guard let item = store.items(of: [pod]).first else {
            throw .notFound(kind: "podmetrics", group: "metrics.k8s.io", name: "\(namespace)/\(name)")
        }
        return item
    }

    // MARK: Encoding

    private func encode(_ document: MetricsDocument, _ format: AnswerFormat, _ request: MetricsRequest) -> HTTPAnswer {
        switch format {
        case .json:
            HTTPAnswer(contentType: "application/json", body: document.json.json(pretty: request.wantsPretty))
        case .yaml: HTTPAnswer(contentType: "application/yaml", body: document.json.yaml())
        case .protobuf: HTTPAnswer(contentType: "application/vnd.kubernetes.protobuf", body: document.protobuf)
        case .table(let version):
            HTTPAnswer(
                contentType: "application/json",
                body: document.table(version: version, includesObjects: request.parameter("includeObject") != "None")
                    .json(pretty: request.wantsPretty))
        }
    }

    private func encode(_ refusal: Refusal, for request: MetricsRequest) -> HTTPAnswer {
        switch AnswerFormat.negotiate(request.accept) {
        case .protobuf:
            HTTPAnswer(
                status: refusal.code, contentType: "application/vnd.kubernetes.protobuf", body: refusal.protobuf)
        case .yaml: HTTPAnswer(status: refusal.code, contentType: "application/yaml", body: refusal.json.yaml())
        case .json, .table, nil:
            HTTPAnswer(
                status: refusal.code, contentType: "application/json",
                body: refusal.json.json(pretty: request.wantsPretty))
        }
    }
}
