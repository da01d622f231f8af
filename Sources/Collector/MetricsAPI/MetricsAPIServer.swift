import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL
import ProcessRuntime
import ServiceLifecycle

/// Serves the Metrics API over TLS.
struct MetricsAPIServer: Service {
    let address: HTTPAddress
    let tls: TLSConfiguration
    let api: MetricsAPI
    let logger: Logger
    /// Called once with the address in use.
    var listening: @Sendable (HTTPAddress) -> Void = { _ in }

    /// Serves until graceful shutdown.
    /// - Throws: `ProcessError` 69 naming the address if it cannot be bound.
    func run() async throws {
        let (api, address, logger, listening) = (api, address, logger, listening)
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            let answer = await api.answer(MetricsRequest(request))
            return Self.response(answer, isHead: request.method == .head)
        }
        var quiet = logger
        if quiet.logLevel > .debug { quiet.logLevel = max(.warning, quiet.logLevel) }
        let application = Application(
            responder: responder, server: try .tls(.http1(), tlsConfiguration: tls),
            configuration: .init(address: .hostname(address.host, port: address.port)),
            onServerRunning: { channel in
                let bound = HTTPAddress(host: address.host, port: channel.localAddress?.port ?? address.port)
                logger.info("serving the metrics API", metadata: ["address": "\(bound)"])
                listening(bound)
            },
            logger: quiet)
        do {
            try await application.run()
        } catch {
            throw ProcessError.cannotListen(
                at: address, for: "the metrics API", options: "--bind-address and --secure-port", because: error) ?? error
        }
    }

    private static func response(_ answer: HTTPAnswer, isHead: Bool) -> Response {
        var headers: HTTPFields = [
            .contentType: answer.contentType, .cacheControl: "no-cache, private",
            .contentLength: String(answer.body.count),
        ]
        headers[.xContentTypeOptions] = "nosniff"
        return Response(
            status: .init(code: answer.status), headers: headers,
            body: isHead ? .init() : .init(byteBuffer: ByteBuffer(bytes: answer.body)))
    }
}

extension MetricsRequest {
    fileprivate init(_ request: Request) {
        self.init(
            method: request.method.rawValue, path: request.uri.path,
            query: Self.parameters(request.uri.query ?? ""),
            accept: request.headers[.accept] ?? "", userAgent: request.headers[.userAgent] ?? "",
            authorization: request.headers[.authorization])
    }

    /// Parses `a=b&c`, undoing `%xx` and `+`.
    static func parameters(_ query: String) -> [(name: String, value: String)] {
        query.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (decoded(parts[0]), parts.count > 1 ? decoded(parts[1]) : "")
        }
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+") {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%"), let hex = String(rest.prefix(2)), hex.utf8.count == 2,
                let value = UInt8(hex, radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
