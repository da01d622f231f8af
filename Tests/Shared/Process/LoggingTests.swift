import Logging
import Synchronization
import Testing

@testable import ProcessRuntime

private final class Lines: Sendable {
    private let text = Mutex("")
    func append(_ bytes: [UInt8]) { text.withLock { $0 += String(decoding: bytes, as: UTF8.self) } }
    var all: String { text.withLock { $0 } }
}

@Suite("Log lines")
struct LoggingTests {
    private func logged(_ format: LoggingOptions.Format, _ body: (Logger) -> Void) -> String {
        let lines = Lines()
        var logger = Logger(label: "mizzen-test") { label in
            var handler = LineLogHandler(label: label, format: format) { lines.append($0) }
            handler.clock = { (seconds: 1_709_210_096, nanoseconds: 7_999_999) }
            return handler
        }
        logger[metadataKey: "shard"] = "2"
        body(logger)
        return lines.all
    }

    @Test("text is a time, a level, the process, a message and sorted pairs")
    func text() {
        let text = logged(.text) {
            $0.info("listening", metadata: ["address": "127.0.0.1:8080", "empty": "", "quoted": "a \"b\"\n"])
        }
        #expect(
            text == """
                2024-02-29T12:34:56.007Z info mizzen-test listening address=127.0.0.1:8080 empty="" quoted="a \\"b\\"\\n" shard=2

                """)
    }

    @Test("JSON is one object a line")
    func json() {
        let text = logged(.json) { $0.error("bad\u{1}", metadata: ["list": ["a", "b"], "map": ["k": "v\\"]]) }
        #expect(
            text
                == #"{"time":"2024-02-29T12:34:56.007Z","level":"error","process":"mizzen-test","message":"bad\u0001","#
                + #""list":["a","b"],"map":{"k":"v\\"},"shard":"2"}"# + "\n")
    }

    @Test("a level below the chosen one is not written")
    func levels() {
        #expect(logged(.text) { $0.debug("hidden") }.isEmpty)
    }

    @Test(
        "times are right around leap days and before 1970",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"), (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ])
    func times(seconds: Int, text: String) {
        #expect(LineLogHandler.timestamp(seconds: seconds, nanoseconds: 0) == text)
    }
}
