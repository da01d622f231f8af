/// What the log says of nodes that cannot be scraped: each change of each node once, however long it lasts, and what strikes many nodes at
/// once in few lines. Decides; ``NodeFaultReports`` writes.
///
/// The first node that a fault strikes is worth a line at once. Those that follow are gathered, and told together when the pause after that
/// line is over; as long as there is something to tell after each pause, the next one is twice as long. Nodes that are well again are told in
/// the same way. A node that has come back to what was last told of it is not told at all.
struct NodeFaultJournal: Hashable, Sendable {
    /// What many nodes may have in common; nil is that they are well.
    typealias Condition = KubeletFault?

    struct Line: Hashable, Sendable {
        var condition: Condition
        /// Sorted.
        var nodes: [String]
        /// Of the first node; empty for nodes that are well again.
        var reason: String
    }

    private struct Node: Hashable {
        var told: Condition
        var current: Condition
        var reason: String
    }

    private struct Pause: Hashable {
        var end: Duration
        var length: Duration
    }

    static let shortestPause: Duration = .seconds(10)
    static let longestPause: Duration = .seconds(320)

    /// Those that are not well, or of which it has not been told yet that they are.
    private var nodes: [String: Node] = [:]
    /// The nodes of which there is something to tell, by what it is.
    private var pending: [Condition: Set<String>] = [:]
    private var pauses: [Condition: Pause] = [:]

    /// How many nodes have this fault now.
    func count(_ fault: KubeletFault) -> Int { nodes.values.count { $0.current == fault } }

    /// When there is something to tell next, if there is.
    var due: Duration? { pending.keys.map { pauses[$0]?.end ?? .zero }.min() }

    /// Notes how a scrape of `node` went.
    /// - Parameters:
    ///   - condition: nil if it went well.
    ///   - now: on any clock that nobody sets.
    /// - Returns: what is to be told now.
    mutating func note(_ node: String, _ condition: Condition, reason: String = "", now: Duration) -> [Line] {
        guard nodes[node].flatMap({ $0.current }) != condition else { return [] }
        var entry = nodes[node] ?? Node(told: nil, current: nil, reason: "")
        unlist(node, entry.current)
        (entry.current, entry.reason) = (condition, reason)
        nodes[node] = entry.told == nil && condition == nil ? nil : entry
        if entry.told != condition { pending[condition, default: []].insert(node) }
        return lines(now: now)
    }

    /// The node has left the cluster.
    mutating func forget(_ node: String) {
        guard let entry = nodes.removeValue(forKey: node) else { return }
        unlist(node, entry.current)
    }

    private mutating func unlist(_ node: String, _ condition: Condition) {
        pending[condition]?.remove(node)
        if pending[condition]?.isEmpty == true { pending[condition] = nil }
    }

    /// What has been gathered for long enough.
    mutating func lines(now: Duration) -> [Line] {
        let ripe = pending.keys.filter { pauses[$0].map { now >= $0.end } ?? true }
        return ripe.sorted { ($0?.rawValue ?? "") < ($1?.rawValue ?? "") }.map { condition in
            let told = (pending.removeValue(forKey: condition) ?? []).sorted()
            let reason = told.first.flatMap { nodes[$0]?.reason } ?? ""
            for node in told {
                nodes[node]?.told = condition
                if condition == nil { nodes[node] = nil }
            }
            let isGoingOn = pauses[condition].map { now - $0.end < $0.length } ?? false
            let length = isGoingOn ? min(Self.longestPause, (pauses[condition]?.length ?? Self.shortestPause) * 2) : Self.shortestPause
            pauses[condition] = Pause(end: now + length, length: length)
            return Line(condition: condition, nodes: told, reason: reason)
        }
    }
}
