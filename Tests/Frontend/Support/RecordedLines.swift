import Logging
import Synchronization

/// Keeps what is logged at warning and above, one text a line.
final class RecordedLines: Sendable {
    private let kept = Mutex<[String]>([])

    var lines: [String] { kept.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: Logging.LogHandler {
        let lines: RecordedLines
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.warning

        init(lines: RecordedLines) { self.lines = lines }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            lines.kept.withLock { $0.append("\(event.message) \(details)") }
        }
    }
}
