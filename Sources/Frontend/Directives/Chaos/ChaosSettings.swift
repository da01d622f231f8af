import MizzenSystem
import ProcessRuntime

/// `chaos`: says of class CH which server this is, of which version, and whose.
struct ChaosSettings: DirectiveSettings {
    /// A TXT record's string has no more octets (RFC 1035 3.3).
    private static let longest = 255

    var version = "Mizzen-\(MizzenVersion.current)"
    var authors = ["Mizzen"]

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        SettingsSource.sources(statements, setup) { settings, _ in ChaosHandler(settings) }
    }

    static let row = DirectiveRow<ChaosSettings>(
        name: "chaos",
        summary: "Answers version.bind, version.server, authors.bind, hostname.bind and id.server of class CH, type TXT.",
        repetition: .first,
        arguments: .custom(
            "[VERSION [AUTHORS...]]", "VERSION defaults to Mizzen's own, AUTHORS to 'Mizzen'; of each at most 255 octets are used."
        ) {
            settings, line in
            if let version = line.words.first { settings.version = version.text }
            let authors = line.words.dropFirst().map(\.text)
            if !authors.isEmpty { settings.authors = Set(authors).sorted() }
        })

    /// What fits into a TXT record's string.
    static func string(_ text: String) -> [UInt8] { Array(text.utf8.prefix(longest)) }
}

/// `chaos` in the chain.
final class ChaosHandler: DirectiveHandler {
    private let authors: [[UInt8]]
    /// Names with one text each.
    private let texts: [(name: DNSName, text: [UInt8])]
    private let authorsName: DNSName?

    init(_ settings: ChaosSettings) {
        authors = settings.authors.map(ChaosSettings.string)
        let (version, host) = (ChaosSettings.string(settings.version), ChaosSettings.string(hostName() ?? "localhost"))
        authorsName = try? DNSName("authors.bind")
        texts = [("version.bind", version), ("version.server", version), ("hostname.bind", host), ("id.server", host)].compactMap { entry in
            (try? DNSName(entry.0)).map { (name: $0, text: entry.1) }
        }
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        guard exchange.query.recordClass == chaosClass, exchange.query.type == .txt else { return .next }
        if exchange.query.name == authorsName {
            for author in authors.shuffled() { write(author, exchange, bench) }
        } else if let known = texts.first(where: { exchange.query.name == $0.name }) {
            write(known.text, exchange, bench)
        } else {
            return .next
        }
        return bench.doneWithoutAuthority(exchange, .answered)
    }

    private func write(_ text: [UInt8], _ exchange: Exchange, _ bench: Workbench) {
        guard bench.response.open(.answer, name: exchange.query.original, .txt, ttl: 0, recordClass: chaosClass, of: exchange.query) else {
            return
        }
        bench.response.append(octet: UInt8(text.count))
        bench.response.append(octets: text.span)
        bench.response.close()
    }
}
