import EncryptedServing
import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOSSL
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

    func front(_ timeouts: HTTPTimeouts) -> HTTPFront {
        let room = timeouts.room()
        let isEncrypted = source.current.loaded.tls != nil
        let server = HTTPServerBuilder { [source] responder in
            guard let beginning = source.current.loaded.encryption, isEncrypted else {
                return HTTP1Channel(responder: responder, configuration: timeouts.connection(in: room))
            }
            // A file that no longer asks for TLS is one that cannot be taken (``WebConfigurationSource``); what holds is never without.
            return EncryptedChannel(
                settings: {
                    let (loaded, generation) = source.current
                    return (loaded.encryption ?? beginning, generation)
                }, connections: timeouts.connection(), entered: { try room.take($0) }, responder: responder)
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

extension LoadedWebConfiguration {
    /// nil: plain HTTP.
    fileprivate var encryption: EncryptionSettings? {
        guard let tls else { return nil }
        let clients = web.encryption?.clients ?? .none
        var settings = EncryptionSettings(
            tls: tls, allowsHTTP2: web.allowsHTTP2,
            // Who takes any certificate has the library ask for one, and does not judge it.
            takesAnyCertificate: clients != .none && !clients.isVerified)
        if let names = web.encryption?.allowedNames {
            settings.admits = { !names.isDisjoint(with: $0?.alternativeNames ?? []) }
        }
        return settings
    }
}

extension NIOSSLCertificate {
    /// Host names, mail addresses, URIs and addresses, as texts.
    fileprivate var alternativeNames: [String] {
        _subjectAlternativeNames().compactMap { name in
            switch name.nameType {
            case .dnsName, .email, .uri: String(decoding: name.contents, as: UTF8.self)
            case .ipAddress: (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: name.contents), port: 0))?.ipAddress
            default: nil
            }
        }
    }
}
