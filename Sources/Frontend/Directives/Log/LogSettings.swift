/// `log`: writes a line for each query and its answer.
struct LogSettings: DirectiveSettings {
    /// Only queries for names in these zones, in the Corefile's order.
    var zones: [ZoneName] = [.root]
    /// With `{common}` and `{combined}` still in it.
    var format = LogFormat.common
    /// Only answers of these classes; empty means all.
    var classes: Set<AnswerClass> = []

    func covers(_ kind: AnswerKind) -> Bool { classes.isEmpty || classes.contains(kind.answerClass) }

    /// One for the block: its lines are looked at in the Corefile's order.
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] { [LogSource(LogRules(statements))] }

    static let row = DirectiveRow<LogSettings>(
        name: "log",
        summary: "Writes a line to standard output for each query and its answer; the first 'log' whose names hold the query decides.",
        repetition: .many,
        arguments: .custom(
            "[NAMES...] [FORMAT]",
            "NAMES defaults to every name. FORMAT has words in braces: {common}, {combined}, \(LogFormat.words.joined(separator: ", ")), {/METADATA}."
        ) { settings, line throws(CorefileError) in
            var names = line.words
            if names.count > 1, let last = names.last, last.text.contains("{") {
                settings.format = last.text
                names.removeLast()
            }
            guard !names.isEmpty else { return }
            settings.zones = try names.map { word throws(CorefileError) in
                guard let zone = ZoneName(word.text) else {
                    throw line.error("expected a domain name, found '\(word.text)'", at: word)
                }
                return zone
            }
        },
        options: [
            .custom(
                "class", usage: "all|denial|error|success...", "Only answers of these classes; several lines add up; default all."
            ) { settings, line throws(CorefileError) in
                try line.expectWords(1...Int.max)
                for word in line.words { settings.classes.formUnion(try classes(word, line)) }
            }
        ])

    private static func classes(_ word: Token, _ line: OptionLine) throws(CorefileError) -> [AnswerClass] {
        if word.text == "all" { return AnswerClass.allCases }
        guard let found = AnswerClass(rawValue: word.text) else {
            let names = ["all", "denial", "error", "success"]
            let suggestion = nearestName(to: word.text, among: names).map { "; did you mean '\($0)'?" } ?? ""
            throw line.error("expected one of \(names.joined(separator: ", ")), found '\(word.text)'\(suggestion)", at: word)
        }
        return [found]
    }
}
