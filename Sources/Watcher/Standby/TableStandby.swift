import Glibc
import Logging
import ProcessRuntime

/// A watcher that waits for another on this host to end. The kernel releases the table's lock with the process that holds it.
struct TableStandby {
    /// How often the lock is tried: the longest time until a death is noticed.
    static let interval = Duration.milliseconds(250)

    let table: String
    let http: HTTPAddress
    let logger: Logger

    /// - Returns: whether the lock was free; false when the process was told to stop.
    func wait(_ stop: StopRequest) async throws -> Bool {
        if isFree { return true }
        logger.info("standing by", metadata: ["table": "\(table)"])
        let metrics = MetricsRegistry()
        metrics.countDroppedLogLines()
        metrics.countDescriptorShortages()
        metrics.gauge("mizzen_watcher_leader", help: WatcherMetrics.leaderHelp).set(0)
        let routes: [String: HTTPEndpoints.Route] = [
            "/livez": { .text("ok") },
            "/healthz": { .text("ok") },
            "/readyz": { .text("ok: standing by for another watcher") },
            "/metrics": { .metrics(metrics.render()) },
        ]
        try await ProcessMain.serve(
            services: [HTTPEndpoints(address: http, routes: routes, logger: logger)], logger: logger, stop: stop, until: [waitForLock])
        guard !stop.isMade, isFree else { return false }
        logger.info("taking over", metadata: ["table": "\(table)"])
        return true
    }

    @Sendable private func waitForLock() async {
        // Cancelled: the loop's condition sees it.
        while !Task.isCancelled && !isFree { try? await Task.sleep(for: Self.interval) }
    }

    /// Takes the lock and gives it back. What comes of a table that cannot be opened is for its writer to say.
    private var isFree: Bool {
        // Safe: open reads the terminated path that Swift hands over.
        let file = unsafe open(table, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { return true }
        defer { close(file) }
        return flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
    }
}
