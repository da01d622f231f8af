import MizzenSystem
import Synchronization

/// When files are to be looked at again, and that nobody looks twice at once. What is read may be large, so it is read on a thread that
/// neither answers queries nor follows other files.
final class ReadingPace: Sendable {
    private struct State {
        var next: ContinuousClock.Instant?
        var isReading = false
    }

    private let state = Mutex(State())

    /// Runs `read` on a thread of its own if it is time to and the last one has ended. A thread that cannot be started is tried again later.
    ///
    /// - Parameter interval: zero for never. The first time comes one interval after the first call.
    func follow(_ now: ContinuousClock.Instant, every interval: Duration, _ read: @escaping @Sendable () -> Void) {
        guard interval > .zero else { return }
        let isDue = state.withLock { state in
            guard let next = state.next else {
                state.next = now + interval
                return false
            }
            guard next <= now, !state.isReading else { return false }
            state = State(next: now + interval, isReading: true)
            return true
        }
        guard isDue else { return }
        do throws(SystemError) {
            try SystemThread.start(name: "mizzen-zones") { [self] in
                read()
                state.withLock { $0.isReading = false }
            }
        } catch {
            state.withLock { $0.isReading = false }
        }
    }
}
