import KubernetesObjects

/// Tells news from what a server repeats or sends late, by resourceVersions: decimal numbers that grow with every change
/// of a resource (KEP-5504, "Comparable Resource Version"). Versions that are no such numbers are taken as they come.
///
/// An event that comes late is soon overtaken by newer ones. Where none comes, the server itself has gone back, as after a
/// restore of etcd, and its lower versions are the truth: after ``patience`` of them only a list can tell.
struct EventOrder: Sendable {
    enum Verdict: Hashable, Sendable {
        case news
        /// This state of the object, or a newer one, has been seen.
        case old
        /// From before everything that is remembered: only a list can tell.
        case unclear
    }

    /// Objects whose last version is remembered; about 100 bytes each, and none but those that changed.
    static let memory = 4_096
    /// Events in a row that are older than the newest one, before they are taken for a new history.
    static let patience = 64
    /// A bookmark promises what follows, so that a late one is the clearer sign.
    static let bookmarkWeight = 16

    private var newest: UInt64 = 0
    /// Whatever the server sends from up to here is older than what is remembered.
    private var horizon: UInt64 = 0
    private var versions: [String: UInt64] = [:]
    private var order: [(key: String, version: UInt64)] = []
    private var first = 0
    /// How much has come since the newest event that was older than it.
    private var behind = 0

    /// A list as of `version` has replaced everything.
    mutating func restart(at version: String) {
        self = EventOrder()
        newest = UInt64(version) ?? 0
        horizon = newest
    }

    mutating func judge(key: String, version: String) -> Verdict {
        guard let number = UInt64(version) else { return .news }
        guard note(number, weight: 1) else { return .unclear }
        if number <= newest {
            if let known = versions[key], number <= known { return .old }
            if number <= horizon { return .unclear }
        }
        newest = max(newest, number)
        versions[key] = number
        order.append((key, number))
        if order.count - first > Self.memory { forgetOldest() }
        return .news
    }

    mutating func judge(bookmark version: String) -> Verdict {
        guard let number = UInt64(version) else { return .news }
        if number < horizon || !note(number, weight: Self.bookmarkWeight) { return .unclear }
        if number < newest { return .old }
        newest = number
        return .news
    }

    /// - Returns: whether there is still patience.
    private mutating func note(_ number: UInt64, weight: Int) -> Bool {
        behind = number < newest ? behind + weight : 0
        return behind <= Self.patience
    }

    private mutating func forgetOldest() {
        let oldest = order[first]
        first += 1
        if versions[oldest.key] == oldest.version { versions[oldest.key] = nil }
        horizon = max(horizon, oldest.version)
        if first > Self.memory {
            order.removeFirst(first)
            first = 0
        }
    }
}
