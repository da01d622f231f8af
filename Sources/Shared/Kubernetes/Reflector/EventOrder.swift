/// Tells news from what a server repeats or sends late, by resourceVersions: decimal numbers that grow with every change
/// of a resource (KEP-5504, "Comparable Resource Version"). Versions that are no such numbers are taken as they come.
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

    private var newest: UInt64 = 0
    /// Whatever the server sends from up to here is older than what is remembered.
    private var horizon: UInt64 = 0
    private var versions: [String: UInt64] = [:]
    private var order: [(key: String, version: UInt64)] = []
    private var first = 0

    /// A list as of `version` has replaced everything.
    mutating func restart(at version: String) {
        self = EventOrder()
        newest = UInt64(version) ?? 0
        horizon = newest
    }

    mutating func judge(key: String, version: String) -> Verdict {
        guard let number = UInt64(version) else { return .news }
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
        if number < horizon { return .unclear }
        if number < newest { return .old }
        newest = number
        return .news
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
