import KubernetesObjects

/// Which refusals have been reported. A server refuses each resource by itself, with words of its own for each, where the reason is one:
/// a role that is missing, or a server that has just started and has not read its roles yet. The first resource is worth a line at once;
/// the others are gathered, and told together if they are still refused a while later.
struct RefusalJournal: Hashable, Sendable {
    enum Verdict: Hashable, Sendable {
        case reportsNow
        /// The answer to ``gathered(_:)`` is to be reported ``gathering`` from now.
        case gathers
        case isKnown
    }

    private struct Refused: Hashable {
        var last: Duration
        /// Reported, or to be reported with others.
        var isReported: Bool
        /// The server has answered as it should since.
        var isOver = false
    }

    /// A starting server allows what it should within a few seconds; ten bring at most two more attempts.
    static let gathering: Duration = .seconds(10)

    /// By HTTP status code. No more than there are codes and resources.
    private var refused: [Int: [Resource: Refused]] = [:]

    /// The server has answered a request for this resource as it should.
    mutating func answered(_ resource: Resource) {
        guard !refused.isEmpty else { return }
        for code in refused.keys {
            guard let entry = refused[code]?[resource] else { continue }
            if entry.isReported { refused[code]?[resource]?.isOver = true } else { refused[code]?[resource] = nil }
        }
    }

    /// Notes that the server refused `resource` with `code`.
    mutating func met(_ code: Int, _ resource: Resource, now: Duration) -> Verdict {
        if let entry = refused[code]?[resource], !entry.isOver || now - entry.last < FaultJournal.forgetting {
            refused[code]?[resource]?.last = now
            return .isKnown
        }
        let others = (refused[code] ?? [:]).filter { $0.key != resource && now - $0.value.last < FaultJournal.forgetting }
        refused[code] = others
        refused[code]?[resource] = Refused(last: now, isReported: others.isEmpty)
        if others.isEmpty { return .reportsNow }
        return others.values.contains { !$0.isReported } ? .isKnown : .gathers
    }

    /// The resources that are still refused with `code` and of which nothing has been said; from now on they count as reported.
    mutating func gathered(_ code: Int) -> [Resource] {
        var found: [Resource] = []
        for (resource, entry) in refused[code] ?? [:] where !entry.isReported {
            refused[code]?[resource]?.isReported = true
            found.append(resource)
        }
        return found.sorted { "\($0)" < "\($1)" }
    }
}
