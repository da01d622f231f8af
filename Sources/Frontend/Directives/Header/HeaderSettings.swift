/// `header`: flags of queries and answers, as the operator wants them.
struct HeaderSettings: DirectiveSettings {
    enum Flag: String, CaseIterable, Sendable {
        case aa, ra, rd

        var bit: UInt16 {
            switch self {
            case .aa: 0x0400
            case .ra: 0x0080
            case .rd: 0x0100
            }
        }
    }

    /// Bits to set and to clear; a later line undoes an earlier one.
    struct Change: Sendable, Equatable {
        var set: UInt16 = 0
        var cleared: UInt16 = 0

        mutating func add(_ flag: Flag, isSet: Bool) {
            set = isSet ? set | flag.bit : set & ~flag.bit
            cleared = isSet ? cleared & ~flag.bit : cleared | flag.bit
        }
    }

    var query = Change()
    var response = Change()

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        SettingsSource.sources(statements, setup) { settings, _ in HeaderHandler(settings) }
    }

    static let row = DirectiveRow<HeaderSettings>(
        name: "header",
        summary: "Sets and clears flags in the header of queries, before other directives see them, and of answers.",
        repetition: .first,
        options: [
            change("query", \.query, "Flags of queries: rd is what upstreams are asked with."),
            change("response", \.response, "Flags of answers."),
        ],
        ignoresCase: true,
        check: { settings, line throws(CorefileError) in
            if settings.query == Change(), settings.response == Change() {
                throw line.error("expected a block with at least one line like 'response set ra'")
            }
        })

    private static func change(
        _ name: String, _ path: any WritableKeyPath<HeaderSettings, Change> & Sendable, _ summary: String
    ) -> OptionRow<HeaderSettings> {
        .custom(name, usage: "set|clear aa|ra|rd...", summary) { settings, line throws(CorefileError) in
            try line.expectWords(2...Int.max)
            let action = line.words[0]
            guard ["set", "clear"].contains(action.text.lowercased()) else {
                throw line.error("expected 'set' or 'clear', found '\(action.text)'", at: action)
            }
            for word in line.words.dropFirst() {
                guard let flag = Flag(rawValue: word.text.lowercased()) else {
                    throw line.error("expected one of the flags aa, ra, rd, found '\(word.text)'", at: word)
                }
                settings[keyPath: path].add(flag, isSet: action.text.lowercased() == "set")
            }
        }
    }
}

/// `header` in the chain.
final class HeaderHandler: DirectiveHandler {
    private let settings: HeaderSettings

    init(_ settings: HeaderSettings) { self.settings = settings }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        exchange.query.change(flagsSet: settings.query.set, cleared: settings.query.cleared)
        return settings.response == HeaderSettings.Change() ? .next : .nextAndReview
    }

    override func review(_ exchange: Exchange, _ bench: Workbench) {
        bench.flags = bench.flags & ~settings.response.cleared | settings.response.set
    }
}
