import Synchronization

/// Asks a running ``Reflector`` for a new list: what anybody else who notices a fault in the data should do, since all
/// writes then stay in the reflector's own order.
public final class RelistDemand: Sendable {
    private struct State {
        var reason: String?
        var waiting: CheckedContinuation<String?, Never>?
    }

    private let state = Mutex(State())

    public init() {}

    /// - Parameter reason: for the log.
    public func demand(_ reason: String) {
        let waiting = state.withLock { state -> CheckedContinuation<String?, Never>? in
            guard let waiting = state.waiting else {
                state.reason = reason
                return nil
            }
            state.waiting = nil
            return waiting
        }
        waiting?.resume(returning: reason)
    }

    /// A list that begins now answers what was demanded before: otherwise demands that come faster than the back-off passes would
    /// each cut the list short that the last one asked for.
    func forget() { state.withLock { $0.reason = nil } }

    /// Waits for a demand, of which there may be one already. One task at a time.
    /// - Returns: the reason; nil when the task was cancelled.
    func next() async -> String? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known = state.withLock { state -> String?? in
                    if Task.isCancelled { return .some(nil) }
                    if let reason = state.reason {
                        state.reason = nil
                        return reason
                    }
                    state.waiting = continuation
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                defer { state.waiting = nil }
                return state.waiting
            }
            waiting?.resume(returning: nil)
        }
    }
}
