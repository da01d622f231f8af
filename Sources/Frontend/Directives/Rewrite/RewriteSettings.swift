/// `rewrite`: one rule that changes queries on their way in, and answers on their way back.
struct RewriteSettings: DirectiveSettings {
    /// Set once a statement is read.
    var rule: RewriteRule?
    /// The statement's words, those in braces too: line ends mean nothing in a rule. Empty once they are read.
    private var words: [Token] = []

    private static let kinds = "[exact|prefix|suffix|substring|regex]"

    static let row = DirectiveRow<RewriteSettings>(
        name: "rewrite",
        summary: "Changes queries that match a rule, and their answers; the rules of a server block are asked in its order.",
        repetition: .many,
        arguments: .custom(
            "[continue|stop] FIELD ...",
            "A rule in one line, or its words in braces. After a match the next rule is asked only with 'continue'."
        ) { settings, line throws(CorefileError) in
            settings.words = line.words
            guard line.words.count > 1, let first = line.statement.block?.first else { return }
            throw first.name.error("rewrite: expected either the whole rule before the '{' or at most 'continue' or 'stop'")
        },
        options: [
            words(
                "name", "\(kinds) FROM TO [answer auto|name FROM TO|value FROM TO]...",
                "The question's name; TO takes groups of a pattern as {1}. An exact rule turns names of the answer back by itself, the others with 'answer'."
            ),
            words(
                "answer", "auto|name FROM TO|value FROM TO",
                "Behind a name rule: turns back what the rule made (auto), or changes owners (name) or names in records (value) by a pattern."
            ),
            words("type", "FROM TO", "The question's type."),
            words("class", "FROM TO", "The question's class: IN, CH, HS, CS, NONE or ANY."),
            words("ttl", "\(kinds) NAME SECONDS|MIN-MAX|MIN-|-MAX", "The TTLs of answers about NAME."),
            words("rcode", "\(kinds) NAME FROM TO", "The response code of answers about NAME."),
            words(
                "cname", "\(kinds) FROM TO",
                "The target of a CNAME in the answer, with what the new target resolves to. FROM and TO of all but exact are taken as written, with or without a final dot."
            ),
            words(
                "edns0", "local|nsid|subnet set|append|replace|unset ... [revert]",
                "An EDNS option of the query: 'local ACTION CODE DATA' with DATA as text, 0x and hex digits, or a variable such as {client_ip}; 'nsid ACTION'; 'subnet ACTION BITS4 BITS6'."
            ),
        ],
        otherLines: words("WORDS", "...", "More words of the rule."),
        check: { settings, line throws(CorefileError) in
            var parser = RewriteRuleParser(line: line, words: settings.words)
            settings.rule = try parser.rule()
            settings.words = []
        })

    private static func words(_ name: String, _ usage: String, _ summary: String) -> OptionRow<RewriteSettings> {
        .custom(name, usage: usage, summary) { settings, line throws(CorefileError) in
            settings.words.append(line.statement.name)
            settings.words += line.words
        }
    }
}
