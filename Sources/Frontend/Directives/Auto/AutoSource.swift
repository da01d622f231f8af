import FoundationEssentials
import Logging
import MizzenSystem
import RegularExpressions
import Synchronization

/// The current zones of one `auto` directive, shared by all threads; as `ZoneSource`, and the directory is looked through for files that come
/// and go.
final class AutoSource: ZoneProvider, DirectiveSource {
    static let deepestFolder = 32
    static let mostZones = 100_000

    let settings: AutoSettings
    let root: String
    let limits: [DNSName]
    let through: [DNSName] = []
    private let directory: String
    private let logger: Logger
    private let pace = ReadingPace()
    /// By the text of the origin.
    private let files = Mutex<[String: ZoneFile]>([:])
    private let followed = FollowedValue(ZoneSet([]))

    /// - Parameter root: the directory of `root`, for a relative path; empty for the working directory.
    init(settings: AutoSettings, root: String = "", logger: Logger) {
        self.settings = settings
        self.root = root
        self.logger = logger
        limits = settings.zones.compactMap { try? DNSName($0.text) }
        directory = settings.directory.below(root: root)
        if !FileManager.default.fileExists(atPath: directory) {
            logger.warning("directory of zone files does not exist", metadata: ["path": "\(directory)"])
        }
        reload()
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { ZoneHandler([self]) }

    /// Looks at the directory when it is time to, on a thread of its own: a large zone takes seconds to read.
    func follow(_ now: ContinuousClock.Instant) {
        pace.follow(now, every: settings.reload) { [self] in reload() }
    }

    /// Looks for new, changed and vanished files. Call it from one thread at a time, every `settings.reload`. Returns whether there are other zones now.
    @discardableResult
    func reload() -> Bool {
        let known = self.files.withLock { $0 }
        var files: [String: ZoneFile] = [:]
        var isNew = false
        for (origin, path) in found() {
            let text = origin.description
            guard files[text] == nil, files.count < Self.mostZones else { continue }
            var file = known[text].flatMap { $0.path == path ? $0 : nil } ?? ZoneFile(path: path, origin: origin)
            let change = file.refresh()
            change.report(to: logger, file)
            if case .loaded = change { isNew = true }
            files[text] = file
        }
        for (origin, file) in known where files[origin] == nil {
            guard file.zone != nil else { continue }
            logger.info("zone removed, as its file is gone", metadata: ["zone": "\(origin)", "path": "\(file.path)"])
            isNew = true
        }
        // A file with a fault from the start is no zone: its names go on to the next directive, as in CoreDNS.
        let members = files.values.compactMap { file in file.zone.map { ZoneSet.Member(origin: file.origin, zone: $0) } }
        self.files.withLock { $0 = files }
        if isNew { followed.replace(by: ZoneSet(members)) }
        return isNew
    }

    var currentVersion: Int { followed.version }
    var zones: ZoneSet { followed.value }

    // MARK: The directory

    /// Origins and paths, folders looked through in order of names; the first file of an origin counts.
    private func found() -> [(origin: DNSName, path: String)] {
        var result: [(DNSName, String)] = []
        look(through: directory, depth: 0, &result)
        return result
    }

    private func look(through folder: String, depth: Int, _ result: inout [(DNSName, String)]) {
        guard depth < Self.deepestFolder else { return }
        for name in ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted() {
            // A mounted ConfigMap's own names (..data, ..2026_01_01…): its files are linked beside them.
            if name.hasPrefix("..") { continue }
            let path = "\(folder)/\(name)"
            let kind = (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
            if kind == .typeDirectory {
                look(through: path, depth: depth + 1, &result)
            } else if let groups = match(name), let origin = Self.origin(settings.originTemplate, groups) {
                result.append((origin, path))
            }
        }
    }

    /// The text of a whole match and of each group, nil where a group took no part; nil when the name does not match anywhere.
    private func match(_ name: String) -> [String?]? {
        guard let pattern = settings.pattern, let captures = pattern.firstMatch(in: name) else { return nil }
        let octets = Array(name.utf8)
        return (0...pattern.groupCount).map { group in captures[group].map { String(decoding: octets[$0], as: UTF8.self) } }
    }

    /// The template with `{N}`, `$N` and `${N}` replaced by groups, in lower case; nil when that is no domain name.
    static func origin(_ template: String, _ groups: [String?]) -> DNSName? {
        var text = ""
        var rest = template[...]
        while let first = rest.first {
            let isDollar = first == "$"
            var number = rest.dropFirst(isDollar ? 1 : 0)
            let isBraced = number.first == "{"
            if isBraced { number = number.dropFirst() }
            let digits = number.prefix { $0.isASCII && $0.isNumber }
            let tail = number[digits.endIndex...]
            guard isDollar || isBraced, let index = Int(digits), !isBraced || tail.first == "}" else {
                text.append(first)
                rest = rest.dropFirst()
                continue
            }
            if groups.indices.contains(index) { text += groups[index] ?? "" }
            rest = isBraced ? tail.dropFirst() : tail
        }
        guard var name = try? DNSName(text) else { return nil }
        _ = name.lowercase()
        return name
    }
}
