import KubernetesClient
package import Logging
import MizzenSystem
package import ProcessRuntime
import ServiceLifecycle

/// A connection to an API server that asks about callers and does nothing else.
package struct ReviewingClient: ServiceLifecycle.Service {
    private let client: APIClient

    /// Whoever sends a request has a review made: that takes no more connections than there are descriptors for (``DescriptorLimit``), where
    /// the server does not take all of them on one.
    package static var mostConnections: Int { max(4, min(32, DescriptorLimit.current / 16)) }

    package var access: DelegatedAccess { DelegatedAccess(client: client) }

    /// - Parameter kubeconfig: a file; nil: the service account of the pod.
    /// - Throws: 78 saying what cannot be used.
    package init(kubeconfig: String?, userAgent: String, logger: Logger) throws(ProcessError) {
        do throws(CredentialError) {
            let configuration: ClientConfiguration
            if let kubeconfig { configuration = try .kubeconfig(path: kubeconfig) } else { configuration = try .inCluster() }
            client = try APIClient(configuration, userAgent: userAgent, mostConnections: Self.mostConnections, logger: logger)
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "\(error)", place: kubeconfig.map { "--kubeconfig \($0)" })
        }
    }

    /// Ends with the connections at graceful shutdown.
    package func run() async throws {
        try? await gracefulShutdown()
        try await shutdown()
    }

    package func shutdown() async throws { try await client.shutdown() }
}
