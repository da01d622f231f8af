package import Logging
import Synchronization

/// What a test's subject logs at info and above: message and metadata, one line each.
package final class RecordedLog: Sendable {
    package struct Entry: Sendable {
        package var level: Logger.Level
        package var text: String
    }

    private let recorded = Mutex<[Entry]>([])

    package init() {}

    package var entries: [Entry] { recorded.withLock { $0 } }

    package var lines: [String] { entries.map(\.text) }

    /// What is above info.
    package var warnings: [String] { entries.filter { $0.level >= .warning }.map(\.text) }

    package func count(_ part: String) -> Int { lines.count { $0.contains(part) } }

    package var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: RecordedLog
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let words = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted()
            let text = ([event.message.description] + words).joined(separator: " ")
            log.recorded.withLock { $0.append(Entry(level: event.level, text: text)) }
        }
    }
}
