import KubernetesObjects
import MizzenSystem

/// What has been counted of one pod, as far as it takes to count its next state: no text, so that 150,000 of them are small.
struct PodMark: Hashable, Sendable {
    /// Its place in the ledger.
    var owner: UInt32
    /// Of the controller, to notice another one.
    var controller: UInt64
    /// 0 for none of the known ones.
    var phase: UInt8 = 0
    /// Of the reason in its status; 0 for none.
    var reason: UInt64 = 0
    /// Of the reason why it is about to be ended; 0 while it is not.
    var disruption: UInt64 = 0
    var containers: [ContainerMark] = []

    static let phases = ["Pending", "Running", "Succeeded", "Failed", "Unknown"]

    /// Containers that a status has left out keep their marks, since they may come back; but not in any number.
    static let mostForgotten = 32
}

/// What has been counted of one container.
///
/// **Why an end is counted once.** An end is known by the container's ID, or by its times where a runtime gives none, and stands first in `state`
/// and then in `lastState`; ``ends`` has those of the last status that was seen. `restartCount` counts instances, from 0, and each but the newest
/// has ended. So after a status at least `restartCount` instances have ended, one more if it shows the newest as ended. ``isEndCounted`` says
/// whether the newest one's end is among those that were counted; the others all are. What these two numbers have more than there are ends
/// with a name in the status were ends that nobody has seen.
struct ContainerMark: Hashable, Sendable {
    /// Of kind and name.
    let id: UInt64
    var restarts: Int32 = 0
    var isEndCounted = false
    /// The ends that the last status showed, 0 for none: of `lastState` and of `state`.
    var ends = Ends()
    /// Of the reason for which it waits; 0 while it does not.
    var wait: UInt64 = 0

    struct Ends: Hashable, Sendable {
        var before: UInt64 = 0
        var now: UInt64 = 0

        func contains(_ end: UInt64) -> Bool { end == before || end == now }
    }

    /// What a status tells that had not been counted.
    struct News: Hashable, Sendable {
        /// The end in `lastState`, the one in `state`.
        var hasEndedBefore = false
        var hasEnded = false
        /// Ends of which only `restartCount` tells.
        var unseenEnds = 0
        var restarts = 0
        var waits = false
    }

    mutating func follow(_ status: Core.ContainerStatus) -> News {
        var news = News()
        let count = max(0, status.restartCount)
        var shown = Ends()
        if let end = status.lastState.terminated { shown.before = Self.identity(end) }
        if let end = status.state.terminated { shown.now = Self.identity(end) }
        news.hasEndedBefore = shown.before != 0 && !ends.contains(shown.before) && shown.before != shown.now
        news.hasEnded = shown.now != 0 && !ends.contains(shown.now)
        // A kubelet that has lost its dead containers counts anew.
        let isReset = count < restarts
        let counted = isReset ? Int(count) : Int(restarts) + (isEndCounted ? 1 : 0)
        let named = (news.hasEndedBefore ? 1 : 0) + (news.hasEnded ? 1 : 0)
        let ended = Int(count) + (Self.hasNewestEnded(status) ? 1 : 0)
        news.unseenEnds = max(0, ended - counted - named)
        news.restarts = isReset ? 0 : Int(count - restarts)
        var wait: UInt64 = 0
        if let waiting = status.state.waiting {
            wait = Self.hash(waiting.reason)
            // Waiting for the same reason after it has run in between is another wait.
            news.waits = wait != self.wait || news.restarts > 0
        }
        isEndCounted = counted + named + news.unseenEnds > Int(count)
        (self.restarts, self.wait, ends) = (count, wait, shown)
        return news
    }

    /// A container that is to be started again is still the one that ended: its status has that one's ID.
    private static func hasNewestEnded(_ status: Core.ContainerStatus) -> Bool {
        if status.state.terminated != nil { return true }
        guard status.state.waiting != nil, let end = status.lastState.terminated else { return false }
        return !end.containerID.isEmpty && end.containerID == status.containerID
    }

    private static func identity(_ end: Core.ContainerStateTerminated) -> UInt64 {
        if !end.containerID.isEmpty { return hash(end.containerID) }
        var identity = hash(end.reason)
        for number in [end.finishedAt?.seconds ?? 0, end.startedAt?.seconds ?? 0, Int64(end.exitCode)] {
            identity = (identity ^ UInt64(bitPattern: number)) &* 0x100_0000_01b3
        }
        return max(1, identity)
    }

    /// Never 0.
    static func hash(_ text: borrowing Text) -> UInt64 { max(1, StableHash.of(text.utf8, seed: 0x6d69_7a7a_656e_0002)) }

    static func id(_ kind: CountedContainer.Kind, _ name: borrowing Text) -> UInt64 { hash(name) &+ UInt64(kind.rawValue) }
}

/// A UID in 128 bits, the same in every process.
struct PodKey: Hashable, Sendable {
    var high: UInt64
    var low: UInt64

    init(_ uid: String) {
        let bytes = Array(uid.utf8)
        high = StableHash.of(bytes.span, seed: 0x6d69_7a7a_656e_0003)
        low = StableHash.of(bytes.span, seed: 0x6d69_7a7a_656e_0004)
    }

    init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}
