import MizzenSystem

/// The thread of one worker.
enum WorkerThread {
    /// Starts `body` on a new thread.
    ///
    /// - Parameter name: at most 15 characters, as `ps -L` shows it.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        do throws(MizzenSystem.SystemError) {
            try SystemThread.start(name: name, body)
        } catch {
            throw SystemError(call: error.call, code: error.code)
        }
    }
}
