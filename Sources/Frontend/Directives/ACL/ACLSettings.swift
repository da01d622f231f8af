import Names

/// `acl`: which clients may ask for what.
struct ACLSettings: DirectiveSettings {
    enum Action: Sendable, Equatable { case allow, block, filter, drop }

    /// One line: what becomes of queries of some types from some networks.
    struct Policy: Sendable, Equatable {
        var action: Action
        /// Nil for all.
        var types: [RecordType]?
        /// Nil for all.
        var networks: [IPNetwork]?
    }

    var zones: [ZoneName] = []
    var policies: [Policy] = []

    /// One source for all statements of a block: `allow` passes over the statements that follow, too.
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        [setup.kept(ACLSource.self) { $0.statements == statements } ?? ACLSource(statements)]
    }

    static let row = DirectiveRow<ACLSettings>(
        name: "acl",
        summary: "Allows, blocks, filters or drops queries by who asks and for which type; the first line that fits decides.",
        repetition: .many,
        arguments: .custom("[ZONES...]", "The zones whose names it looks at; by default those of the server block.") {
            settings, line throws(CorefileError) in
            let zones = try line.zones(line.words)
            settings.zones = zones.isEmpty ? line.zones : zones
        },
        options: [
            action("allow", .allow, "The query goes on, whatever lines and statements follow."),
            action("block", .block, "The client gets REFUSED."),
            action("filter", .filter, "The client gets an empty answer."),
            action("drop", .drop, "The client gets none."),
        ],
        ignoresCase: true)

    private static func action(_ name: String, _ action: Action, _ summary: String) -> OptionRow<ACLSettings> {
        .custom(name, usage: "[type TYPES...|*] [net NETWORKS...|*]", summary + " Without 'type' or 'net' all fit.") {
            settings, line throws(CorefileError) in
            settings.policies.append(try policy(action, line))
        }
    }

    private static func policy(_ action: Action, _ line: OptionLine) throws(CorefileError) -> Policy {
        // Until a section says otherwise, all fit.
        var types: [RecordType]? = []
        var networks: [IPNetwork]? = []
        var rest = line.words[...]
        while let section = rest.popFirst() {
            let isSection = { (word: Token) in ["type", "net"].contains(word.text.lowercased()) }
            guard isSection(section) else { throw line.error("expected 'type' or 'net', found '\(section.text)'", at: section) }
            let words = Array(rest.prefix { !isSection($0) })
            rest = rest.dropFirst(words.count)
            guard !words.isEmpty else { throw line.error("expected words after '\(section.text)'; usage: \(line.usage)", at: section) }
            if section.text.lowercased() == "type" {
                try read(words, into: &types) { word throws(CorefileError) in
                    guard let type = Mnemonics.type(named: word.text) else {
                        throw line.error("expected a record type like A or AAAA, or *, found '\(word.text)'", at: word)
                    }
                    return RecordType(rawValue: type)
                }
            } else {
                try read(words, into: &networks) { word throws(CorefileError) in try line.network(word) }
            }
        }
        return Policy(
            action: action, types: types?.isEmpty == true ? nil : types, networks: networks?.isEmpty == true ? nil : networks)
    }

    /// - Parameter all: nil once a `*` was there, which no later word takes back.
    private static func read<Item>(
        _ words: [Token], into all: inout [Item]?, _ item: (Token) throws(CorefileError) -> Item
    ) throws(CorefileError) {
        for word in words {
            guard word.text != "*" else {
                all = nil
                return
            }
            all?.append(try item(word))
        }
    }
}
