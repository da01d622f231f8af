/// Which faults have been reported, for all that ask one server: what strikes dozens of watches at once is worth one line.
struct FaultJournal: Hashable, Sendable {
    private struct Entry: Hashable {
        var first: Duration
        var last: Duration
    }

    /// So long after a fault was last met, and after an answer, it is a new one. Longer than the longest back-off, or else watches that
    /// come back one by one would each report what they all went through.
    static let forgetting: Duration = .seconds(60)
    /// Texts to remember. More different ones are reported as often as they come.
    static let capacity = 256

    private var entries: [String: Entry] = [:]
    private var lastAnswer: Duration?

    /// The server has answered a request as it should.
    mutating func answered(now: Duration) { lastAnswer = now }

    /// Notes a fault.
    /// - Parameter text: what happened; equal for all that met the same.
    /// - Returns: whether it is to be reported.
    mutating func isNews(_ text: String, now: Duration) -> Bool {
        if var entry = entries[text] {
            let isOver = lastAnswer.map { $0 > entry.first } ?? false
            if !isOver || now - entry.last < Self.forgetting {
                entry.last = now
                entries[text] = entry
                return false
            }
        }
        if entries.count >= Self.capacity { entries = entries.filter { now - $0.value.last < Self.forgetting } }
        if entries.count < Self.capacity { entries[text] = Entry(first: now, last: now) }
        return true
    }
}
