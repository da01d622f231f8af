/// Who asks.
struct UserInfo: Hashable, Sendable {
    var name: String
    var uid = ""
    var groups: [String] = []
    var extra: [String: [String]] = [:]

    static let anonymous = UserInfo(name: "system:anonymous", groups: ["system:unauthenticated"])
}

/// What somebody wants to do, as a SubjectAccessReview states it.
struct AccessAttributes: Hashable, Sendable {
    enum Object: Hashable, Sendable {
        case resource(name: String, namespace: String?, object: String?, subresource: String?)
        case path(String)
    }
    var verb: String
    var object: Object
}

enum AccessDecision: Hashable, Sendable {
    case allowed
    case denied(reason: String)
}

/// Decides who a caller is and what it may do. Throwing means that nobody could decide: such a caller gets nothing.
protocol AccessControl: Sendable {
    /// - Parameter token: the bearer token, nil if none was shown.
    /// - Returns: nil for a token that is not valid.
    func user(token: String?) async throws -> UserInfo?
    func decision(_ user: UserInfo, _ attributes: AccessAttributes) async throws -> AccessDecision
}

/// For a collector that knows no API server: everyone is anonymous, and anonymous may do nothing.
struct NoAccess: AccessControl {
    func user(token: String?) async throws -> UserInfo? { token == nil ? .anonymous : nil }
    func decision(_ user: UserInfo, _ attributes: AccessAttributes) async throws -> AccessDecision {
        .denied(reason: "")
    }
}

/// `--insecure-skip-authorization`: everyone may read everything.
struct OpenAccess: AccessControl {
    func user(token: String?) async throws -> UserInfo? { .anonymous }
    func decision(_ user: UserInfo, _ attributes: AccessAttributes) async throws -> AccessDecision { .allowed }
}

extension Refusal {
    /// The refusal of an authorizer, in the words that clients know.
    static func forbidden(_ user: UserInfo, _ attributes: AccessAttributes, reason: String) -> Refusal {
        let tail = reason.isEmpty ? "" : ": \(reason)"
        let who = "User \"\(user.name)\" cannot \(attributes.verb)"
        switch attributes.object {
        case .path(let path):
            return Refusal(
                code: 403, reason: "Forbidden", message: "forbidden: \(who) path \"\(path)\"\(tail)",
                details: Details())
        case .resource(let resource, let namespace, let object, let subresource):
            let full = subresource.map { "\(resource)/\($0)" } ?? resource
            let place = namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"
            let subject = object.map { " \"\($0)\"" } ?? ""
            return Refusal(
                code: 403, reason: "Forbidden",
                message: "\(resource).metrics.k8s.io\(subject) is forbidden: \(who) resource \"\(full)\" "
                    + "in API group \"metrics.k8s.io\" \(place)\(tail)",
                details: Details(name: object ?? "", group: "metrics.k8s.io", kind: resource))
        }
    }
}
