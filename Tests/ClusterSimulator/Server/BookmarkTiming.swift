import Synchronization

/// When a watch gets bookmarks, if it asked for them.
public struct BookmarkTiming: Sendable, Hashable {
    /// From one to the next, at least.
    public var interval: Duration
    /// Up to this share of the interval comes on top of it, at random.
    public var jitter: Double
    /// The share of bookmarks that are left out.
    public var omission: Double
    /// One comes this long before the end for which the client asked.
    public var beforeEnd: Duration?

    public init(interval: Duration, jitter: Double = 0, omission: Double = 0, beforeEnd: Duration? = nil) {
        self.interval = interval
        self.jitter = jitter
        self.omission = omission
        self.beforeEnd = beforeEnd
    }

    /// About once a minute and 2 s before the end, and not for certain: an API server sends none for a resource of which it has seen no
    /// event, nor to a watcher whose buffer is full (`nextBookmarkTime` and `dispatchEvents` in apiserver's storage/cacher).
    public static let likeAPIServer = BookmarkTiming(interval: .seconds(60), jitter: 0.25, omission: 0.15, beforeEnd: .seconds(2))

    public static func every(_ interval: Duration) -> BookmarkTiming { BookmarkTiming(interval: interval) }

    /// How long to wait for the next one.
    /// - Parameter left: until the watch ends.
    func wait(left: Duration) -> Duration {
        let usual = interval * (1 + (jitter > 0 ? Double.random(in: 0..<jitter) : 0))
        guard let beforeEnd, left > beforeEnd, left - beforeEnd < usual else { return usual }
        return left - beforeEnd
    }

    func isLeftOut() -> Bool { omission > 0 && Double.random(in: 0..<1) < omission }
}

/// The clock of watches; tests put their own in place.
public struct WatchTime: Sendable {
    /// Since an arbitrary moment.
    public var now: @Sendable () -> Duration
    public var sleep: @Sendable (Duration) async throws -> Void

    public init(now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.now = now
        self.sleep = sleep
    }

    public static let real: WatchTime = {
        let origin = ContinuousClock.now
        return WatchTime(now: { ContinuousClock.now - origin }, sleep: { try await Task.sleep(for: $0, clock: .continuous) })
    }()
}

/// Tells one watch when a bookmark is due and when it is to end. One task at a time.
final class WatchAlarm: Sendable {
    private enum State {
        case waits(Task<Void, Never>?)
        case isDue(bookmark: Bool)
    }

    private let state = Mutex(State.waits(nil))
    private let end: Duration
    private let time: WatchTime
    private let timing: BookmarkTiming?

    /// - Parameter timing: nil for no bookmarks.
    init(_ time: WatchTime, lasting duration: Duration, _ timing: BookmarkTiming?) {
        self.time = time
        self.timing = timing
        end = time.now() + duration
    }

    var hasEnded: Bool { time.now() >= end }

    /// Whether something is due, and then whether it is a bookmark; ``arm(ring:)`` goes on from there.
    var due: (isDue: Bool, isBookmark: Bool) {
        state.withLock { state in
            switch state {
            case .waits: (false, false)
            case .isDue(let bookmark): (true, bookmark)
            }
        }
    }

    /// Waits for the next thing to be due, and then rings once.
    func arm(ring: @escaping @Sendable () -> Void) {
        let left = end - time.now()
        let wait = timing?.wait(left: left) ?? left
        let isBookmark = timing.map { wait < left && !$0.isLeftOut() } ?? false
        // Under the lock, so that a timer which is over at once is not taken for one that still runs.
        state.withLock { state in
            state = .waits(
                Task {
                    guard (try? await time.sleep(min(wait, left))) != nil else { return }
                    self.state.withLock { $0 = .isDue(bookmark: isBookmark) }
                    ring()
                })
        }
    }

    func disarm() {
        state.withLock { state in
            if case .waits(let timer) = state { timer?.cancel() }
        }
    }
}
