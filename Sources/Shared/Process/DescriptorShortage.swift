import Logging
import MizzenSystem
import ServiceLifecycle

/// What this process does to connections so that it keeps the descriptors which it needs itself (``DescriptorLimit``).
enum DescriptorShortage {
    /// Logs the beginning and the end of each time in which connections are closed for want of descriptors.
    struct Report: Service {
        let logger: Logger

        func run() async throws {
            await cancelWhenGracefulShutdown { [logger] in
                var episode = CountEpisode()
                var before: UInt64 = 0
                while !Task.isCancelled {
                    // Connections that are refused as they come send nobody away: without this, silent ones would keep all others out.
                    for _ in 0..<min(refused - before, mostAtOnce) { ConnectionRoom.makeRoom() }
                    before = refused
                    switch episode.update(refused + closed, UInt64(clamping: MonotonicClock.nanoseconds())) {
                    case .begins:
                        logger.error(
                            """
                            connections are closed, since only the descriptors are left that this process needs itself; \
                            allow it more (ulimit -n), or find out who opens so many
                            """, metadata: ["limit": "\(DescriptorLimit.current)"])
                    case .ends(let count):
                        logger.info(
                            "no connections are closed for want of descriptors any more", metadata: ["closed meanwhile": "\(count)"])
                    case nil: break
                    }
                    // Cancelled: the loop's condition sees it.
                    try? await Task.sleep(for: .seconds(1))
                }
            }
        }
    }

    /// Silent connections that make room for those that were refused within a second.
    private static let mostAtOnce: UInt64 = 8
    fileprivate static var refused: UInt64 { DescriptorLimit.refusedConnections }
    fileprivate static var closed: UInt64 { ConnectionRoom.closedForDescriptors }
}

extension MetricsRegistry {
    /// Shows which connections were closed for want of descriptors.
    public func countDescriptorShortages() {
        let name = "mizzen_descriptor_shortages_total"
        let help = """
            Connections that were closed because few descriptors were left: as they came (refused), or for another one because they had been \
            silent longest (silent).
            """
        counter(name, help: help, labels: [("connection", "refused")]) { Double(DescriptorShortage.refused) }
        counter(name, help: help, labels: [("connection", "silent")]) { Double(DescriptorShortage.closed) }
    }
}
