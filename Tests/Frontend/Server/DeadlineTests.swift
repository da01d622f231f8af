import Testing

@testable import Frontend

@Suite("Time until a deadline")
struct DeadlineTests {
    @Test(
        "is none at the deadline and behind it",
        arguments: [(5, 9, 4), (9, 9, 0), (10, 9, 0), (.max, 0, 0), (0, .max, .max)] as [(Instant, Instant, UInt64)])
    func left(now: Instant, deadline: Instant, left: UInt64) {
        #expect(nanoseconds(from: now, until: deadline) == left)
    }
}
