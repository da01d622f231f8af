import AccessReview
import Logging
import MizzenSystem
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
    var now: @Sendable () -> Int64
    /// Seconds since the boot.
    var uptime: @Sendable () -> UInt32 = secondsSinceBoot
    let logger: Logger

    @Sendable static func secondsSinceBoot() -> UInt32 { UInt32(clamping: BootClock.nanoseconds() / 1_000_000_000) }

    func answer(_ request: MetricsRequest) async -> MetricsAnswer {
        do {
            return try await grantedAnswer(request)
        } catch {
            return encode(error, for: request)
        }
    }

    private func grantedAnswer(_ request: MetricsRequest) async throws(Refusal) -> MetricsAnswer {
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

    private func answer(path: String, _ request: MetricsRequest) throws(Refusal) -> MetricsAnswer {
        let isRead = request.method == "GET" || request.method == "HEAD"
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        switch trimmed {
        case "/livez", "/healthz", "/readyz":
            guard isRead else { throw .methodNotAllowed }
            let checks = trimmed == "/readyz" ? readyz : livez
            return MetricsAnswer(checks.answer(String(trimmed.dropFirst()), verbose: request.flag("verbose")))
        case "/metrics":
            guard isRead else { throw .methodNotAllowed }
            return MetricsAnswer(.metrics(registry.render()))
        case "/", "/apis", "/apis/metrics.k8s.io", "/apis/metrics.k8s.io/v1beta1", "/version":
            guard isRead else { throw .methodNotAllowed }
            return try document(trimmed, request)
        default: throw .unknownPath
        }
    }

    private func document(_ path: String, _ request: MetricsRequest) throws(Refusal) -> MetricsAnswer {
        let document =
            switch path {
            case "/": Discovery.paths
            case "/apis": Discovery.groups(port: port())
            case "/apis/metrics.k8s.io": Discovery.group
            case "/version": Discovery.version(MizzenVersion.current)
            default: Discovery.resources
            }
        if AnswerFormat.negotiate(request.accept) == .yaml {
            return MetricsAnswer(contentType: "application/yaml", body: document.yaml())
        }
        // Discovery clients also ask for protobuf and newer document kinds; all of them take JSON.
        return MetricsAnswer(contentType: "application/json", body: document.json(pretty: request.wantsPretty))
    }

    // MARK: Resources

    private func answer(_ target: APITarget.ResourceTarget, _ request: MetricsRequest) throws(Refusal) -> MetricsAnswer {
        let isNodes = target.resource == "nodes" && target.namespace == nil
        let isPods = target.resource == "pods" && (target.namespace != nil || target.name == nil)
        guard isNodes || isPods, target.subresource == nil else { throw .unknownPath }
        guard request.method == "GET" || request.method == "HEAD" else { throw .methodNotAllowed }
        guard let format = AnswerFormat.negotiate(request.accept) else { throw .notAcceptable }
        let kind = isNodes ? "NodeMetrics" : "PodMetrics"
        let moment = now()
        if let name = target.name {
            let item = try isNodes ? node(name) : pod(target.namespace ?? "", name)
            freshness.observe(Double(moment - item.window.end) / 1e9)
            return encode(MetricsDocument(kind: kind, content: .item(item), now: moment / 1_000_000_000), format, request)
        }
        if request.flag("watch") { throw .watchUnsupported(target.resource) }
        let objects = try isNodes ? nodes(request) : pods(target.namespace, request)
        return list(kind, objects, format, request, at: moment)
    }

    /// What is selected, with what is measured of it.
    private enum Selection {
        case nodes([(Listed<CatalogNode>, NodeUsage)])
        case pods([(Listed<CatalogPod>, PodUsage)])
    }

    private func nodes(_ request: MetricsRequest) throws(Refusal) -> Selection {
        let labels = try labelQuery(request)
        let fields = try FieldQuery(request.parameter("fieldSelector") ?? "", namespaced: false)
        let chosen = catalog.listedNodes().filter { node in
            let node = node.object
            return nodeSelector.matches(node.labels) && labels.matches(node.labels) && fields.matches(name: node.name, namespace: "")
        }
        return .nodes(zip(chosen, store.usage(ofNodes: chosen.map(\.object.name))).compactMap { node, usage in usage.map { (node, $0) } })
    }

    private func pods(_ namespace: String?, _ request: MetricsRequest) throws(Refusal) -> Selection {
        let labels = try labelQuery(request)
        let fields = try FieldQuery(request.parameter("fieldSelector") ?? "", namespaced: true)
        var chosen: [Listed<CatalogPod>] = []
        for pods in catalog.listedPods(namespace: namespace) {
            chosen += pods.filter { pod in
                labels.matches(pod.object.labels) && fields.matches(name: pod.object.name, namespace: pod.object.namespace)
            }
        }
        let keys = chosen.map { UsageStore.PodKey(namespace: $0.object.namespace, name: $0.object.name) }
        return .pods(zip(chosen, store.usage(ofPods: keys)).compactMap { pod, usage in usage.map { (pod, $0) } })
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

    // MARK: Lists

    /// - Parameter moment: of the answer, nanoseconds since 1970-01-01 UTC.
    private func list(
        _ kind: String, _ objects: Selection, _ format: AnswerFormat, _ request: MetricsRequest, at moment: Int64
    ) -> MetricsAnswer {
        let seconds = moment / 1_000_000_000
        guard let form = format.pieceForm(pretty: request.wantsPretty, includesObjects: request.includesObjects) else {
            let items =
                switch objects {
                case .nodes(let nodes): nodes.compactMap { $1.item($0.object) }
                case .pods(let pods): pods.compactMap { $1.item($0.object, isPartial: store.isPartial) }
                }
            for item in items { freshness.observe(Double(moment - item.window.end) / 1e9) }
            return encode(MetricsDocument(kind: kind, content: .list(items), now: seconds), format, request)
        }
        var renderer = ItemRenderer(form, now: seconds)
        let uptime = uptime()
        let pieces: [RenderedPiece] =
            switch objects {
            case .nodes(let nodes):
                nodes.compactMap { node, usage in
                    node.pieces.piece(form, of: usage, momentSize: renderer.moment.count, now: uptime) { former in
                        usage.item(node.object).map { renderer.piece(of: $0, after: former) }
                    }
                }
            case .pods(let pods):
                pods.compactMap { pod, usage in
                    pod.pieces.piece(form, of: usage, momentSize: renderer.moment.count, now: uptime) { former in
                        usage.item(pod.object, isPartial: store.isPartial).map { renderer.piece(of: $0, after: former) }
                    }
                }
            }
        for piece in pieces { freshness.observe(Double(moment - piece.measuredAt) / 1e9) }
        let list =
            switch form {
            case .json(let pretty):
                ListBody(
                    MetricsDocument(kind: kind, content: .list([]), now: seconds).json, pretty: pretty, pieces: pieces,
                    moment: renderer.moment)
            case .row(let version, _, let pretty):
                ListBody(
                    MetricsDocument.table(version: version, hasRows: !pieces.isEmpty), pretty: pretty, pieces: pieces,
                    moment: renderer.moment)
            case .protobuf:
                ListBody(apiVersion: MetricsDocument.apiVersion, kind: kind + "List", pieces: pieces, moment: renderer.moment)
            }
        return MetricsAnswer(contentType: format.contentType, content: .list(list))
    }

    // MARK: Encoding

    private func encode(_ document: MetricsDocument, _ format: AnswerFormat, _ request: MetricsRequest) -> MetricsAnswer {
        let body =
            switch format {
            case .json: document.json.json(pretty: request.wantsPretty)
            case .yaml: document.json.yaml()
            case .protobuf: document.protobuf
            case .table(let version):
                document.table(version: version, includesObjects: request.includesObjects).json(pretty: request.wantsPretty)
            }
        return MetricsAnswer(contentType: format.contentType, body: body)
    }

    private func encode(_ refusal: Refusal, for request: MetricsRequest) -> MetricsAnswer {
        let format = AnswerFormat.negotiate(request.accept) ?? .json
        let body =
            switch format {
            case .protobuf: refusal.protobuf
            case .yaml: refusal.json.yaml()
            case .json, .table: refusal.json.json(pretty: request.wantsPretty)
            }
        return MetricsAnswer(status: refusal.code, contentType: format.contentType, body: body)
    }
}
