import Logging
import Testing

@testable import Frontend

@Suite("timeouts")
struct TimeoutsTests {
    private func timeouts(_ corefile: String) throws -> ConnectionTimeouts {
        let configuration = try FrontendConfiguration.parse(Array(corefile.utf8), file: "Corefile")
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let serving = try ServingPlan(configuration, metrics: FrontendMetrics(), logger: logger)
        return WorkerPlan(serving, metrics: FrontendMetrics(), logger: logger, thread: 0).servers[0].timeouts
    }

    @Test("what is not said keeps its default; numbers without a unit are seconds")
    func values() throws {
        #expect(try timeouts(".:53 {\n bind 127.0.0.1\n whoami\n}") == ConnectionTimeouts())
        #expect(
            try timeouts(".:53 {\n bind 127.0.0.1\n timeouts {\n  read 7\n  idle 1m\n }\n whoami\n}")
                == ConnectionTimeouts(read: .seconds(7), write: .seconds(5), idle: .seconds(60)))
    }

    @Test("of blocks that share a port the last one in the Corefile decides, word by word")
    func shared() throws {
        let corefile = """
            .:53 {
             bind 127.0.0.1
             timeouts {
              read 7s
              write 9s
             }
            }
            longer.test:53 {
             bind 127.0.0.1
             timeouts {
              read 8s
             }
            }
            """
        #expect(try timeouts(corefile) == ConnectionTimeouts(read: .seconds(8), write: .seconds(9), idle: .seconds(10)))
    }

    @Test(
        "other times are refused",
        arguments: [
            "timeouts", "timeouts 5s", "timeouts {\n read 0s\n}", "timeouts {\n read 25h\n}", "timeouts {\n read\n}",
            "timeouts {\n dial 5s\n}",
        ])
    func mistakes(lines: String) {
        #expect(mistake(of: TimeoutsSettings.row, lines) != nil)
    }
}
