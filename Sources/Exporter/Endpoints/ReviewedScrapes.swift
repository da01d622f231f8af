import AccessReview
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import ProcessRuntime

/// `--auth-filter`: `/metrics` is for those whom the API server knows (TokenReview) and lets get this path (SubjectAccessReview).
/// Everything else is for everybody: probes have no token.
struct ReviewedScrapes: Sendable {
    /// How long kube-state-metrics keeps answers.
    static let lifetimes = CachedAccess.Lifetimes(token: .seconds(60), allowed: .seconds(300), denied: .seconds(30))

    let access: any AccessControl
    let logger: Logger

    /// Puts the question behind a front.
    func behind(_ front: HTTPFront) -> HTTPFront {
        HTTPFront(server: front.server) { [self] request, answer in
            await front.admit(request) {
                guard request.uri.path == "/metrics", let refusal = await refusal(of: request) else { return await answer() }
                return refusal
            }
        }
    }

    /// - Returns: nil for who may read.
    private func refusal(of request: Request) async -> Response? {
        guard let token = BearerToken.read(request.headers[.authorization]) else { return Self.answer(.unauthorized, "Unauthorized") }
        let user: UserInfo
        do {
            guard let known = try await access.user(token: token) else { return Self.answer(.unauthorized, "Unauthorized") }
            user = known
        } catch {
            logger.warning("token review failed", metadata: ["error": "\(error)"])
            return Self.answer(.serviceUnavailable, "Authentication failed")
        }
        do {
            let wish = AccessAttributes(verb: request.method.rawValue.lowercased(), object: .path(request.uri.path))
            switch try await access.decision(user, wish) {
            case .allowed: return nil
            case .denied: return Self.answer(.forbidden, "Authorization denied for user \(user.name)")
            }
        } catch {
            logger.warning("subject access review failed", metadata: ["error": "\(error)"])
            return Self.answer(.serviceUnavailable, "Authorization for user \(user.name) failed")
        }
    }

    private static func answer(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8", .xContentTypeOptions: "nosniff"],
            body: .init(byteBuffer: ByteBuffer(string: "\(text)\n")))
    }
}
