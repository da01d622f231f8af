import Logging
import MizzenSystem
import Names
import ProcessRuntime

/// `autopath`: goes through a client's search path for it.
struct AutopathSettings: DirectiveSettings {
    enum Origin: Sendable, Equatable {
        /// The namespace of the pod that asks decides, and the search list of this host comes behind.
        case kubernetes
        /// The search list of a file like /etc/resolv.conf, the same for all clients.
        case file(String)
    }

    /// The file whose search list pods get from their node (`dnsPolicy: ClusterFirst`).
    static let hostFile = "/etc/resolv.conf"

    /// Only names in these zones are looked at.
    var zones: [ZoneName] = []
    var origin = Origin.kubernetes
    /// Whether `--complete-search-paths` is given: pods have their path under each mode of `pods`, since the table has them under each.
    var needsNoPodNames = false
    /// Whether the Corefile does not name it, and questions for other types than addresses are left as they are.
    var isImplied = false

    var needed: ClusterResources { origin == .kubernetes ? [.pods] : [] }

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] {
        var sources: [any DirectiveSource] = []
        for settings in statements {
            switch settings.origin {
            case .kubernetes:
                // As in CoreDNS neither is an error.
                guard let cluster = setup.block.all(KubernetesSettings.self).first else {
                    warn("there is no 'kubernetes' in the same block", setup)
                    continue
                }
                guard cluster.pods == .verified || settings.needsNoPodNames else {
                    warn("'kubernetes' does not say 'pods verified'", setup)
                    continue
                }
                do throws(WireError) {
                    let kubernetes = try KubernetesHandler(settings: cluster, localAddresses: setup.localAddresses)
                    let search = (try? SearchList(file: hostFile))?.names ?? []
                    sources.append(AutopathSource(settings, search: search, kubernetes))
                } catch {
                    throw setup.fault("autopath: a zone of 'kubernetes' is not a domain name")
                }
            case .file(let name):
                let path = name.below(root: setup.root)
                do throws(RegularFile.Fault) {
                    sources.append(AutopathSource(settings, search: try SearchList(file: path).names, nil))
                } catch {
                    throw setup.fault("autopath: cannot read \(path): \(error)")
                }
            }
        }
        return sources
    }

    private static func warn(_ reason: String, _ setup: BlockSetup) {
        setup.logger.warning(
            "autopath @kubernetes has no effect", metadata: ["place": "\(setup.block.file):\(setup.block.line)", "reason": "\(reason)"])
    }

    static let row = DirectiveRow<AutopathSettings>(
        name: "autopath",
        summary:
            "Answers a query of a client's search path with what the path comes to, so that the client need not ask for each of its names.",
        repetition: .last,
        arguments: .custom(
            "[ZONES...] @kubernetes|RESOLV-CONF",
            "@kubernetes takes the path of the pod that asks, which needs 'pods verified'; else it is the search list of a file. ZONES defaults to those of the server block."
        ) { settings, line throws(CorefileError) in
            guard let last = line.words.last else { throw line.error("expected '@kubernetes' or a file like /etc/resolv.conf") }
            let zones = try line.zones(Array(line.words.dropLast()))
            settings.zones = zones.isEmpty ? line.zones : zones
            if last.text == "@kubernetes" {
                settings.origin = .kubernetes
            } else if last.text.hasPrefix("@") {
                throw line.error("expected '@kubernetes' or a file like /etc/resolv.conf, found '\(last.text)'", at: last)
            } else {
                settings.origin = .file(last.text)
            }
        })
}

extension BlockConfiguration {
    /// What `--complete-search-paths` makes of a block: one with `kubernetes` has `autopath @kubernetes` for the cluster's zones, under each mode of
    /// `pods`. A search list that the block takes from a file stays the one.
    mutating func completeSearchPaths() {
        guard let cluster = all(KubernetesSettings.self).first else { return }
        guard let index = directives.firstIndex(where: { $0.name == AutopathSettings.row.name }) else {
            let name = AutopathSettings.row.name
            let implied = AutopathSettings(zones: cluster.zones, needsNoPodNames: true, isImplied: true)
            let rank = Directive.rank(of: name) ?? 0
            let place = directives.firstIndex { (Directive.rank(of: $0.name) ?? 0) > rank } ?? directives.endIndex
            return directives.insert(DirectiveUse(name: name, settings: [implied]), at: place)
        }
        directives[index].settings = directives[index].settings.map { settings in
            guard var settings = settings as? AutopathSettings else { return settings }
            settings.needsNoPodNames = true
            return settings
        }
    }
}

extension FrontendService.Options {
    /// The Corefile with what the options add to it.
    func adapted(_ configuration: FrontendConfiguration) -> FrontendConfiguration {
        guard completesSearchPaths else { return configuration }
        var configuration = configuration
        for index in configuration.blocks.indices { configuration.blocks[index].completeSearchPaths() }
        return configuration
    }
}

/// The search list of a file like /etc/resolv.conf: that of its last `search` or `domain` line.
struct SearchList {
    private static let fileLimit = 1 << 20

    /// In lower case.
    private(set) var names: [DNSName] = []

    init(file path: String) throws(RegularFile.Fault) { self.init(try RegularFile.read(path, limit: Self.fileLimit).bytes) }

    init(_ bytes: [UInt8]) {
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            let found: [Substring]
            switch words.first {
            case "search": found = Array(words.dropFirst())
            case "domain": found = Array(words.dropFirst().prefix(1))
            default: continue
            }
            if words.count > 1 { names = found.compactMap { ZoneName(String($0)) }.compactMap { try? DNSName($0.text) } }
        }
    }
}

/// An `autopath` directive as all threads share it.
final class AutopathSource: DirectiveSource {
    let settings: AutopathSettings
    /// Of a file: the whole path, or for `@kubernetes` its end.
    let search: [DNSName]
    /// Nil for a path that is the same for all clients.
    let kubernetes: KubernetesHandler?

    init(_ settings: AutopathSettings, search: [DNSName], _ kubernetes: KubernetesHandler?) {
        self.settings = settings
        self.search = search
        self.kubernetes = kubernetes
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { AutopathHandler(self, setup) }
}
