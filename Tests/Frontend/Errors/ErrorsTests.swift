import Logging
import Synchronization
import Testing

@testable import Frontend

@Suite("errors")
struct ErrorsTests {
    /// Keeps lines as text.
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    private struct Handler: Logging.LogHandler {
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        let lines: Lines

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let words = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            lines.all.withLock { $0.append(([event.level.rawValue, "\(event.message)"] + words).joined(separator: " ")) }
        }
    }

    private static let second: UInt64 = 1_000_000_000

    private func log(_ options: String, _ body: (ErrorReporter, ErrorLog) -> Void) throws -> [String] {
        let lines = Lines()
        let source = ErrorLog(
            settings: try settings(of: ErrorsSettings.row, "errors {\n\(options)\n}")[0],
            logger: Logger(label: "test") { _ in Handler(lines: lines) })
        body(ErrorReporter(source), source)
        return lines.all.withLock { $0 }
    }

    @Test("failures that a pattern matches are one line a period; the others are a line each")
    func consolidated() throws {
        let lines = try log("consolidate 1m timeout$ warning") { reporter, source in
            for _ in 0..<3 { reporter.report(question: "a.test. A", reason: "i/o timeout", now: Self.second) }
            reporter.report(question: "timeout. A", reason: "refused", now: Self.second)
            source.flush(now: 60 * Self.second)
            source.flush(now: 61 * Self.second)
        }
        #expect(
            lines == [
                "error query failed error=refused query=timeout. A", "warning queries failed alike count=3 pattern=timeout$ period=1m",
            ])
    }

    @Test("show_first tells the first one at once, and says nothing more if it stays alone")
    func first() throws {
        #expect(
            try log("consolidate 1m timeout info show_first") { reporter, source in
                reporter.report(question: "a.test. A", reason: "timeout", now: Self.second)
                source.flush(now: 100 * Self.second)
            } == ["info query failed error=timeout query=a.test. A"])
        #expect(
            try log("consolidate 1m timeout info show_first") { reporter, source in
                for _ in 0..<2 { reporter.report(question: "a.test. A", reason: "timeout", now: Self.second) }
                source.flush(now: 100 * Self.second)
            }.last == "info queries failed alike count=2 pattern=timeout period=1m")
    }

    @Test(
        "patterns for CoreDNS's words fit ours, and look at the reason alone",
        arguments: [
            (".* i/o timeout$", "192.0.2.1:53: no answer in time", true),
            ("^read udp .*:53: i/o timeout$", "192.0.2.1:53: no answer in time", true),
            ("connection refused$", "[2001:db8::1]:53: recv: Connection refused", true),
            ("no healthy proxies", "no healthy upstream", true), ("exceeded maximum", "more queries under way than max_concurrent", true),
            ("^192.0.2.1:53: no answer", "192.0.2.1:53: no answer in time", true), ("a.test", "192.0.2.1:53: no answer in time", false),
            ("i/o timeout", "192.0.2.1:53: its answer cannot be read", false),
        ])
    func words(pattern: String, reason: String, fits: Bool) throws {
        let lines = try log("consolidate 1m \"\(pattern)\"") { reporter, source in
            reporter.report(question: "a.test. A", reason: reason, now: Self.second)
            source.close()
        }
        #expect(
            lines == [
                fits
                    ? "error queries failed alike count=1 pattern=\(pattern) period=1m"
                    : "error query failed error=\(reason) query=a.test. A"
            ])
    }

    @Test("what is counted when the directive goes is told then")
    func close() throws {
        let lines = try log("consolidate 1h timeout") { reporter, source in
            reporter.report(question: "a.test. A", reason: "timeout", now: Self.second)
            source.close()
        }
        #expect(lines == ["error queries failed alike count=1 pattern=timeout period=1h"])
    }
}
