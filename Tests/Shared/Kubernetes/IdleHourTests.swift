import ClusterSimulator
import KubernetesClient
import KubernetesObjects
import Logging
import NIOCore
import Synchronization
import TestSupport
import Testing

/// An hour of a quiet cluster, over real connections, in which both sides' time is the test's.
@Suite("An idle hour", .timeLimit(.minutes(3)))
struct IdleHourTests {
    /// Time that moves when the test says so, to the next moment for which somebody waits.
    final class SteppedTime: ReflectorClock {
        private struct State {
            var now: Duration = .zero
            var sleepers: [Int: (end: Duration, wake: CheckedContinuation<Void, any Error>)] = [:]
            var cancelled: Set<Int> = []
            var lastID = 0
        }

        private let state = Mutex(State())

        var sleepers: Int { state.withLock { $0.sleepers.count } }

        func now() -> Duration { state.withLock { $0.now } }

        func sleep(for duration: Duration) async throws {
            let id = state.withLock { state in
                state.lastID += 1
                return state.lastID
            }
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { (wake: CheckedContinuation<Void, any Error>) in
                    let isCancelled = state.withLock { state in
                        if state.cancelled.remove(id) != nil { return true }
                        state.sleepers[id] = (state.now + duration, wake)
                        return false
                    }
                    if isCancelled { wake.resume(throwing: CancellationError()) }
                }
            } onCancel: {
                let sleeper = state.withLock { state in
                    let sleeper = state.sleepers.removeValue(forKey: id)
                    if sleeper == nil { state.cancelled.insert(id) }
                    return sleeper
                }
                sleeper?.wake.resume(throwing: CancellationError())
            }
        }

        /// Moves to the next moment for which somebody waits, and a second on, and wakes all who waited for no longer.
        func step() {
            let woken = state.withLock { state in
                guard let next = state.sleepers.values.map(\.end).min() else { return [CheckedContinuation<Void, any Error>]() }
                state.now = max(state.now, next + .seconds(1))
                let due = state.sleepers.filter { $0.value.end <= state.now }
                for id in due.keys { state.sleepers[id] = nil }
                return due.values.map(\.wake)
            }
            for wake in woken { wake.resume() }
        }
    }

    /// Lets everything pass, and counts the bookmarks that are sent after a watch's initial events.
    final class CountingConduct: ServerConduct {
        private let bookmarks = Mutex(0)
        var sent: Int { bookmarks.withLock { $0 } }

        func willAnswer(_ request: RequestDescription) async -> RequestConduct { .proceed }

        func willSend(_ frame: ByteBuffer, of request: RequestDescription, isInitial: Bool) async -> FrameConduct {
            if !isInitial { bookmarks.withLock { $0 += 1 } }
            return .send
        }
    }

    /// As `eventually`, for what is thousands of times a matter of microseconds.
    private static func settle(_ condition: () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(30)
        while !condition() {
            guard ContinuousClock.now < end else {
                throw DidNotHappen(description: "not within 30 s: everything has been done that was due")
            }
            try await Task.sleep(for: .microseconds(100))
        }
    }

    @Test("nothing fails, nothing is counted, and nothing is logged above info", arguments: [true, false])
    func idle(isSecure: Bool) async throws {
        let time = SteppedTime()
        let conduct = CountingConduct()
        var settings = ClusterSimulator.Configuration(generated: .init(services: 3, pods: 6, nodes: 2))
        settings.watchTime = WatchTime(now: { time.now() }, sleep: { try await time.sleep(for: $0) })
        settings.conduct = conduct
        let bench = try await WatchedClusterBench(settings)
        let watches = Resource.all.count
        let url = try #require(isSecure ? bench.simulator.secureURL : bench.simulator.plainURL)
        try await bench.watch(url, clock: time) {
            try await bench.isWatching()
            while time.now() < .seconds(3_600) {
                // Everybody waits for the time: a watchdog and a server's timer for each watch, and no byte is under way.
                try await Self.settle {
                    time.sleepers == 2 * watches && bench.observer.counts.bookmarks == conduct.sent && !bench.isAsking
                }
                time.step()
            }
            let counts = bench.observer.counts
            // The hour had what it was to have: about a bookmark a minute, and watches of 5 to 10 minutes.
            #expect((watches * 35..<watches * 62).contains(counts.bookmarks), "\(counts)")
            #expect((watches * 6..<watches * 14).contains(counts.watches), "\(counts)")
            #expect(counts.failures.isEmpty, "\(counts)")
            #expect(counts.lists == watches)
            #expect(bench.log.entries.filter { $0.level > .info }.isEmpty, "\(bench.log.warnings)")
        }
    }
}
