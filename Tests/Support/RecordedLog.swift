package import Logging
import Synchronization

/// What a test's subject logs: message and metadata, one line each.
package final class RecordedLog: Sendable {
    private let entries = Mutex<[String]>([])

    package init() {}

    package var lines: [String] { entries.withLock { $0 } }

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
            log.entries.withLock { $0.append(([event.message.description] + words).joined(separator: " ")) }
        }
    }
}
