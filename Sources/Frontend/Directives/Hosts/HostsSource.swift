import FoundationEssentials
import Logging
import MizzenSystem
import ProcessRuntime
import Synchronization

/// The current map of one `hosts` directive, shared by all threads: re-read when the file changes.
final class HostsSource: DirectiveSource {
    /// Bytes of a hosts file.
    static let mostBytes = 256 << 20

    let settings: HostsSettings
    private let logger: Logger
    private let maps: FollowedValue<HostsMap>
    private let state = Mutex(State())

    private struct State {
        var identity: RegularFile.Identity?
        var due = DueTime()
    }

    init(settings: HostsSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
        maps = FollowedValue(HostsMap(settings.entries, zones: settings.zones, answersReverse: settings.answersReverse))
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
        state.withLock { $0.identity = read.identity }
        maps.replace(by: map)
        return true
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { HostsHandler(source: self) }

    func follow(_ now: ContinuousClock.Instant) {
        guard settings.reload > .zero else { return }
        if state.withLock({ $0.due.isDue(now, every: settings.reload) }), reload() {
            logger.info("hosts file read", metadata: ["path": "\(settings.path)"])
        }
    }

    func publish(to registry: MetricsRegistry) {
        let reading = reading
        registry.gauge(
            "coredns_hosts_entries", help: "Names and addresses of hosts files and of the Corefile.",
            labels: [("hostsfile", settings.path)], joining: .largest
        )
        .set(Double(reading.count))
        guard let modified = reading.modified else { return }
        registry.gauge(
            "coredns_hosts_reload_timestamp_seconds", help: "When the hosts file was written that was read last.", joining: .largest
        )
        .set(modified.timeIntervalSince1970)
    }

    /// How many names and addresses there are, and when the file was written.
    var reading: (count: Int, modified: Date?) {
        (map.count, state.withLock { $0.identity }.map { Date(timeIntervalSince1970: Double($0.modified) / 1e9) })
    }

    var currentVersion: Int { maps.version }
    var map: HostsMap { maps.value }
}
