import Logging
import MizzenSystem
import Synchronization

/// The current zones of one statement of `file`, shared by all threads: re-read when the file changes.
final class ZoneSource: ZoneProvider {
    let settings: FileSettings
    let root: String
    let limits: [DNSName] = []
    let through: [DNSName]
    private let logger: Logger
    private let pace = ReadingPace()
    private let files: Mutex<[ZoneFile]>
    private let followed: FollowedValue<ZoneSet>

    /// Reads the zones. A file that does not exist yet is no fault unless it is never looked at again, as in CoreDNS: its zones get SERVFAIL
    /// until it comes.
    /// - Parameter root: the directory of `root`, for a relative path; empty for the working directory.
    init(settings: FileSettings, root: String = "", logger: Logger) throws(ZoneFileError) {
        self.settings = settings
        self.root = root
        self.logger = logger
        through = settings.fallsThrough.zones.compactMap { try? DNSName($0.text) }
        let path = settings.path.below(root: root)
        var files = settings.zones.compactMap { zone in (try? DNSName(zone.text)).map { ZoneFile(path: path, origin: $0) } }
        for index in files.indices {
            switch files[index].refresh() {
            case .failed(let fault):
                guard fault.isMissing, settings.reload > .zero else { throw fault }
                logger.warning("zone file does not exist", metadata: ["path": "\(path)", "zone": "\(files[index].origin)"])
            case .loaded(let zone): zone.report(to: logger, path)
            case .none, .sameSerial: break
            }
        }
        followed = FollowedValue(Self.zones(files))
        self.files = Mutex(files)
    }

    private static func zones(_ files: [ZoneFile]) -> ZoneSet {
        ZoneSet(files.map { ZoneSet.Member(origin: $0.origin, zone: $0.zone) })
    }

    /// Looks at the file when it is time to, on a thread of its own: a large zone takes seconds to read.
    func follow(_ now: ContinuousClock.Instant) {
        pace.follow(now, every: settings.reload) { [self] in reload() }
    }

    /// Reads again what changed. Call it from one thread at a time, every `settings.reload`. Returns whether there are other zones now.
    @discardableResult
    func reload() -> Bool {
        var files = self.files.withLock { $0 }
        var isNew = false
        for index in files.indices {
            let change = files[index].refresh()
            change.report(to: logger, files[index])
            if case .loaded = change { isNew = true }
        }
        self.files.withLock { $0 = files }
        if isNew { followed.replace(by: Self.zones(files)) }
        return isNew
    }

    var currentVersion: Int { followed.version }
    var zones: ZoneSet { followed.value }
}

extension Zone {
    func report(to logger: Logger, _ path: String) {
        for warning in warnings { logger.warning("zone file", metadata: ["path": "\(path)", "zone": "\(origin)", "found": "\(warning)"]) }
    }
}

extension ZoneFile.Change {
    func report(to logger: Logger, _ file: ZoneFile) {
        let place: Logger.Metadata = ["path": "\(file.path)", "zone": "\(file.origin)"]
        switch self {
        case .none: break
        case .loaded(let zone):
            logger.info("zone loaded", metadata: place.merging(["serial": "\(zone.serial)"]) { $1 })
            zone.report(to: logger, file.path)
        case .sameSerial:
            logger.info("zone file changed but not its SOA serial: the zone stays as it is", metadata: place)
        case .failed(let fault):
            logger.error("zone file has a fault: the zone stays as it is", metadata: ["zone": "\(file.origin)", "error": "\(fault)"])
        }
    }
}
