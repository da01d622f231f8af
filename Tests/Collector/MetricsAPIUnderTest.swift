import EncryptedServing
import NIOSSL
import ProcessRuntime
import ServiceLifecycle
import TestSupport

@testable import Collector

/// A server of the metrics API on a free loopback port, for as long as `body` runs.
enum MetricsAPIUnderTest {
    /// - Parameters:
    ///   - folder: where its certificate goes.
    ///   - adjust: changes the server before it starts.
    static func serving(
        _ api: MetricsAPI, in folder: TemporaryFolder, adjust: (inout MetricsAPIServer) -> Void = { _ in },
        _ body: (_ url: String) async throws -> Void
    ) async throws {
        var tls = try ServingCertificate.configuration(certificateFile: nil, keyFile: nil, directory: folder.path("serving"))
        tls.certificateVerification = .optionalVerification
        let address = Promised<HTTPAddress>()
        let settings = EncryptionSettings(tls: tls, takesAnyCertificate: true)
        var server = MetricsAPIServer(
            address: HTTPAddress(host: "127.0.0.1", port: 0), encryption: { (settings, 0) }, api: api, logger: CapturedCluster.silent,
            listening: { address.set($0) })
        adjust(&server)
        // Ended as a process ends it: cancelling a server leaves its connections where they are.
        let servers = ServiceGroup(services: [server], logger: CapturedCluster.silent)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await servers.run() }
            do {
                try await body("https://\(address.value)")
            } catch {
                await servers.triggerGracefulShutdown()
                throw error
            }
            await servers.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }
}
