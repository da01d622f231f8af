import FoundationEssentials
import Logging
import Synchronization

/// The current map of one `hosts` directive, shared by all threads: re-read when the file changes, handed out by
/// version.
///
/// A worker keeps the map it has and looks at `version` (a relaxed load) for each query; only when that changed does it
/// take the lock.
final class HostsSource: Sendable {
    let settings: HostsSettings
    private let version = Atomic<Int>(1)
    private let state: Mutex<State>

    private struct State {
        var map: HostsMap
        var modified: Date?
        var size: UInt64?
    }

    init(settings: HostsSettings, logger: Logger) {
        self.settings = settings
        state = Mutex(
            State(map: HostsMap(settings.entries, zones: settings.zones, answersReverse: settings.answersReverse)))
        if !reload(), !FileManager.default.fileExists(atPath: settings.path) {
            logger.warning("hosts file does not exist", metadata: ["path": "\(settings.path)"])
        }
    }

    /// Reads the file again if its time or size is another one. A file that cannot be read leaves the map as it is.
    @discardableResult
    func reload() -> Bool {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: settings.path),
            let modified = attributes[.modificationDate] as? Date
        else { return false }
        let size = attributes[.size] as? UInt64
        let isSame = state.withLock { $0.modified == modified && $0.size == size }
        guard !isSame, let bytes = FileManager.default.contents(atPath: settings.path) else { return false }
        let map = HostsMap(
            HostsSettings.entries(ofFile: [UInt8](bytes)) + settings.entries, zones: settings.zones,
            answersReverse: settings.answersReverse)
        state.withLock { $0 = State(map: map, modified: modified, size: size) }
        version.wrappingAdd(1, ordering: .releasing)
        return true
    }

    /// How many names and addresses there are, and when the file was written.
    var reading: (count: Int, modified: Date?) { state.withLock { ($0.map.count, $0.modified) } }

    var currentVersion: Int { version.load(ordering: .acquiring) }
    var map: HostsMap { state.withLock { $0.map } }
}
