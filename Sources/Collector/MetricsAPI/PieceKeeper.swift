import MizzenSystem
import ServiceLifecycle

/// Lets go of what was rendered for lists in forms that nobody asks for any more.
struct PieceKeeper: Service {
    let catalog: ClusterCatalog
    /// Seconds since the boot.
    var uptime: @Sendable () -> UInt32 = MetricsAPI.secondsSinceBoot

    /// Longer than autoscalers and people who look again wait between two lists.
    static let lifetime: UInt32 = 180

    /// Looks once a minute until graceful shutdown.
    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await Task.sleep(for: .seconds(60))
                forget()
            }
        }
    }

    func forget() {
        let now = uptime()
        catalog.forEachRendered { $0.forget(before: now - min(now, Self.lifetime)) }
    }

    /// Memory that they take, in bytes.
    static func size(_ catalog: ClusterCatalog) -> Int {
        var size = 0
        catalog.forEachRendered { size += $0.size }
        return size
    }
}
