import MizzenSystem

/// `nsid`: says which server answers (RFC 5001).
struct NsidSettings: DirectiveSettings {
    var identifier = hostName() ?? "localhost"

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        SettingsSource.sources(statements, setup) { settings, _ in NsidHandler(settings) }
    }

    static let row = DirectiveRow<NsidSettings>(
        name: "nsid",
        summary: "Tells clients that ask for it with EDNS which server has answered.",
        arguments: .custom("[IDENTIFIER...]", "Words that are joined by spaces; by default the host's name.") { settings, line in
            if !line.words.isEmpty { settings.identifier = line.words.map(\.text).joined(separator: " ") }
        })
}

/// `nsid` in the chain.
final class NsidHandler: DirectiveHandler {
    private static let option: UInt16 = 3

    private let identifier: [UInt8]

    /// No more than an answer over UDP can bear.
    init(_ settings: NsidSettings) { identifier = Array(settings.identifier.utf8.prefix(Query.smallestUDPSize / 2)) }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        exchange.query.option(Self.option) == nil ? .next : .nextAndReview
    }

    override func review(_ exchange: Exchange, _ bench: Workbench) { exchange.addOption(Self.option, identifier) }
}
