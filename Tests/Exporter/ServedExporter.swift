import Logging
import ProcessRuntime
import ServiceLifecycle
import Testing

@testable import Exporter

extension ExporterUnderTest {
    /// Where both ports are.
    struct Addresses: Sendable {
        var main: HTTPAddress
        var telemetry: HTTPAddress
    }

    /// Serves on free ports of this host while the body runs.
    /// - Parameter front: makes what stands before a port.
    func serving(
        front: () -> HTTPFront = { HTTPFront() }, compresses: Bool = false, servesPartial: Bool = false, limiter: SeriesLimiter? = nil,
        _ body: (Addresses) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (listening, continuation) = AsyncStream.makeStream(of: (isMain: Bool, address: HTTPAddress).self)
        let anyPort = HTTPAddress(host: "127.0.0.1", port: 0)
        let sections = feed.sections
        let main = ScrapeServer(
            address: anyPort, sections: { sections }, limiter: limiter, front: front(), compresses: compresses,
            servesPartial: servesPartial,
            telemetry: telemetry, logger: logger, listening: { continuation.yield((true, $0)) })
        let own = HTTPEndpoints(
            address: anyPort, routes: TelemetryRoutes.make(telemetry), front: front(), logger: logger,
            listening: { continuation.yield((false, $0)) })
        // Ended as a process ends it: a server that is cancelled while a connection arrives may take the process with it.
        let servers = ServiceGroup(services: [main, own], logger: logger)
        let running = Task { try await servers.run() }
        func stop() async {
            await servers.triggerGracefulShutdown()
            let watchdog = Task {
                try await Task.sleep(for: .seconds(2))
                running.cancel()
            }
            _ = await running.result
            watchdog.cancel()
        }
        var found: [Bool: HTTPAddress] = [:]
        for await (isMain, address) in listening {
            found[isMain] = address
            if found.count == 2 { break }
        }
        do {
            try await body(Addresses(main: #require(found[true]), telemetry: #require(found[false])))
        } catch {
            await stop()
            throw error
        }
        await stop()
    }
}
