import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import Synchronization

/// A small server that does what a test says, real sockets and all: HTTP/1.1, or HTTP/2 over TLS.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        var method: String
        var path: String
        var query: [String: String]
        var headers: HTTPHeaders
        var body: [UInt8]
    }

    /// Answers one request. Returning without `end` or `cut` leaves the answer open, as a quiet watch is.
    typealias Script = @Sendable (Request, Answer) async throws -> Void

    struct Answer: Sendable {
        let channel: any Channel

        func head(_ status: Int, _ contentType: String, _ headers: [(String, String)] = []) async throws {
            let fields = HTTPHeaders([("Content-Type", contentType)] + headers)
            let head = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: fields)
            try await channel.writeAndFlush(HTTPServerResponsePart.head(head)).get()
        }

        func write(_ bytes: [UInt8]) async throws {
            let part = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes)))
            try await channel.writeAndFlush(part).get()
        }

        func write(_ text: String) async throws { try await write(Array(text.utf8)) }

        func end() async throws { try await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get() }

        /// Closes the connection in the middle of whatever it was.
        func cut() async throws { try await channel.close().get() }

        func reply(
            _ status: Int, _ text: String, _ contentType: String = "application/json", _ headers: [(String, String)] = []
        ) async throws {
            try await head(status, contentType, headers)
            try await write(text)
            try await end()
        }
    }

    private let listener: any Channel
    private let seen: RequestLog

    /// - Parameter settings: of HTTP/2, which is then all it speaks.
    init(tls: NIOSSLContext? = nil, http2 settings: HTTP2Settings? = nil, _ script: @escaping Script) async throws {
        let seen = RequestLog()
        self.seen = seen
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    }
                    if let settings {
                        var connection = NIOHTTP2Handler.ConnectionConfiguration()
                        connection.initialSettings = settings
                        _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
                            mode: .server, connectionConfiguration: connection, streamConfiguration: .init()
                        ) { stream in
                            stream.eventLoop.makeCompletedFuture {
                                try stream.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
                                try stream.pipeline.syncOperations.addHandler(ScriptHandler(script, seen))
                            }
                        }
                        return
                    }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(ScriptHandler(script, seen))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var port: Int { listener.localAddress?.port ?? 0 }
    var url: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { seen.requests.withLock { $0 } }

    func stop() async throws { try await listener.close().get() }
}

final class RequestLog: Sendable {
    let requests = Mutex<[ScriptedServer.Request]>([])
}

private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let script: ScriptedServer.Script
    private let log: RequestLog
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ script: @escaping ScriptedServer.Script, _ log: RequestLog) {
        self.script = script
        self.log = log
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let part): body += part.readableBytesView
        case .end:
            guard let head else { return }
            let request = Self.request(head, body)
            log.requests.withLock { $0.append(request) }
            let (script, answer) = (script, ScriptedServer.Answer(channel: context.channel))
            // A client that has gone is no news to a script.
            Task { try? await script(request, answer) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private static func request(_ head: HTTPRequestHead, _ body: [UInt8]) -> ScriptedServer.Request {
        let parts = head.uri.split(separator: "?", maxSplits: 1)
        var query: [String: String] = [:]
        for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            let sides = pair.split(separator: "=", maxSplits: 1).map(String.init)
            query[sides[0]] = sides.count > 1 ? sides[1] : ""
        }
        return ScriptedServer.Request(
            method: head.method.rawValue, path: String(parts[0]), query: query, headers: head.headers, body: body)
    }
}
