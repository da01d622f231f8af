import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import NIOCore
import NIOSSL
import ServiceLifecycle
import Synchronization

@testable import Collector

/// A server on a free loopback port for as long as a test needs it.
struct TestServer: ServiceLifecycle.Service {
    struct Answer: Sendable {
        var status = 200
        var body: [UInt8] = []
    }

    let answer: @Sendable (_ method: String, _ path: String, _ authorization: String?, _ body: String) -> Answer
    var tls: TLSConfiguration?
    let listening: @Sendable (Int) -> Void

    func run() async throws {
        let (answer, listening) = (answer, listening)
        let application = Application(
            responder: CallbackResponder<BasicRequestContext> { request, _ in
                let body = try await request.body.collect(upTo: 1 << 20)
                let result = answer(
                    request.method.rawValue, request.uri.path, request.headers[.authorization], String(buffer: body))
                return Response(
                    status: .init(code: result.status), headers: [.contentType: "application/json"],
                    body: .init(byteBuffer: ByteBuffer(bytes: result.body)))
            },
            server: try tls.map { try .tls(.http1(), tlsConfiguration: $0) } ?? .http1(),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { listening($0.localAddress?.port ?? 0) }, logger: CapturedCluster.silent)
        try await application.run()
    }
}

/// A value that one task sets and another waits for.
final class Promised<Value: Sendable>: Sendable {
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(of: Value.self) }

    func set(_ value: Value) { continuation.yield(value) }

    /// May be called once.
    var value: Value {
        get async throws {
            for await value in stream { return value }
            throw CancellationError()
        }
    }
}

/// Kubelets that give each node's first captured scrape once and its second from then on, to those who show the token.
final class CapturedKubelets: Sendable {
    private let asked = Mutex<[String: Int]>([:])

    func answer(path: String, authorization: String?) -> TestServer.Answer {
        guard authorization == "Bearer collector-token" else { return TestServer.Answer(status: 401) }
        let node = path.split(separator: "/").first.map(String.init) ?? ""
        let round = asked.withLock { asked in
            asked[node, default: 0] += 1
            return min(asked[node, default: 0], 2)
        }
        guard let bytes = try? CapturedCluster.bytes("kubelet/\(node).\(round).txt") else {
            return TestServer.Answer(status: 500)
        }
        return TestServer.Answer(body: bytes)
    }
}
