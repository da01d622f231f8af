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

/// Ends the group when the process was told to stop, also if that was before the group ran.
struct StopService: Service {
    let request: StopRequest

    func run() async throws {
        await cancelWhenGracefulShutdown { await request.wait() }
    }
}
