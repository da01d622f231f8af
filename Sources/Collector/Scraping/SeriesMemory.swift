import Synchronization

/// What each node's last body was about, from one scrape to the next (``ResourceMetricsParser/KnownSeries``): some 500 bytes for each container.
final class SeriesMemory: Sendable {
    private let held = Mutex<[String: ResourceMetricsParser.KnownSeries]>([:])

    /// Taken out, so that it is changed where it lies: two scrapes of one node at once are no error, the second begins anew.
    func take(_ node: String) -> ResourceMetricsParser.KnownSeries? { held.withLock { $0.removeValue(forKey: node) } }

    /// - Parameter series: nil where the next scrape has to begin anew.
    func keep(_ series: ResourceMetricsParser.KnownSeries?, of node: String) { held.withLock { $0[node] = series } }

    /// The node left.
    func forget(_ node: String) { held.withLock { $0[node] = nil } }
}
