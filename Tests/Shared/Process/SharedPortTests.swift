import Logging
import Synchronization
import TestSupport
import Testing

@testable import ProcessRuntime

@Suite("Ports that several servers share")
struct SharedPortTests {
    private let address = HTTPAddress(host: "127.0.0.1", port: Int(freePort()))

    private func server(_ name: String, others: @escaping @Sendable () -> Bool) -> HTTPEndpoints {
        HTTPEndpoints(
            address: address, routes: ["/name": { .text(name) }], sharing: .with(others: others),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func answers(_ count: Int) async throws -> [String] {
        var answers: [String] = []
        for _ in 0..<count { answers.append(try await TestHTTP.get(address, "/name")) }
        return answers
    }

    @Test("each gets some of the connections, and the other all when one ends")
    func shared() async throws {
        let first = Task { try await server("first") { false }.run() }
        try await eventually("the first one answers") { try await answers(1) == ["first"] }
        let second = Task { try await server("second") { true }.run() }
        try await eventually("both answer") { Set(try await answers(20)) == ["first", "second"] }
        first.cancel()
        try await first.value
        #expect(try await answers(20) == Array(repeating: "second", count: 20))
        second.cancel()
        try await second.value
    }

    @Test("a stranger is refused with the address, and disturbs nobody")
    func stranger() async throws {
        let first = Task { try await server("first") { false }.run() }
        try await eventually("the first one answers") { try await answers(1) == ["first"] }
        let error = await #expect(throws: ProcessError.self) { try await server("stranger") { false }.run() }
        #expect(error?.code == ExitStatus.unavailable && error?.place == address.description)
        #expect(try await answers(20) == Array(repeating: "first", count: 20))
        first.cancel()
        try await first.value
    }

    @Test("companions that start in the same moment all listen")
    func together() async throws {
        let tasks = (0..<8).map { number in Task { try await server("\(number)") { true }.run() } }
        try await eventually("all answer") { Set(try await answers(100)).count == 8 }
        for task in tasks { task.cancel() }
        for task in tasks { try await task.value }
    }
}
