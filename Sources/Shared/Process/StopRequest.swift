import ServiceLifecycle
import Synchronization
import UnixSignals

/// Whether this process was told to stop, noted across several calls of ``ProcessMain/serve(services:logger:drain:stop:reload:)``:
/// a SIGTERM between two of them, or while the first is ending already, would be lost otherwise.
///
/// One signal can have one listener: what is served meanwhile has to be given this one.
public final class StopRequest: Sendable {
    private struct State {
        var isMade = false
        var waiting: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())

    /// Listens for SIGTERM and SIGINT until the process ends.
    public init() async {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        Task { [self] in
            for await _ in signals { make() }
        }
    }

    private func make() {
        let waiting = state.withLock { state in
            state.isMade = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.yield() }
    }

    public var isMade: Bool { state.withLock { $0.isMade } }

    /// Returns when it is made, or was made before, or the task is cancelled.
    public func wait() async {
        let (requests, continuation) = AsyncStream.makeStream(of: Void.self)
        let isMade = state.withLock { state in
            if !state.isMade { state.waiting.append(continuation) }
            return state.isMade
        }
        if isMade { return }
        for await _ in requests { return }
    }
}

/// Ends the group of services when one of its reasons has come, a stop that was requested before the group ran among them.
///
/// The only service of a group that returns by itself, and the last one, so that it is the first to be told of another's failure: the
/// library takes whatever returns while another is being shut down for a fault, and cancels everything instead of draining it.
struct GroupEnd: Service {
    let reasons: [@Sendable () async -> Void]

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                for reason in reasons { group.addTask(operation: reason) }
                await group.next()
                group.cancelAll()
            }
        }
    }
}
