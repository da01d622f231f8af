import DeltaStream
import MizzenSystem

/// The collectors that share the nodes, and in which order they come for each: rendezvous hashing (Thaler and Ravishankar, 1998), by
/// which a member that comes or goes moves only the nodes that it gets or had.
///
/// A member is who has been heard within four of its beats. Every member hears of the others for itself, so for a while two may see
/// different members, and what follows is bounded:
///
/// - *A member is gone.* Its nodes wait for the others to notice: four beats. One that ends says so, and they wait for nothing.
/// - *A member comes.* It scrapes nothing for two beats, in which it hears of the others and they of it; they leave its nodes to it with its
///   first beat. A node that is due just then is scraped up to two beats late.
/// - *A member stood still* (stopped, or starved of the processor) for longer than others wait: it notices by its own clock and begins as if
///   it had just come.
/// - *Two see different members*, since one does not hear another. A node that each leaves to somebody is scraped by who stands by for it
///   (`ScrapePlan.patience`); one that each takes for its own is scraped twice a round as long as that lasts.
///
/// Times: nanoseconds of the boot clock.
struct Membership: Sendable {
    /// What a beat has told.
    enum Hearing: Hashable, Sendable {
        /// A member lives, which was known.
        case known
        /// There is another member, or one less: the order is another.
        case changed
        /// Another process has this collector's name.
        case sameName
    }

    private struct Member {
        var run: UInt64
        var heardAt: Int64
        /// Nanoseconds for which it may be silent.
        var patience: Int64
    }

    let name: String
    let run: UInt64
    /// Nanoseconds between two beats.
    let beat: Int64
    private var others: [String: Member] = [:]
    /// Before this nothing is scraped.
    private(set) var settledAt: Int64
    private var tickedAt: Int64

    /// Silent for so many of its beats, a member is gone.
    static let lostAfter: Int64 = 4
    /// For so many beats a member only listens.
    static let settling: Int64 = 2

    init(name: String, run: UInt64, beat: Int64, at now: Int64) {
        (self.name, self.run, self.beat) = (name, run, beat)
        settledAt = now + Self.settling * beat
        tickedAt = now
    }

    /// A fifteenth of the time between two scrapes, and from a tenth of a second to two seconds.
    static func beat(resolution: Int64) -> Int64 { min(max(resolution / 15, 100_000_000), 2_000_000_000) }

    /// With this one.
    var names: [String] { ([name] + others.keys).sorted() }

    func contains(_ collector: String) -> Bool { collector == name || others[collector] != nil }
    func isSettled(at now: Int64) -> Bool { now >= settledAt }

    /// Time has passed: to be called at least once a beat, and before anything is scraped.
    /// - Returns: whether the order has changed, or this one began anew.
    mutating func tick(at now: Int64) -> Bool {
        var isChanged = false
        if now - tickedAt >= Self.lostAfter * beat {
            settledAt = now + Self.settling * beat
            // The silence was this one's. Who is gone is so after as long as ever.
            for other in others.keys { others[other]?.heardAt = now }
            isChanged = true
        }
        if tickedAt < settledAt, now >= settledAt { isChanged = true }
        tickedAt = now
        for (other, member) in others where now - member.heardAt > member.patience {
            others[other] = nil
            isChanged = true
        }
        return isChanged
    }

    mutating func heard(_ beat: CollectorBeat, at now: Int64) -> Hearing {
        // A list of peers may hold everybody, this one too.
        if beat.collector == name { return beat.run == run ? .known : .sameName }
        if beat.isLeaving {
            guard others[beat.collector]?.run == beat.run else { return .known }
            others[beat.collector] = nil
            return .changed
        }
        // An hour is longer than any member says.
        let interval = Int64(clamping: min(max(beat.interval, 1), 3_600_000)) * 1_000_000
        let isKnown = others[beat.collector] != nil
        others[beat.collector] = Member(run: beat.run, heardAt: now, patience: Self.lostAfter * interval)
        return isKnown ? .known : .changed
    }

    /// How many members come before this one for a node; nil while it only listens.
    func rank(of node: String, at now: Int64) -> Int? {
        guard isSettled(at: now) else { return nil }
        let own = Self.weight(of: name, for: node)
        return others.keys.count { other in
            let weight = Self.weight(of: other, for: node)
            return weight != own ? weight > own : other > name
        }
    }

    private static func weight(of member: String, for node: String) -> UInt64 {
        let seed = StableHash.of(Array(member.utf8).span, seed: 0)
        return StableHash.of(Array(node.utf8).span, seed: seed)
    }
}
