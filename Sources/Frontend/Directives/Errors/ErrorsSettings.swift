import RegularExpressions

import RegularExpressions

/// `errors`: logs what went wrong while a query was answered.
struct ErrorsSettings: DirectiveSettings {
    enum Level: String, CaseIterable, Sendable { case error, warning, info, debug }

    /// Errors alike, counted for a while and logged as one line.
    struct Consolidation: Sendable, Equatable {
        var period: Duration
        var pattern: RegularExpression
        var level: Level
        /// Whether the first one of a period is logged at once too.
        var showFirst: Bool
    }

    var consolidations: [Consolidation] = []
    var stacktrace = false

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        statements.map { settings in
            setup.kept(ErrorLog.self) { $0.settings == settings } ?? ErrorLog(settings: settings, logger: setup.logger)
        }
    }

    static let row = DirectiveRow<ErrorsSettings>(
        name: "errors",
        summary: "Logs errors met while answering; one line each unless consolidated.",
        arguments: .custom("[stdout]", "The word stdout is allowed for old Corefiles; logs go to standard error.") {
            _, line throws(CorefileError) in
            try line.expectWords(0...1)
            if let word = line.words.first, word.text != "stdout" {
                throw line.error("expected 'stdout' or nothing, found '\(word.text)'", at: word)
            }
        },
        options: [
            .flag("stacktrace", \.stacktrace, "Accepted; a crash of this process always prints its stack."),
            .custom(
                "consolidate", usage: "DURATION REGEXP [error|warning|info|debug] [show_first]",
                "Errors that match, in our words or in CoreDNS's, are counted for DURATION and logged as one line."
            ) { settings, line throws(CorefileError) in
                settings.consolidations.append(try consolidation(line))
            },
        ])

    private static func consolidation(_ line: OptionLine) throws(CorefileError) -> Consolidation {
        try line.expectWords(2...4)
        let period = try line.duration(line.words[0], .milliseconds(1) ... .seconds(86_400))
        let pattern = line.words[1]
        var result = Consolidation(period: period, pattern: try line.pattern(pattern), level: .error, showFirst: false)
        var rest = line.words[2...]
        if let word = rest.first, let level = Level(rawValue: word.text) {
            result.level = level
            rest.removeFirst()
        }
        if rest.first?.text == "show_first" {
            result.showFirst = true
            rest.removeFirst()
        }
        if let word = rest.first {
            throw line.error(
                "expected a level (error, warning, info, debug) and then 'show_first', found '\(word.text)'", at: word)
        }
        return result
    }
}
