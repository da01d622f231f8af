import AccessReview
import EncryptedServing
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOSSL
import ProcessRuntime
import ServiceLifecycle
import Synchronization

/// Serves the Metrics API over TLS.
struct MetricsAPIServer: Service {
    let address: HTTPAddress
    /// Asked for each connection; the generation changes when it does.
    var encryption: @Sendable () -> (settings: EncryptionSettings, generation: Int)
    let api: MetricsAPI
    let logger: Logger
    /// Requests that are answered at a time; 0 for any number.
    var requestLimit = 400
    /// For one more the one goes that has been silent longest (``ConnectionRoom``).
    var mostConnections = 512
    /// Called once with the address in use.
    var listening: @Sendable (HTTPAddress) -> Void = { _ in }

    /// API servers keep their connections: they ask for what is served every few seconds. Headers may take as long as in theirs
    /// (apiserver's server/secure_serving.go).
    ///
    /// An answer has a minute, as requests have there: a list that is not read would keep its place among the requests for ever.
    private static let timeouts = HTTPTimeouts(readHeader: .seconds(32), write: .seconds(60), idle: .seconds(180))

    /// Serves until graceful shutdown.
    /// - Throws: `ProcessError` 69 naming the address if it cannot be bound.
    func run() async throws {
        let (api, address, logger, listening, encryption) = (api, address, logger, listening, encryption)
        let ended: @Sendable (String) -> Void = { [api] limit in
            api.registry.counter(
                "mizzen_collector_closed_connections_total",
                help:
                    "Connections to the metrics API that were closed because a request or answer took too long, or there were too many, by limit.",
                labels: [("limit", limit)]
            ).add()
        }
        var timeouts = Self.timeouts
        timeouts.ended = ended
        let connections = timeouts.connection()
        let room = ConnectionRoom(most: mostConnections, crowded: { ended("connections") })
        let turnstile = Turnstile(limit: requestLimit) { api.metrics.note(inFlight: $0) }
        let responder = CallbackResponder<EventLoopRequestContext> { request, context in
            let start = ContinuousClock.now
            let place = turnstile.enter()
            let answer = await api.answer(MetricsRequest(request), isCrowded: place == nil)
            return Self.response(answer, isHead: request.method == .head, on: context.executor) {
                // A list keeps its place until it has been sent, or will not be.
                withExtendedLifetime(place) {}
                guard let endpoint = answer.endpoint else { return }
                api.metrics.note(endpoint, code: answer.status, size: answer.size, duration: .now - start)
            }
        }
        var quiet = logger
        if quiet.logLevel > .debug { quiet.logLevel = max(.warning, quiet.logLevel) }
        let application = Application(
            responder: responder,
            server: HTTPServerBuilder {
                EncryptedChannel(
                    settings: encryption, connections: connections, entered: { try room.take($0) }, responder: $0)
            },
            configuration: .init(
                address: .hostname(address.host, port: address.port),
                availableConnectionsDelegate: MaximumAvailableConnections(HTTPFront.mostConnections)),
            onServerRunning: { channel in
                HTTPFront.pace(channel)
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

    /// - Parameter finished: called when the last byte was handed over.
    private static func response(
        _ answer: MetricsAnswer, isHead: Bool, on executor: EventLoopExecutor, finished: @escaping @Sendable () -> Void
    ) -> Response {
        var headers: HTTPFields = [
            .contentType: answer.contentType, .cacheControl: "no-cache, private", .contentLength: String(answer.size),
        ]
        headers[.xContentTypeOptions] = "nosniff"
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        // Nothing is said of a body that does not come (RFC 9110, section 15.4.5).
        if answer.status == 304 { for name in [HTTPField.Name.contentType, .contentLength] { headers[name] = nil } }
        let status = HTTPResponse.Status(code: answer.status)
        if !isHead, case .list(let list) = answer.content, list.size > bufferSize {
            return Response(status: status, headers: headers, body: stream(list, on: executor, finished: finished))
        }
        finished()
        let body: ResponseBody =
            switch answer.content {
            case _ where isHead || answer.size == 0: .init()
            case .bytes(let bytes): .init(byteBuffer: ByteBuffer(bytes: bytes))
            case .list(let list): .init(byteBuffer: list.buffer)
            }
        return Response(status: status, headers: headers, body: body)
    }

    /// How much of a long list is handed to a connection at once, and how many such buffers an answer has, in turns: however long the list
    /// and however slow its client, an answer takes no more memory than these.
    private static let bufferSize = 256 * 1024
    private static let buffers = 3

    private static func stream(
        _ list: ListBody, on executor: EventLoopExecutor, finished: @escaping @Sendable () -> Void
    ) -> ResponseBody {
        ResponseBody(contentLength: list.size) { writer in
            try await withTaskExecutorPreference(executor) {
                var buffers = Array(repeating: ByteBuffer(), count: Self.buffers)
                var turn = 0
                var position = ListBody.Position()
                while list.write(from: &position, into: &buffers[turn], room: bufferSize) {
                    try await writer.write(buffers[turn])
                    turn = (turn + 1) % buffers.count
                }
            }
            try await writer.finish(nil)
            finished()
        }
    }
}

extension MetricsRequest {
    fileprivate init(_ request: Request) {
        let shown = EncryptedPeer.current?.certificates ?? []
        self.init(
            method: request.method.rawValue, path: PercentEncoding.decoded(request.uri.path),
            query: Self.parameters(request.uri.query ?? ""),
            accept: request.headers[.accept] ?? "", userAgent: request.headers[.userAgent] ?? "",
            contentType: request.headers[.contentType] ?? "",
            hasBody: (request.headers[.contentLength].flatMap { Int($0) } ?? 0) > 0, ifNoneMatch: request.headers[.ifNoneMatch] ?? "",
            evidence: CallerEvidence(
                token: BearerToken.read(request.headers[.authorization]),
                certificate: shown.first, intermediates: Array(shown.dropFirst()),
                // Nobody's word counts without one.
                headers: shown.isEmpty ? [] : request.headers.map { ($0.name.canonicalName, $0.value) }))
    }

    /// Parses `a=b&c`, undoing `%xx` and `+`.
    static func parameters(_ query: String) -> [(name: String, value: String)] {
        query.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (
                PercentEncoding.decoded(parts[0], plusIsSpace: true),
                parts.count > 1 ? PercentEncoding.decoded(parts[1], plusIsSpace: true) : ""
            )
        }
    }
}
