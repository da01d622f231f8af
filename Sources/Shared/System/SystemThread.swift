import CMizzenSystem
import Glibc

/// A thread of the operating system that runs one closure: for what waits in the kernel, which must not occupy a thread of Swift's
/// pool.
public enum SystemThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts `body` on a new thread. Every signal is blocked there: they are the main side's business.
    ///
    /// - Parameter name: at most 15 characters, as `ps -L` shows it.
    public static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let boxed = unsafe Unmanaged.passRetained(
            Body {
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
            // Safe: the closure captures nothing, and is the only taker of what passRetained gave.
            { argument in
                if let argument = unsafe argument { unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, unsafe boxed.toOpaque())
        guard code == 0 else {
            unsafe boxed.release()
            throw SystemError(call: "pthread_create", code: code)
        }
        pthread_detach(thread)
    }
}
