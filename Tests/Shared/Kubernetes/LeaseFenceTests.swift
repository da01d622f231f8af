import Synchronization
import TestSupport
import Testing

@testable import KubernetesClient

@Suite("The fence before commits")
struct LeaseFenceTests {
    /// A clock that stands until it is set.
    final class SetClock: Sendable {
        let nanoseconds = Atomic<UInt64>(100)
        func fence() -> LeaseFence { LeaseFence { [self] in nanoseconds.load(ordering: .relaxed) } }
    }

    @Test("it is closed before the first renewal, open before the deadline and closed from the deadline on")
    func deadline() {
        let clock = SetClock()
        let fence = clock.fence()
        #expect(!fence.isOpen)
        fence.open(until: 110)
        #expect(fence.isOpen)
        clock.nanoseconds.store(109, ordering: .relaxed)
        #expect(fence.isOpen)
        clock.nanoseconds.store(110, ordering: .relaxed)
        #expect(!fence.isOpen)
        fence.open(until: 120)
        #expect(fence.isOpen)
        fence.end()
        #expect(!fence.isOpen)
        fence.open(until: 130)
        #expect(!fence.isOpen)
    }

    @Test("who waits goes on when the lease is renewed, though its task was cancelled, and is turned away at the end")
    func waiting() async throws {
        let clock = SetClock()
        let fence = clock.fence()
        #expect(
            await passing(fence) {
                $0.cancelAll()
                fence.open(until: 110)
            } == 50)
        clock.nanoseconds.store(200, ordering: .relaxed)
        #expect(
            await passing(fence) { _ in
                // A renewal that came too late opens nothing.
                fence.open(until: 150)
                fence.end()
            } == 0)
    }

    /// How many of 50 that want to pass do so.
    private func passing(_ fence: LeaseFence, _ meanwhile: (inout TaskGroup<Bool>) -> Void) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { await fence.pass() } }
            meanwhile(&group)
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }
}
