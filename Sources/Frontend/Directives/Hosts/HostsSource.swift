import FoundationEssentials
import Logging
import MizzenSystem
import Synchronization

/// The current map of one `hosts` directive, shared by all threads: re-read when the file changes, handed out by
/// version.
///
/// A worker keeps the map it has and looks at `version` (a relaxed load) for each query; only when that changed does it
/// take the lock.
final class HostsSource: Sendable {
    /// Bytes of a hosts file.
    static let mostBytes = 256 << 20

    let settings: HostsSettings
    private let version = Atomic<Int>(1)
    private let state: Mutex<State>

    private struct State {
        var map: HostsMap
        var identity: RegularFile.Identity?
    }

    init(settings: HostsSettings, logger: Logger) {
        self.settings = settings
        state = Mutex(
            State(map: HostsMap(settings.entries, zones: settings.zones, answersReverse: settings.answersReverse)))
        do throws(RegularFile.Fault) {
            _ = try RegularFile.identity(settings.path)
            reload()
        } catch {
            logger.warning(
                error.isMissing ? "hosts file does not exist" : "hosts file cannot be read",
                metadata: ["path": "\(settings.path)", "error": "\(error)"])
        }
    }

    /// Reads the file again if it is another one than the last that was read. A file that cannot be read leaves the map as it is.
    @discardableResult
    func reload() -> Bool {
        let known = state.withLock { $0.identity }
        guard let identity = try? RegularFile.identity(settings.path), identity != known,
            let read = try? RegularFile.read(settings.path, limit: Self.mostBytes)
        else { return false }
        let map = HostsMap(
            HostsSettings.entries(ofFile: read.bytes) + settings.entries, zones: settings.zones,
            answersReverse: settings.answersReverse)
        state.withLock { $0 = State(map: map, identity: read.identity) }
        version.wrappingAdd(1, ordering: .releasing)
        return true
    }

    /// How many names and addresses there are, and when the file was written.
    var reading: (count: Int, modified: Date?) {
        state.withLock { state in
            (state.map.count, state.identity.map { Date(timeIntervalSince1970: Double($0.modified) / 1e9) })
        }
    }

    var currentVersion: Int { version.load(ordering: .acquiring) }
    var map: HostsMap { state.withLock { $0.map } }
}
