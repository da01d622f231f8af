import MizzenSystem

/// What scraping may take of the process: sockets above all.
///
/// A kept connection is a descriptor for each node. Half of the descriptors are for those, an eighth for scrapes at a time, and the rest for
/// whoever asks this collector. Nodes beyond that are scraped over a connection of their own each time, which costs a TLS handshake.
struct ScrapeLimits: Hashable, Sendable {
    /// Scrapes at a time. A healthy kubelet answers within milliseconds, so that a few are enough for thousands of nodes; the more do not
    /// answer, the more are waited for.
    var atATime: Int
    /// Nodes whose connections are kept.
    var keptConnections: Int

    /// - Parameter descriptors: that the process may have open.
    init(descriptors: Int) {
        atATime = min(512, max(8, descriptors / 8))
        keptConnections = descriptors / 2
    }

    /// Whether a node's connection is kept: that of as many as may be, and always of the same.
    func keeps(_ node: String, of nodes: Int) -> Bool {
        guard nodes > keptConnections else { return true }
        let hash = StableHash.of(Array(node.utf8).span, seed: 0)
        // A share that falls short by chance is fine, one beyond the limit is not.
        return Int(hash % UInt64(nodes)) < keptConnections * 9 / 10
    }
}
