/// `metadata`: lets directives tell one another what they know of a query.
struct MetadataSettings: DirectiveSettings {
    var zones: [ZoneName] = []

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        SettingsSource.sources(statements, setup) { settings, _ in MetadataHandler(settings) }
    }

    static let row = DirectiveRow<MetadataSettings>(
        name: "metadata",
        summary:
            "Makes what directives know of a query available, as NAME/LABEL, to those that write words: 'log', 'template', 'rewrite', 'view'.",
        arguments: .custom("[ZONES...]", "For names of these zones; by default those of the server block.") {
            settings, line throws(CorefileError) in
            let zones = try line.zones(line.words)
            settings.zones = zones.isEmpty ? line.zones : zones
        })
}

/// `metadata` in the chain: only says where. Nothing is collected before somebody asks.
final class MetadataHandler: DirectiveHandler {
    private let zones: [DNSName]

    init(_ settings: MetadataSettings) { zones = settings.zones.compactMap { try? DNSName($0.text) } }

    override var takesQueries: Bool { false }
    override var metadataZones: [DNSName] { zones }
}
