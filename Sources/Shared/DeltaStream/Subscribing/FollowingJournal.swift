import KubernetesObjects
import Logging

/// What a subscriber's log says of the resources that it follows. They fall behind and catch up together, dozens within a second, when a
/// publisher ends or begins: what happens within one is a line for each reason.
struct FollowingJournal {
    /// What is noted waits for so long for what belongs to it, in nanoseconds.
    static let gathering: Int64 = 1_000_000_000

    private var behind: [SubscriberStateMachine.StaleReason: [Resource]] = [:]
    /// Whether the publisher knew all objects, for those that have caught up and not fallen behind again since.
    private var joined: [Resource: Bool] = [:]
    private var due: Int64?

    mutating func stale(_ resource: Resource, _ reason: SubscriberStateMachine.StaleReason, now: Int64) {
        joined[resource] = nil
        if behind[reason]?.contains(resource) != true { behind[reason, default: []].append(resource) }
        due = due ?? now + Self.gathering
    }

    mutating func joined(_ resource: Resource, synced: Bool, now: Int64) {
        joined[resource] = synced
        due = due ?? now + Self.gathering
    }

    /// The lines that have waited long enough; all of them at the `end`.
    mutating func lines(now: Int64, isEnd: Bool = false) -> [Line] {
        guard let due, now >= due || isEnd else { return [] }
        self.due = nil
        var lines: [Line] = []
        for (reason, resources) in behind.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            lines.append(
                Line(
                    level: .warning, text: "fallen behind the stream; what is held stays as it is until it is caught up with",
                    resources: resources, reason: reason.rawValue))
        }
        for synced in [true, false] {
            let resources = joined.filter { $0.value == synced }.map(\.key)
            guard !resources.isEmpty else { continue }
            let text = synced ? "following the stream" : "following the stream, whose publisher does not know all objects yet"
            lines.append(Line(level: .info, text: text, resources: resources, reason: nil))
        }
        behind.removeAll()
        joined.removeAll()
        return lines
    }

    struct Line: Hashable {
        var level: Logger.Level
        var text: String
        var resources: [Resource]
        var reason: String?

        func write(to logger: Logger) {
            var metadata: Logger.Metadata = [
                "resources": "\(resources.map(\.description).sorted().joined(separator: ","))", "count": "\(resources.count)",
            ]
            if let reason { metadata["reason"] = "\(reason)" }
            logger.log(level: level, "\(text)", metadata: metadata)
        }
    }
}
