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
    let metrics: RequestMetrics
    /// Age of each item at the time of its answer, seconds.
    let freshness: Histogram
    let port: @Sendable () -> Int
    /// Nanoseconds since 1970-01-01 UTC.
    var now: @Sendable () -> Int64
    /// Seconds since the boot.
    var uptime: @Sendable () -> UInt32 = secondsSinceBoot
    let logger: Logger

    @Sendable static func secondsSinceBoot() -> UInt32 { UInt32(clamping: BootClock.nanoseconds() / 1_000_000_000) }

    /// - Parameter isCrowded: too many requests are being answered already. Then only those are who may do everything, and what tells
    ///   whether the process lives.
    func answer(_ request: MetricsRequest, isCrowded: Bool = false) async -> MetricsAnswer {
        let target = APITarget(path: request.path)
        if case .path(let path) = target, isAlwaysAllowed(path) { return answered(target, request) }
        do {
            let user = try await user(of: request)
            // As every extension API server: those who may do everything are not asked about, so that discovery is answered, and namespaces
            // can end, while nobody can be asked.
            if !user.groups.contains(Self.privileged) {
                if isCrowded { return dropped(target, request) }
                try await authorize(user, request, target)
            }
        } catch {
            return encode(error, for: request)
        }
        return answered(target, request)
    }

    /// What a caller gets who may have it.
    func answered(_ target: APITarget, _ request: MetricsRequest) -> MetricsAnswer {
        var answer: MetricsAnswer
        do {
            answer =
                switch target {
                case .resource(let target): try self.answer(target, request)
                case .path(let path): try self.answer(path: path, request)
                }
        } catch {
            answer = encode(error, for: request)
        }
        answer.endpoint = endpoint(target, request)
        return answer
    }

    private func dropped(_ target: APITarget, _ request: MetricsRequest) -> MetricsAnswer {
        // As API servers say it, in plain text.
        var answer = MetricsAnswer(.text("Too many requests, please try again later.", status: 429))
        answer.headers = [("Retry-After", "1")]
        answer.endpoint = endpoint(target, request)
        return answer
    }

    /// Nil for what there is not, and for documents, which API servers do not count.
    private func endpoint(_ target: APITarget, _ request: MetricsRequest) -> RequestMetrics.Endpoint? {
        guard request.isRead else { return nil }
        switch target {
        case .path(let path):
            let isHealth = ["/livez", "/readyz", "/healthz"].contains(path)
            return isHealth ? .init(verb: "GET", subresource: path) : nil
        case .resource(let target):
            guard let kind = ResourceKind(target) else { return nil }
            if target.name != nil { return .init(verb: "GET", resource: kind.resource, scope: "resource") }
            return .init(
                verb: request.flag("watch") ? "WATCH" : "LIST", resource: kind.resource,
                scope: target.namespace == nil ? "cluster" : "namespace")
        }
    }

    // MARK: Access

    /// `AlwaysAllowGroups` of a delegating authorizer (apiserver's server/options/authorization.go). Groups come from the API server, from
    /// the front proxy, and from certificates of authorities that are trusted.
    private static let privileged = "system:masters"

    private func user(of request: MetricsRequest) async throws(Refusal) -> UserInfo {
        let start = ContinuousClock.now
        let user: UserInfo?
        do {
            let authenticator = CallerAuthenticator(certificates: certificates, access: access, logger: logger)
            user = try await authenticator.user(request.evidence)
        } catch {
            // The API server's TokenReview failed: nobody can be told from anybody.
            logger.warning("token review failed", metadata: ["error": "\(error)"])
            metrics.note(.error, user: nil, duration: .now - start)
            throw .unauthorized
        }
        metrics.note(user == nil ? .failure : .success, user: user?.name, duration: .now - start)
        guard let user else { throw .unauthorized }
        return user
    }

    private func authorize(_ user: UserInfo, _ request: MetricsRequest, _ target: APITarget) async throws(Refusal) {
        let start = ContinuousClock.now
        let attributes = AccessAttributes(verb: target.verb(of: request), object: target.object(of: request))
        let decision: AccessDecision
        do {
            decision = try await access.decision(user, attributes)
        } catch {
            logger.warning("subject access review failed", metadata: ["error": "\(error)"])
            metrics.note(.error, duration: .now - start)
            throw Refusal(
                code: 500, reason: "InternalError",
                message: "Internal Server Error: \"\(request.path)\": the API server could not be asked for permission")
        }
        switch decision {
        case .allowed: metrics.note(.allowed, duration: .now - start)
        case .denied(let reason):
            metrics.note(.noOpinion, duration: .now - start)
            throw .forbidden(user, attributes, reason: reason)
        }
    }

    private func isAlwaysAllowed(_ path: String) -> Bool {
        alwaysAllowedPaths.contains { pattern in
            pattern.hasSuffix("*") ? path.hasPrefix(pattern.dropLast()) : path == pattern
        }
    }

    // MARK: Refusals

    func encode(_ refusal: Refusal, for request: MetricsRequest) -> MetricsAnswer {
        // A client that takes no form of errors gets them as people read them.
        guard let format = AnswerFormat.negotiate(request.accept, for: .document) else {
            return MetricsAnswer(status: refusal.code, contentType: "application/json", body: refusal.json.json(pretty: true))
        }
        let body =
            switch format.encoding {
            case .protobuf: refusal.protobuf
            case .yaml: refusal.json.yaml()
            case .json: refusal.json.json(pretty: format.isPretty || request.wantsPretty)
            }
        return MetricsAnswer(status: refusal.code, contentType: format.encoding.contentType, body: body)
    }
}

/// What is measured.
enum ResourceKind: Sendable {
    case nodes, pods

    /// nil for what there is not.
    init?(_ target: APITarget.ResourceTarget) {
        guard target.subresource == nil, target.pathVerb == nil else { return nil }
        switch target.resource {
        case "nodes" where target.namespace == nil: self = .nodes
        case "pods" where target.namespace != nil || target.name == nil: self = .pods
        default: return nil
        }
    }

    var resource: String {
        switch self {
        case .nodes: "nodes"
        case .pods: "pods"
        }
    }

    var kind: String {
        switch self {
        case .nodes: "NodeMetrics"
        case .pods: "PodMetrics"
        }
    }
}
