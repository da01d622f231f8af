import FoundationEssentials
import KubernetesClient
import KubernetesObjects

/// Asks the API server who a caller is (TokenReview) and what it may do (SubjectAccessReview).
struct DelegatedAccess: AccessControl {
    /// Sends a review and returns its answer; throws for anything but success.
    let post: @Sendable (_ path: String, _ body: [UInt8]) async throws -> [UInt8]

    init(client: APIClient) {
        post = { path, body in
            let request = APIRequest(.post, path: path, body: body, contentType: "application/json")
            return try await client.send(request, timeout: .seconds(10), limit: 1 << 20).checked().body
        }
    }

    init(post: @escaping @Sendable (String, [UInt8]) async throws -> [UInt8]) {
        self.post = post
    }

    func user(token: String?) async throws -> UserInfo? {
        guard let token else { return .anonymous }
        let review = JSONValue.members([
            "kind": .string("TokenReview"), "apiVersion": .string("authentication.k8s.io/v1"),
            "spec": .members(["token": .string(token)]),
        ])
        let answer = try await post("/apis/authentication.k8s.io/v1/tokenreviews", review.json(pretty: false))
        let status = try JSONDecoder().decode(TokenReview.self, from: Data(answer)).status
        guard status?.authenticated == true, let user = status?.user else { return nil }
        return UserInfo(
            name: user.username ?? "", uid: user.uid ?? "",
            // As every authenticator in Kubernetes adds it.
            groups: (user.groups ?? []).contains("system:authenticated")
                ? user.groups ?? [] : (user.groups ?? []) + ["system:authenticated"],
            extra: user.extra ?? [:])
    }

    func decision(_ user: UserInfo, _ attributes: AccessAttributes) async throws -> AccessDecision {
        var spec: [JSONValue.Member] = []
        switch attributes.object {
        case .path(let path):
            spec.append(
                .init(
                    key: "nonResourceAttributes",
                    value: .members(["path": .string(path), "verb": .string(attributes.verb)])))
        case .resource(let resource, let namespace, let object, let subresource):
            spec.append(
                .init(
                    key: "resourceAttributes",
                    value: .members([
                        "namespace": namespace.map(JSONValue.string), "verb": .string(attributes.verb),
                        "group": .string("metrics.k8s.io"), "version": .string("v1beta1"),
                        "resource": .string(resource), "subresource": subresource.map(JSONValue.string),
                        "name": object.map(JSONValue.string),
                    ])))
        }
        spec.append(.init(key: "user", value: .string(user.name)))
        spec.append(.init(key: "groups", value: .array(user.groups.map(JSONValue.string))))
        if !user.uid.isEmpty { spec.append(.init(key: "uid", value: .string(user.uid))) }
        if !user.extra.isEmpty {
            let extra = user.extra.sorted { $0.key < $1.key }.map {
                JSONValue.Member(key: $0.key, value: .array($0.value.map(JSONValue.string)))
            }
            spec.append(.init(key: "extra", value: .object(extra)))
        }
        let review = JSONValue.members([
            "kind": .string("SubjectAccessReview"), "apiVersion": .string("authorization.k8s.io/v1"),
            "spec": .object(spec),
        ])
        let answer = try await post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review.json(pretty: false))
        let status = try JSONDecoder().decode(AccessReview.self, from: Data(answer)).status
        if status?.allowed == true, status?.denied != true { return .allowed }
        return .denied(reason: status?.reason ?? "")
    }

    private struct TokenReview: Decodable {
        struct Status: Decodable {
            var authenticated: Bool?
            var user: User?
        }
        struct User: Decodable {
            var username: String?
            var uid: String?
            var groups: [String]?
            var extra: [String: [String]]?
        }
        var status: Status?
    }

    private struct AccessReview: Decodable {
        struct Status: Decodable {
            var allowed: Bool?
            var denied: Bool?
            var reason: String?
        }
        var status: Status?
    }
}
