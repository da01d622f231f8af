import AccessReview

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
        case .resource(_, _, let resource, let namespace, let object, let subresource):
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
