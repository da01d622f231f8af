import Logging
import Synchronization

/// Keeps what is logged at info and above, one text a line.
final class RecordedLog: Sendable {
    struct Line: Sendable {
        var level: Logger.Level
        var text: String
    }

    private let kept = Mutex<[Line]>([])

    var lines: [Line] { kept.withLock { $0 } }

    var warnings: [String] { lines.filter { $0.level >= .warning }.map(\.text) }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: RecordedLog
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.info

        init(log: RecordedLog) { self.log = log }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            log.kept.withLock { $0.append(Line(level: event.level, text: "\(event.message) \(details)")) }
        }
    }
}
