/// What a cluster has last told its extension API servers of whom to trust: certificates of authorities and names, which everybody may
/// know. A process keeps it so that the next one need not turn the front proxy away while the cluster cannot be asked.
package struct ToldTrust: Codable, Hashable, Sendable {
    /// The API server that told it.
    package var server: String
    /// Of the ConfigMap, as far as it is read here.
    package var data: [String: String]
    /// When a process that asks again and again last went by it: nanoseconds since the boot.
    package var heldAt: UInt64

    package init(server: String, data: [String: String], heldAt: UInt64) {
        (self.server, self.data, self.heldAt) = (server, data, heldAt)
    }
}

/// Keeps the last ``ToldTrust`` for the next process of its kind.
package protocol ToldTrustKeeper: Sendable {
    /// Nil where nothing is kept, or nothing that is whole.
    func told() -> ToldTrust?
    /// In the place of what was kept before, which is gone even where this cannot be kept.
    func keep(_ told: ToldTrust)
    func forgetTold()
}
