import Glibc

/// Wakes a thread that waits in `poll`.
final class WakeSignal: Sendable {
    /// Readable while raised.
    let descriptor: Int32
    private let writeEnd: Int32

    init() throws(DeltaStreamError) {
        var ends: [Int32] = [-1, -1]
        // Safe: `pipe` writes two numbers.
        guard unsafe pipe(&ends) == 0 else {
            throw DeltaStreamError("cannot make a pipe", place: "pipe", errorNumber: errno)
        }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        descriptor = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(descriptor)
        close(writeEnd)
    }

    /// Waits until raised, or until the other descriptor can be read, at most `milliseconds`.
    /// - Returns: whether it is raised.
    func wait(or other: Int32, milliseconds: Int32) -> Bool {
        var items = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: other, events: Int16(POLLIN), revents: 0),
        ]
        // Safe: two items.
        _ = unsafe poll(&items, 2, milliseconds)
        return items[0].revents != 0
    }

    /// From any thread, also when nobody waits yet. It stays raised.
    func raise() {
        var byte: UInt8 = 1
        // Safe: one byte. A full pipe is raised already.
        _ = unsafe write(writeEnd, &byte, 1)
    }
}

/// Runs a body on a thread of its own: bodies here wait in `poll`, which must not occupy a thread of Swift's pool.
enum OwnThread {
    /// Returns when the body has ended, and raises `signal` when the task is cancelled; the body then has to end.
    static func run<Value: Sendable>(
        signal: WakeSignal, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
                start { continuation.resume(with: Result { try body() }) }
            }
        } onCancel: {
            signal.raise()
        }
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private static func start(_ run: @escaping @Sendable () -> Void) {
        let body = unsafe Unmanaged.passRetained(Body(run: run))
        var thread = pthread_t()
        // Safe: the thread takes over the one reference that was retained for it.
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                body.run()
                return nil
            }, body.toOpaque())
        if code == 0 {
            pthread_detach(thread)
        } else {
            // No thread to be had: better to run on the caller's than not at all.
            unsafe body.takeRetainedValue().run()
        }
    }
}
