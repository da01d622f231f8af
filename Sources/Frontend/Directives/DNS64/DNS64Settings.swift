import Names

/// `dns64`: IPv6 addresses for what has IPv4 addresses alone (RFC 6147).
struct DNS64Settings: DirectiveSettings {
    /// Octets that the network's addresses begin with: the well-known prefix (RFC 6052 section 2.1).
    var prefix: [UInt8] = [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]
    /// Also where the name has IPv6 addresses.
    var translatesAll = false
    /// Also for clients that ask over IPv4.
    var answersIPv4 = false
    /// The prefix stands behind the directive's name: CoreDNS passes over the block then.
    private var hasArgument = false

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        SettingsSource.sources(statements, setup) { settings, setup in DNS64Handler(settings, setup) }
    }

    static let row = DirectiveRow<DNS64Settings>(
        name: "dns64",
        summary: "Answers questions for AAAA that have none with A records, written as addresses of a network that translates.",
        repetition: .merged,
        arguments: .custom("[PREFIX]", "Where the IPv4 addresses are; default 64:ff9b::/96. With it, the block is ignored.") {
            settings, line throws(CorefileError) in
            try line.expectWords(0...1)
            settings.hasArgument = !line.words.isEmpty
            if let word = line.words.first { settings.prefix = try prefix(word, line) }
        },
        options: [
            option("prefix", "PREFIX", "Where the IPv4 addresses are; default 64:ff9b::/96.") { settings, line throws(CorefileError) in
                try line.expectWords(1...1)
                settings.prefix = try prefix(line.words[0], line)
            },
            option("translate_all", "", "Translates even where there are IPv6 addresses.") { settings, line throws(CorefileError) in
                try line.expectWords(0...0)
                settings.translatesAll = true
            },
            option("allow_ipv4", "", "Translates for clients that ask over IPv4 too.") { settings, line throws(CorefileError) in
                try line.expectWords(0...0)
                settings.answersIPv4 = true
            },
        ])

    private static func option(
        _ name: String, _ usage: String, _ summary: String,
        read: @escaping @Sendable (inout DNS64Settings, OptionLine) throws(CorefileError) -> Void
    ) -> OptionRow<DNS64Settings> {
        var row = OptionRow<DNS64Settings>.custom(name, usage: usage, summary, read: read)
        row.ignoredWhere = { settings, _ in
            settings.hasArgument
                ? "CoreDNS passes over the block of a 'dns64 PREFIX'; write 'prefix PREFIX' into the block to have the line count" : nil
        }
        return row
    }

    private static func prefix(_ word: Token, _ line: OptionLine) throws(CorefileError) -> [UInt8] {
        guard word.text.contains("/"), let network = IPNetwork(word.text), case .v6 = network.address, (32...96).contains(network.length),
            network.length % 8 == 0
        else {
            throw line.error("expected an IPv6 network with a length of 32, 40, … 96 like 64:ff9b::/96, found '\(word.text)'", at: word)
        }
        return Array(network.address.bytes.prefix(network.length / 8))
    }
}
