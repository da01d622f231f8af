import HTTPTypes
import HummingbirdCore
import NIOCore
import ProcessRuntime
import Synchronization

/// What a web configuration puts before the answers of one port: encryption, headers, passwords, a limit of requests.
final class WebFront: Sendable {
    private struct Bucket: Sendable {
        var limit: WebConfiguration.RateLimit
        /// Requests that may still come at once, and parts of them.
        var tokens: Double
        var time: ContinuousClock.Instant
    }

    private let source: WebConfigurationSource
    private let passwords: PasswordBook
    private let bucket = Mutex<Bucket?>(nil)

    /// - Parameter passwords: may be shared by ports.
    init(_ source: WebConfigurationSource, passwords: PasswordBook) {
        (self.source, self.passwords) = (source, passwords)
    }

    /// - Parameter idleTimeout: of connections.
    func front(idleTimeout: Duration) -> HTTPFront {
        let idle = TimeAmount(idleTimeout)
        let isEncrypted = source.current.loaded.tls != nil
        let server = HTTPServerBuilder { [source] responder in
            if isEncrypted { return EncryptedChannel(source: source, idleTimeout: idle, responder: responder) }
            return HTTP1Channel(responder: responder, configuration: .init(idleTimeout: idle))
        }
        return HTTPFront(server: server) { [self] request, answer in await admit(request, answer) }
    }

    private func admit(_ request: Request, _ answer: HTTPFront.Answer) async -> Response {
        let web = source.current.loaded.web
        var response =
            if !hasRoom(web.rateLimit) {
                Self.refusal(.tooManyRequests)
            } else if web.users.isEmpty {
                await answer()
            } else if await passwords.admits(request.headers[.authorization], users: web.users) {
                await answer()
            } else {
                Self.refusal(.unauthorized, [.wwwAuthenticate: "Basic"])
            }
        for field in web.headers where response.headers[field.name] == nil { response.headers.append(field) }
        return response
    }

    private func hasRoom(_ limit: WebConfiguration.RateLimit?) -> Bool {
        guard let limit else { return true }
        let now = ContinuousClock.now
        return bucket.withLock { bucket in
            var next = bucket ?? Bucket(limit: limit, tokens: Double(limit.burst), time: now)
            if next.limit != limit { next = Bucket(limit: limit, tokens: min(next.tokens, Double(limit.burst)), time: now) }
            next.tokens = min(Double(limit.burst), next.tokens + (now - next.time) / limit.interval)
            next.time = now
            let hasRoom = next.tokens >= 1
            if hasRoom { next.tokens -= 1 }
            bucket = next
            return hasRoom
        }
    }

    private static func refusal(_ status: HTTPResponse.Status, _ headers: HTTPFields = [:]) -> Response {
        var headers = headers
        headers[.contentType] = "text/plain; charset=utf-8"
        headers[.xContentTypeOptions] = "nosniff"
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: "\(status.reasonPhrase)\n")))
    }
}
