import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ProcessRuntime
import ServiceLifecycle

/// The main port: `/metrics`, health, and a page that links to them.
struct ScrapeServer: Service {
    /// Bytes of one piece of an answer.
    private static let pieceSize = 256 * 1024

    let address: HTTPAddress
    let sections: [ExpositionSection]
    var idleTimeout = Duration.seconds(300)
    let telemetry: ExporterTelemetry
    let logger: Logger
    /// Called once with the address in use, which has a number where port 0 was asked for.
    var listening: @Sendable (HTTPAddress) -> Void = { _ in }

    /// Serves until graceful shutdown.
    /// - Throws: `ProcessError` 69 naming the address if it cannot be bound.
    func run() async throws {
        let responder = CallbackResponder<BasicRequestContext> { request, _ in respond(to: request) }
        let application = Application(
            responder: responder,
            server: .http1(configuration: .init(idleTimeout: TimeAmount(idleTimeout))),
            configuration: .init(address: .hostname(address.host, port: address.port)),
            onServerRunning: { channel in
                let bound = HTTPAddress(host: address.host, port: channel.localAddress?.port ?? address.port)
                logger.info("serving metrics", metadata: ["address": "\(bound)"])
                listening(bound)
            },
            logger: quiet(logger))
        do {
            try await application.run()
        } catch {
            throw ProcessError.cannotListen(at: address, for: "metrics", options: "--host and --port", because: error) ?? error
        }
    }

    private func respond(to request: Request) -> Response {
        guard request.method == .get || request.method == .head else {
            return answer(request, 405, "only GET and HEAD are served here\n")
        }
        return switch request.uri.path {
        case "/metrics": scrape(request)
        case "/healthz", "/livez": answer(request, 200, "OK")
        case "/": answer(request, 200, LandingPage.main, type: "text/html; charset=utf-8")
        default: answer(request, 404, "not found; served here: / /healthz /livez /metrics\n")
        }
    }

    private func scrape(_ request: Request) -> Response {
        let start = ContinuousClock.now
        let (format, contentType) = ContentNegotiation.format(accept: request.headers[.accept])
        let headers: HTTPFields = [.contentType: contentType]
        if request.method == .head { return Response(status: .ok, headers: headers) }
        let cursor = ExpositionCursor(selected(by: request), format: format)
        let requests = telemetry.requests
        let body = ResponseBody { writer in
            var cursor = cursor
            var piece = ByteBuffer()
            while cursor.write(into: &piece, size: Self.pieceSize) {
                try await writer.write(piece)
                piece.clear()
            }
            try await writer.finish(nil)
            requests.observe((ContinuousClock.now - start) / .seconds(1))
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// `?resources=pods,nodes` and `?exclude_resources=pods` choose among what is served.
    private func selected(by request: Request) -> [ExpositionSection] {
        func names(_ key: String) -> [String]? {
            let values = request.uri.queryParameters[values: key[...]].map(String.init)
            return values.isEmpty ? nil : ExporterConfiguration.items(values)
        }
        let (wanted, unwanted) = (names("resources"), names("exclude_resources"))
        return sections.filter { section in
            (wanted?.contains(section.resource) ?? true) && !(unwanted?.contains(section.resource) ?? false)
        }
    }

    private func answer(
        _ request: Request, _ status: Int, _ text: String, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        let headers: HTTPFields = [.contentType: type]
        if request.method == .head { return Response(status: .init(code: status), headers: headers) }
        return Response(status: .init(code: status), headers: headers, body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    /// The server library says more than operators want to read at `info`.
    private func quiet(_ logger: Logger) -> Logger {
        var copy = logger
        if copy.logLevel == .info || copy.logLevel == .notice { copy.logLevel = .warning }
        return copy
    }
}

enum LandingPage {
    static let main = page(
        "Metrics of Kubernetes objects, from Mizzen's delta stream.", links: ["/metrics", "/healthz", "/livez"])
    static let telemetry = page("The exporter's metrics about itself.", links: ["/metrics", "/readyz"])

    private static func page(_ text: String, links: [String]) -> String {
        let items = links.map { "<li><a href=\"\($0)\">\($0)</a></li>" }.joined()
        return """
            <!DOCTYPE html><html lang="en"><head><title>mizzen-exporter</title></head><body><h1>mizzen-exporter</h1>\
            <p>\(text) Version \(MizzenVersion.current).</p><ul>\(items)</ul></body></html>

            """
    }
}
