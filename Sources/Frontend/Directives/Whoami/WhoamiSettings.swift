/// `whoami`: tells clients who they are.
struct WhoamiSettings: DirectiveSettings {
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        SettingsSource.sources(statements, setup) { _, _ in WhoamiHandler() }
    }

    static let row = DirectiveRow<WhoamiSettings>(
        name: "whoami", summary: "Answers every query with the client's own address, port and transport, for tests.", repetition: .merged)
}

/// `whoami` in the chain.
final class WhoamiHandler: DirectiveHandler {
    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        guard let client = exchange.client else { return .next }
        let (asked, recordClass) = (exchange.query.original, exchange.query.recordClass)
        if bench.response.open(.additional, name: asked, client.address.recordType, ttl: 0, recordClass: recordClass, of: exchange.query) {
            bench.response.append(client.address)
            bench.response.close()
        }
        var owner = DNSName()
        // A name that leaves no room for a label has no record of its own.
        if owner.append(label: exchange.isOverStream ? "_tcp" : "_udp"), owner.append(asked),
            bench.response.open(.additional, name: owner, .srv, ttl: 0, recordClass: recordClass, of: exchange.query)
        {
            for word in [0, 0, client.port] { bench.response.append(word: word) }
            bench.response.append(DNSName(), inFull: true, of: exchange.query)
            bench.response.close()
        }
        return .done(.answered)
    }
}
