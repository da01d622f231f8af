public import ServiceLifecycle

/// Runs something that ends by cancellation as a service that ends by graceful shutdown.
public struct CancellableService: Service {
    private let body: @Sendable () async throws -> Void

    public init(_ body: @escaping @Sendable () async throws -> Void) {
        self.body = body
    }

    public func run() async throws {
        let body = body
        try await cancelWhenGracefulShutdown { try await body() }
    }
}
