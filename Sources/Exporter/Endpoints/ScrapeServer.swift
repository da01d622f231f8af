import EncryptedServing
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import MizzenSystem
import NIOCore
import ProcessRuntime
import ServiceLifecycle

/// The main port: `/metrics`, health, and a page that links to them.
struct ScrapeServer: Service {
    let address: HTTPAddress
    /// May be others at each scrape.
    let sections: @Sendable () -> [ExpositionSection]
    var limiter: SeriesLimiter?
    /// What every scrape waits for, whatever it asks for.
    var withheld: @Sendable () -> String? = { nil }
    /// What is served in the place of what is missing.
    var kept: @Sendable () -> KeptExposition? = { nil }
    var front = HTTPFront()
    /// Whether who accepts gzip gets it.
    var compresses = false
    /// Whether a scrape is answered while objects are still missing.
    var servesPartial = false
    let telemetry: ExporterTelemetry
    let logger: Logger
    /// Called once with the address in use, which has a number where port 0 was asked for.
    var listening: @Sendable (HTTPAddress) -> Void = { _ in }

    /// Serves until graceful shutdown.
    /// - Throws: `ProcessError` 69 naming the address if it cannot be bound.
    func run() async throws {
        let responder = CallbackResponder<EventLoopRequestContext> { request, context in
            await front.admit(request) { respond(to: request, context.executor) }
        }
        let application = Application(
            responder: responder,
            server: front.server,
            configuration: .init(
                address: .hostname(address.host, port: address.port),
                availableConnectionsDelegate: MaximumAvailableConnections(HTTPFront.mostConnections)),
            onServerRunning: { channel in
                HTTPFront.pace(channel)
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

    private func respond(to request: Request, _ executor: EventLoopExecutor) -> Response {
        guard request.method == .get || request.method == .head else {
            return answer(request, 405, "only GET and HEAD are served here\n")
        }
        return switch request.uri.path {
        case "/metrics": scrape(request, executor)
        case "/healthz", "/livez": answer(request, 200, "OK")
        case "/readyz": readiness(request)
        case "/": answer(request, 200, LandingPage.main, type: "text/html; charset=utf-8")
        default: answer(request, 404, "not found; served here: / /healthz /livez /readyz /metrics\n")
        }
    }

    private func readiness(_ request: Request) -> Response {
        let (isReady, text) = telemetry.readiness
        return isReady ? answer(request, 200, text) : answer(request, 503, "\(text)\n")
    }

    private func scrape(_ request: Request, _ executor: EventLoopExecutor) -> Response {
        let start = ContinuousClock.now
        if let withheld = withheld() { return answer(request, 503, "not served yet: waiting for \(withheld)\n") }
        let isWanted = wish(of: request)
        var selected = sections().filter { isWanted($0.resource) }
        var headers: HTTPFields = [:]
        let missing = telemetry.awaited.filter { name in selected.contains { $0.needs.contains(name) } }
        if !missing.isEmpty, let kept = kept() {
            // All of it or none: kept and current samples beside one another would be of two moments.
            let (sections, age) = kept.selection(at: WallClock.nanoseconds(), where: isWanted)
            selected = sections
            headers[.age] = "\(age / 1_000_000_000)"
        } else if !missing.isEmpty, !servesPartial {
            // Part of the series would look like objects that are gone, and fire alerts; no answer is a target that is down.
            return answer(request, 503, "not whole yet: waiting for \(missing.joined(separator: ", "))\n")
        }
        let (format, contentType) = ContentNegotiation.format(accept: request.headers[.accept])
        let isCompressed = compresses && ContentNegotiation.acceptsGzip(request.headers[.acceptEncoding])
        headers[.contentType] = contentType
        if compresses { headers[.vary] = "Accept-Encoding" }
        if isCompressed { headers[.contentEncoding] = "gzip" }
        if request.method == .head { return Response(status: .ok, headers: headers) }
        let requests = telemetry.requests
        let body = ExpositionBody(sections: selected, format: format, isCompressed: isCompressed, limiter: limiter)
        return Response(
            status: .ok, headers: headers,
            body: body.response(on: executor) { requests.observe((ContinuousClock.now - start) / .seconds(1)) })
    }

    /// `?resources=pods,nodes` and `?exclude_resources=pods` choose among what is served.
    private func wish(of request: Request) -> (String) -> Bool {
        func names(_ key: String) -> [String]? {
            let values = request.uri.queryParameters[values: key[...]].map(String.init)
            return values.isEmpty ? nil : ExporterConfiguration.items(values)
        }
        let (wanted, unwanted) = (names("resources"), names("exclude_resources"))
        return { resource in (wanted?.contains(resource) ?? true) && !(unwanted?.contains(resource) ?? false) }
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
        "Metrics of Kubernetes objects, from Mizzen's delta stream.", links: ["/metrics", "/healthz", "/livez", "/readyz"])
    static let telemetry = page("The exporter's metrics about itself.", links: ["/metrics", "/healthz", "/livez", "/readyz"])

    private static func page(_ text: String, links: [String]) -> String {
        let items = links.map { "<li><a href=\"\($0)\">\($0)</a></li>" }.joined()
        return """
            <!DOCTYPE html><html lang="en"><head><title>mizzen-exporter</title></head><body><h1>mizzen-exporter</h1>\
            <p>\(text) Version \(MizzenVersion.current).</p><ul>\(items)</ul></body></html>

            """
    }
}
