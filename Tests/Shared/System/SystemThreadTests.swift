import Foundation
import Glibc
import Synchronization
import Testing

@testable import MizzenSystem

@Suite("Threads, wakers and system calls")
struct SystemThreadTests {
    @Test("a thread has its name, and no signal is delivered to it")
    func thread() async throws {
        let seen: (name: String, blocksTerm: Bool) = try await withCheckedThrowingContinuation { continuation in
            do {
                try SystemThread.start(name: "mizzen-a-name") {
                    var signals = sigset_t()
                    // Safe: the set is this frame's own.
                    unsafe pthread_sigmask(SIG_BLOCK, nil, &signals)
                    let name = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
                    continuation.resume(returning: (name ?? "", unsafe sigismember(&signals, SIGTERM) == 1))
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
        #expect(seen.name == "mizzen-a-name\n")
        #expect(seen.blocksTerm)
    }

    @Test("a waker that was woken before anybody waits ends the wait, until it is cleared")
    func waker() throws {
        let waker = try Waker()
        let other = try Waker()
        #expect(!waker.wait(or: other.descriptor.raw, milliseconds: 0))
        waker.wake()
        waker.wake()
        #expect(waker.wait(or: other.descriptor.raw, milliseconds: 60_000))
        #expect(waker.wait(or: other.descriptor.raw, milliseconds: 60_000))
        waker.clear()
        other.wake()
        #expect(!waker.wait(or: other.descriptor.raw, milliseconds: 60_000))
    }

    @Test("an interrupted call is made again, a failed one says which and why")
    func calls() {
        let calls = Mutex(0)
        let result = try? systemCall("read") { () -> Int32 in
            let count = calls.withLock { calls in
                calls += 1
                return calls
            }
            errno = EINTR
            return count < 3 ? -1 : 7
        }
        #expect(result == 7)
        #expect(throws: SystemError(call: "bind", code: EADDRINUSE)) {
            try systemCall("bind") { () -> Int32 in
                errno = EADDRINUSE
                return -1
            }
        }
        #expect(SystemError(call: "bind", code: EADDRINUSE).description == "bind: Address already in use")
    }

    @Test(
        "a duration beyond 64 bits of nanoseconds is the most or the least of them",
        arguments: [
            (.seconds(1), 1_000_000_000), (.nanoseconds(-5), -5), (.seconds(Int64.max), .max), (.seconds(Int64.min), .min),
            (.nanoseconds(Int64.max), .max), (.nanoseconds(Int64.min), .min),
        ] as [(Duration, Int64)])
    func nanoseconds(duration: Duration, expected: Int64) {
        #expect(duration.nanoseconds == expected)
    }
}
