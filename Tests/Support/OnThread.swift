import MizzenSystem

/// Runs blocking work on a thread of its own, so that it keeps no thread of Swift's pool waiting.
package func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        do throws(SystemError) {
            try SystemThread.start(name: "test") {
                continuation.resume(with: Swift.Result { try body() })
            }
        } catch {
            continuation.resume(throwing: error)
        }
    }
}
