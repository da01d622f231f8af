import MizzenSystem

/// Runs a body on a thread of its own: bodies here wait in `poll`, which must not occupy a thread of Swift's pool.
enum OwnThread {
    /// Returns when the body has ended, and wakes `waker` when the task is cancelled; the body then has to end.
    ///
    /// - Throws: what the body throws; ``DeltaStreamError`` where there is no thread to be had.
    static func run<Value: Sendable>(
        name: String, waker: Waker, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
                do throws(SystemError) {
                    try SystemThread.start(name: name) { continuation.resume(with: Result { try body() }) }
                } catch {
                    continuation.resume(throwing: DeltaStreamError(error, while: "starting a thread"))
                }
            }
        } onCancel: {
            waker.wake()
        }
    }
}

extension Waker {
    static func forStream() throws(DeltaStreamError) -> Waker {
        do { return try Waker() } catch { throw DeltaStreamError(error, while: "making a descriptor to wake a thread") }
    }
}

extension DeltaStreamError {
    init(_ error: SystemError, while doing: String) {
        self.init("\(error.call) failed while \(doing)", place: "this process", errorNumber: error.code)
    }
}
