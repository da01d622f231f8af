import CMizzenSystem
import Glibc

/// A thread of the operating system that runs one closure.
enum WorkerThread {
    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts `body` on a new thread. Every signal is blocked there: they are the main side's business.
    ///
    /// - Parameter name: at most 15 characters, as `ps -L` shows it.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = unsafe Unmanaged.passRetained(
            Box {
                var all = sigset_t()
                // Safe: the set is this frame's own.
                unsafe sigfillset(&all)
                unsafe pthread_sigmask(SIG_BLOCK, &all, nil)
                // Safe: the name lives through the call.
                _ = unsafe mz_name_thread(name)
                body()
            })
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            // Safe: the closure captures nothing.
            { argument in
                // Safe: the only taker of what passRetained gave.
                if let argument = unsafe argument {
                    unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                }
                return nil
            }, unsafe box.toOpaque())
        guard code == 0 else {
            unsafe box.release()
            throw SystemError(call: "pthread_create", code: code)
        }
        pthread_detach(thread)
    }
}
