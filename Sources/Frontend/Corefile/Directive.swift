import Logging
import Names
import ProcessRuntime

/// What a directive was told; the initial value is CoreDNS's default.
protocol DirectiveSettings: Sendable, Equatable {
    init()

    /// What may follow the directive's name, and what its block may hold.
    static var row: DirectiveRow<Self> { get }

    /// What the statements of one block become when it is to be served: a source for each handler in the chain, in the order in which
    /// queries pass them. Most directives make one of each statement.
    ///
    /// - Throws: `ProcessError` 78 with file and line, for what the Corefile names and the host lacks.
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource]

    /// The address and path that the directive serves over HTTP, if any.
    var httpEndpoint: (address: String, path: String)? { get }

    /// What it needs of the cluster to answer or deny.
    var needed: ClusterResources { get }
}

extension DirectiveSettings {
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] { [] }
    var httpEndpoint: (address: String, path: String)? { nil }
    var needed: ClusterResources { [] }

    fileprivate func isEqual(to other: any DirectiveSettings) -> Bool { (other as? Self) == self }
}

/// A directive of one block as all threads share it: what it has open, read and learned. It lives on over a reload where its settings are
/// the same (`BlockSetup.kept`), and its threads' handlers with it.
protocol DirectiveSource: AnyObject, Sendable {
    /// Its part in answering on one thread; nil for none.
    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler?

    /// Once, when all sources of the block are known and before any handler is made.
    func settle(among sources: [any DirectiveSource])

    /// Four times a second on the control side: the place to look at files. Never called twice at once.
    func follow(_ now: ContinuousClock.Instant)

    /// Before a scrape: brings metrics up to date that are not counted as things happen.
    func publish(to registry: MetricsRegistry)

    /// The source is not used any more.
    func close()
}

extension DirectiveSource {
    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { nil }
    func settle(among sources: [any DirectiveSource]) {}
    func follow(_ now: ContinuousClock.Instant) {}
    func publish(to registry: MetricsRegistry) {}
    func close() {}
}

/// A source that holds nothing: its handlers follow from the settings alone.
final class SettingsSource<Settings: DirectiveSettings>: DirectiveSource {
    let settings: Settings
    private let make: @Sendable (Settings, HandlerSetup) -> DirectiveHandler

    private init(_ settings: Settings, _ make: @escaping @Sendable (Settings, HandlerSetup) -> DirectiveHandler) {
        self.settings = settings
        self.make = make
    }

    /// One for each statement; those of before a reload go on where nothing was changed.
    static func sources(
        _ statements: [Settings], _ setup: BlockSetup, _ make: @escaping @Sendable (Settings, HandlerSetup) -> DirectiveHandler
    ) -> [any DirectiveSource] {
        statements.map { settings in setup.kept(Self.self) { $0.settings == settings } ?? Self(settings, make) }
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { make(settings, setup) }
}

/// What a handler is made with.
struct HandlerSetup {
    let thread: Int
    let metrics: FrontendMetrics
    let logger: Logger
    /// Nil where addresses of any family are asked for.
    var families: UsableFamilies?
    /// For how long the last good answers of upstreams are served that deny; nil for never.
    var lastGoodTime: Duration?
    /// The record table as this thread reads it.
    var table: TableSlot?
}

/// What sources are made with.
final class BlockSetup {
    let block: BlockConfiguration
    /// The addresses that the block is reached by, loopback left out.
    let localAddresses: [IPAddress]
    let metrics: FrontendMetrics
    let logger: Logger
    /// The Corefile's path: relative files lie beside it.
    let corefile: String
    /// Those of the same block before the reload, less those that were taken over.
    private var earlier: [any DirectiveSource]

    init(
        block: BlockConfiguration, localAddresses: [IPAddress], metrics: FrontendMetrics, logger: Logger, corefile: String = "",
        earlier: [any DirectiveSource] = []
    ) {
        self.block = block
        self.localAddresses = localAddresses
        self.metrics = metrics
        self.logger = logger
        self.corefile = corefile
        self.earlier = earlier
    }

    /// The source that did the same before a reload, to go on with; each is given out once.
    func kept<Source: DirectiveSource>(_ type: Source.Type, where isSame: (Source) -> Bool) -> Source? {
        for (index, source) in earlier.enumerated() {
            if let source = source as? Source, isSame(source) {
                earlier.remove(at: index)
                return source
            }
        }
        return nil
    }

    /// Where the block can be reached from this host; nil where the system chooses the port.
    var listenAddress: SocketAddress? {
        guard let port = block.addresses.first?.port, port > 0 else { return nil }
        for case .address(let address) in block.bindAddresses { return SocketAddress(address: address, port: port) }
        return SocketAddress(address: localAddresses.first ?? .v4(0x7F00_0001), port: port)
    }

    /// What files are relative to that are not absolute; empty for the working directory.
    var root: String { block.all(RootSettings.self).first?.path ?? "" }

    /// An error of the block at hand.
    func fault(_ message: String) -> ProcessError {
        ProcessError(code: ExitStatus.configuration, message: message, place: "\(block.file):\(block.line)")
    }

    /// The domain names of zones; a zone is one by its parser.
    func names(_ zones: [ZoneName]) -> [DNSName] { zones.compactMap { try? DNSName($0.text) } }
}

/// A directive with its settings' type forgotten.
struct Directive: Sendable {
    let name: String
    let manual: String
    let read: @Sendable ([Statement], inout BlockConfiguration, inout [CorefileWarning]) throws(CorefileError) -> Void
    let makeSources: @Sendable (BlockConfiguration, BlockSetup) throws(ProcessError) -> [any DirectiveSource]

    init<Settings: DirectiveSettings>(_ type: Settings.Type) {
        let row = Settings.row
        name = row.name
        manual = row.manual
        read = { statements, block, warnings throws(CorefileError) in
            let zones = block.addresses.map(\.zone)
            if row.repetition == .once, statements.count > 1 {
                let first = statements[0].name
                throw statements[1].name.error(
                    "\(row.name): expected once in a server block, already given at \(first.file):\(first.line)")
            }
            var all: [Settings] = []
            for statement in statements {
                var settings = row.repetition == .merged ? all.popLast() ?? Settings() : Settings()
                try row.read(statement, into: &settings, zones: zones, warnings: &warnings)
                all.append(settings)
            }
            for settings in row.counting(all, of: statements, warnings: &warnings) { block.add(settings, of: row.name) }
        }
        makeSources = { block, setup throws(ProcessError) in
            let statements = block.all(Settings.self)
            return statements.isEmpty ? [] : try Settings.makeSources(statements, setup)
        }
    }
}

/// The statements of one directive in a block.
struct DirectiveUse: Sendable, Equatable {
    let name: String
    var settings: [any DirectiveSettings]

    static func == (left: DirectiveUse, right: DirectiveUse) -> Bool {
        left.name == right.name && left.settings.count == right.settings.count
            && zip(left.settings, right.settings).allSatisfy { $0.isEqual(to: $1) }
    }
}

extension BlockConfiguration {
    mutating func add(_ settings: some DirectiveSettings, of name: String) {
        if let index = directives.firstIndex(where: { $0.name == name }) {
            directives[index].settings.append(settings)
        } else {
            directives.append(DirectiveUse(name: name, settings: [settings]))
        }
    }

    /// What the block says of one directive, in the Corefile's order.
    func all<Settings: DirectiveSettings>(_ type: Settings.Type) -> [Settings] {
        directives.flatMap { $0.settings.compactMap { $0 as? Settings } }
    }
}
