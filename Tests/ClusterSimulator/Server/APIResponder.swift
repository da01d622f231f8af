import HTTPTypes
import Hummingbird
import KubernetesObjects
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// What Hummingbird knows of a request beside its text: the connection, for its client certificate.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

/// Between Hummingbird and the API server: authentication, bodies, errors as `Status`.
struct APIResponder: HTTPResponder {
    typealias Context = ConnectionContext

    let server: APIServer
    let isSecure: Bool
    private static let bodyLimit = 32 << 20
    private static let nextID = Atomic<UInt64>(0)

    /// The answer with a body that breaks off.
    private static func cut(_ response: Response, afterBytes count: Int) -> Response {
        var response = response
        let whole = response.body
        response.body = ResponseBody { writer in
            try await whole.write(CuttingWriter(inner: writer, left: count))
            throw ConnectionCut()
        }
        response.headers[.contentLength] = nil
        return response
    }

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let target = RequestTarget(request.head.path ?? "/")
        var accept = request.headers[.accept]
        PingTolerance.add(toConnectionOf: context.channel)
        let description = RequestDescription(
            method: request.method.rawValue, target: target, accept: accept, id: Self.nextID.add(1, ordering: .relaxed).newValue)
        var cut: Int?
        switch await server.conduct.willAnswer(description) {
        case .proceed: break
        case .fail(let error): return failure(error, accept)
        case .disconnect:
            context.channel.close(promise: nil)
            throw ConnectionCut()
        case .cutAnswer(let count): cut = count
        case .proceedWithoutProtobuf:
            accept = accept?.split(separator: ",").filter { !$0.contains(Representation.protobufType) }.joined(separator: ",")
            if accept?.isEmpty ?? true { return failure(.notAcceptable, accept) }
        case .hang:
            try? await Task.sleep(for: .seconds(86_400))
            throw ConnectionCut()
        }
        do {
            let user = try await authenticate(request, context)
            try Self.authorize(user, request.method, target)
            let body = try await request.body.collect(upTo: Self.bodyLimit)
            if target.path == FaultEndpoint.path {
                return response(try FaultEndpoint(server: server).answer(request.method, Array(body.readableBytesView)), context)
            }
            let answer = try await server.answer(
                APIServer.Call(
                    method: request.method, target: target, accept: accept,
                    contentType: request.headers[.contentType], authorization: request.headers[.authorization],
                    body: Array(body.readableBytesView), user: user, description: description))
            let response = response(answer, context)
            return cut.map { Self.cut(response, afterBytes: $0) } ?? response
        } catch let error as StatusError {
            return failure(error, accept)
        }
    }

    private func authenticate(_ request: Request, _ context: ConnectionContext) async throws -> Authenticator.User {
        let authorization = request.headers[.authorization]
        var certificate: Authenticator.User?
        if isSecure, authorization == nil {
            if let shown = try await Self.peerCertificate(context.channel) {
                try server.authenticator.check(certificate: try shown.toDERBytes())
                certificate = Authority.user(of: shown)
            }
        }
        // kubectl and client-go send no credentials over plain HTTP: who reaches that port is the administrator, as with
        // the insecure port of old. A token that is sent must still be a good one.
        if !isSecure, authorization == nil { certificate = .unsecured }
        return try server.authenticator.authenticate(authorization: authorization, certificate: certificate)
    }

    /// With HTTP/2 the request's channel is a stream of the connection's channel.
    private static func peerCertificate(_ channel: any Channel) async throws -> NIOSSLCertificate? {
        if let found = try? await channel.nioSSL_peerCertificate().get() { return found }
        guard let parent = channel.parent else { return nil }
        return try? await parent.nioSSL_peerCertificate().get()
    }

    /// Discovery and health are for everybody; the rest for users who are allowed to.
    private static func authorize(
        _ user: Authenticator.User, _ method: HTTPRequest.Method, _ target: RequestTarget
    ) throws(StatusError) {
        if user.isAllowed { return }
        let verb = verb(method, target)
        switch ResourcePath(target.segments) {
        case .collection(let type, let namespace):
            throw .forbidden(
                user: user.name, verb: verb, group: type.resource.group, resource: type.resource.plural,
                namespace: namespace)
        case .object(let reference, _):
            let isNamespaced = reference.type.resource.isNamespaced
            throw .forbidden(
                user: user.name, verb: verb, group: reference.type.resource.group,
                resource: reference.type.resource.plural, namespace: isNamespaced ? reference.namespace : nil)
        case .other:
            if ["/version", "/healthz", "/livez", "/readyz"].contains(target.path) { return }
            if target.segments.starts(with: ["apis", MetricsProxy.group]) { return }  // the collector decides
            if user != .anonymous { return }
            throw .forbidden(user: user.name, verb: verb, path: target.path)
        }
    }

    private static func verb(_ method: HTTPRequest.Method, _ target: RequestTarget) -> String {
        let isObject = if case .object = ResourcePath(target.segments) { true } else { false }
        switch method {
        case .post: return "create"
        case .put: return "update"
        case .patch: return "patch"
        case .delete: return isObject ? "delete" : "deletecollection"
        default:
            if target.flag("watch") { return "watch" }
            if case .other = ResourcePath(target.segments) { return "get" }
            return isObject ? "get" : "list"
        }
    }

    private func response(_ answer: APIServer.Answer, _ context: ConnectionContext) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = answer.contentType
        headers[.cacheControl] = "no-cache, private"
        let status = HTTPResponse.Status(code: answer.status)
        switch answer.body {
        case .bytes(let buffer):
            return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: buffer))
        case .stream(let write):
            return Response(status: status, headers: headers, body: ResponseBody(write))
        case .watch(let session):
            // A client that leaves ends the watch even when nothing more happens.
            context.channel.closeFuture.whenComplete { _ in session.bell.ring.finish() }
            return Response(
                status: status, headers: headers,
                body: ResponseBody { writer in try await server.run(session, &writer) })
        }
    }

    private func failure(_ error: StatusError, _ accept: String?) -> Response {
        let wantsProtobuf = accept?.hasPrefix(Representation.protobufType) ?? false
        var headers = HTTPFields()
        headers[.contentType] = wantsProtobuf ? Representation.protobufType : "application/json"
        if let seconds = error.details?.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        let body =
            wantsProtobuf
            ? ProtobufEnvelope.wrap(error.protobuf, apiVersion: "v1", kind: "Status") : error.json.encoded
        return Response(
            status: HTTPResponse.Status(code: error.code), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

/// Lets so many bytes through, then fails, which closes the connection.
private struct CuttingWriter: ResponseBodyWriter {
    var inner: any ResponseBodyWriter
    var left: Int

    mutating func write(_ buffer: ByteBuffer) async throws {
        let part = buffer.getSlice(at: buffer.readerIndex, length: min(left, buffer.readableBytes)) ?? ByteBuffer()
        left -= part.readableBytes
        try await inner.write(part)
        if left <= 0 { throw ConnectionCut() }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws { throw ConnectionCut() }
}
