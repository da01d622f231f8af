import FoundationEssentials
package import KubernetesClient
import KubernetesObjects

/// Asks the API server who a caller is (TokenReview) and what it may do (SubjectAccessReview).
package struct DelegatedAccess: AccessControl {
    /// Sends a review and returns its answer; throws for anything but success.
    let post: @Sendable (_ path: String, _ body: [UInt8]) async throws -> [UInt8]

    /// - Parameters:
    ///   - client: asks who a caller is, and what it may do.
    ///   - authorization: asks the latter instead.
    package init(client: APIClient, authorization: APIClient? = nil) {
        post = { path, body in
            let client = path == Self.subjectPath ? authorization ?? client : client
            let request = APIRequest(.post, path: path, body: body, contentType: "application/json")
            return try await client.send(request, timeout: .seconds(10), limit: 1 << 20).checked().body
        }
    }

    private static let subjectPath = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

    package init(post: @escaping @Sendable (String, [UInt8]) async throws -> [UInt8]) {
        self.post = post
    }

    package func user(token: String?) async throws -> UserInfo? {
        guard let token else { return .anonymous }
        let review = ReviewText.object([
            ("kind", ReviewText.string("TokenReview")), ("apiVersion", ReviewText.string("authentication.k8s.io/v1")),
            ("spec", ReviewText.object([("token", ReviewText.string(token))])),
        ])
        let answer = try await post("/apis/authentication.k8s.io/v1/tokenreviews", Array("\(review)\n".utf8))
        let status = try JSONDecoder().decode(TokenReview.self, from: Data(answer)).status
        guard status?.authenticated == true, let user = status?.user else { return nil }
        return UserInfo(name: user.username ?? "", uid: user.uid ?? "", groups: user.groups ?? [], extra: user.extra ?? [:]).authenticated
    }

    package func decision(_ user: UserInfo, _ attributes: AccessAttributes) async throws -> AccessDecision {
        let verb = ("verb", Optional(ReviewText.string(attributes.verb)))
        let wish: (String, String?) =
            switch attributes.object {
            case .path(let path): ("nonResourceAttributes", ReviewText.object([("path", ReviewText.string(path)), verb]))
            case .resource(let group, let version, let resource, let namespace, let object, let subresource):
                (
                    "resourceAttributes",
                    ReviewText.object([
                        ("namespace", namespace.map(ReviewText.string)), verb, ("group", ReviewText.string(group)),
                        ("version", ReviewText.string(version)), ("resource", ReviewText.string(resource)),
                        ("subresource", subresource.map(ReviewText.string)), ("name", object.map(ReviewText.string)),
                    ])
                )
            }
        let extra = user.extra.sorted { $0.key < $1.key }.map { ($0.key, Optional(ReviewText.list($0.value))) }
        let review = ReviewText.object([
            ("kind", ReviewText.string("SubjectAccessReview")), ("apiVersion", ReviewText.string("authorization.k8s.io/v1")),
            (
                "spec",
                ReviewText.object([
                    wish, ("user", ReviewText.string(user.name)), ("groups", ReviewText.list(user.groups)),
                    ("uid", user.uid.isEmpty ? nil : ReviewText.string(user.uid)),
                    ("extra", extra.isEmpty ? nil : ReviewText.object(extra)),
                ])
            ),
        ])
        let answer = try await post(Self.subjectPath, Array("\(review)\n".utf8))
        let status = try JSONDecoder().decode(SubjectReview.self, from: Data(answer)).status
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

    private struct SubjectReview: Decodable {
        struct Status: Decodable {
            var allowed: Bool?
            var denied: Bool?
            var reason: String?
        }
        var status: Status?
    }
}

/// JSON text whose members keep their order.
private enum ReviewText {
    static func string(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": out += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    static func list(_ texts: [String]) -> String { "[" + texts.map(string).joined(separator: ",") + "]" }

    /// - Parameter members: names, and values as JSON; those without one are left out.
    static func object(_ members: [(String, String?)]) -> String {
        "{" + members.compactMap { name, value in value.map { "\(string(name)):\($0)" } }.joined(separator: ",") + "}"
    }
}
