import Logging
import Testing

@testable import Frontend

@Suite("debug")
struct DebugTests {
    @Test(
        "any block's word is for all lines of level debug",
        arguments: [(".:53 {\n whoami\n}\na.test:53 {\n debug\n}", Logger.Level.debug), (".:53 {\n whoami\n}", Logger.Level.info)])
    func level(corefile: String, level: Logger.Level) throws {
        let configuration = try FrontendConfiguration.parse(Array(corefile.utf8), file: "Corefile")
        var logger = Logger(label: "test") { StreamLogHandler.standardError(label: $0) }
        #expect(logger.asked(by: configuration.blocks).logLevel == level)
        logger.logLevel = .trace
        #expect(logger.asked(by: configuration.blocks).logLevel == .trace)
    }
}
