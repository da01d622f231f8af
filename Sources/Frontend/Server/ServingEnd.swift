import ProcessRuntime
import Synchronization

/// When and why a frontend ends: after its last worker's drain, or at the first fault.
final class ServingEnd: Sendable {
    private let first = Mutex<ProcessError?>(nil)
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init() { (signals, signal) = AsyncStream.makeStream() }

    /// What the process has to end with; nil while nothing is wrong.
    var fault: ProcessError? { first.withLock { $0 } }

    /// Ends it with a fault. Only the first counts.
    func fail(_ error: ProcessError) {
        first.withLock { if $0 == nil { $0 = error } }
        signal.yield()
    }

    /// Ends it in good order.
    func finish() { signal.yield() }

    /// Waits for one or the other. For one caller; a cancellation does not cut it short: whoever waits for the frontend counts on its
    /// sockets being closed, or the kernel would go on handing them their share of a shared port's queries.
    func wait() async {
        let signals = signals
        await Task.detached { for await _ in signals { return } }.value
    }
}
