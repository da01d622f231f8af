/// `bufsize`: how large answers over UDP get at most.
struct BufsizeSettings: DirectiveSettings {
    /// Octets; the default is what passes nearly everywhere in one piece.
    var size: UInt16 = 1232

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        SettingsSource.sources(statements, setup) { settings, _ in BufsizeHandler(settings) }
    }

    static let row = DirectiveRow<BufsizeSettings>(
        name: "bufsize",
        summary: "Takes queries that admit larger answers over UDP for queries that admit answers of this size.",
        repetition: .first,
        arguments: .custom("[SIZE]", "Octets, from 512 to 4096; default 1232.") { settings, line throws(CorefileError) in
            try line.expectWords(0...1)
            if let word = line.words.first { settings.size = try line.integer(word, 512...4096) }
        })
}

/// `bufsize` in the chain. Upstreams are asked with the smaller size too.
final class BufsizeHandler: DirectiveHandler {
    private let size: UInt16

    init(_ settings: BufsizeSettings) { size = settings.size }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        if exchange.query.hasEDNS, exchange.query.advertisedSize > size { exchange.query.advertisedSize = size }
        return .next
    }
}
