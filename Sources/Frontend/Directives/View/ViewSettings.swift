/// `view`: the server block takes only queries for which its conditions hold.
struct ViewSettings: DirectiveSettings {
    /// In metrics and metadata.
    var name = ""
    /// All must hold. None: every query is taken.
    var conditions: [ViewExpression] = []

    func takes(_ query: some ExpressionFacts) -> Bool { conditions.allSatisfy { $0.holds(for: query) } }

    static let row = DirectiveRow<ViewSettings>(
        name: "view",
        summary: "Takes only queries for which every expression holds; other server blocks of the zone get the rest.",
        arguments: .custom("NAME", "NAME shows in metrics and in the metadata view/name.") { settings, line throws(CorefileError) in
            try line.expectWords(1...1)
            settings.name = line.words[0].text
        },
        options: [
            .custom("expr", usage: "EXPRESSION", "A condition in the language of expr-lang, like type() in ['A', 'AAAA'].") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...Int.max)
                // Words lose their double quotes and the space between them, as with CoreDNS.
                let text = line.words.map(\.text).joined(separator: " ")
                do {
                    settings.conditions.append(try ViewExpression(text))
                } catch {
                    let hint =
                        line.words.contains(where: \.isQuoted) && line.words.count > 1 ? "; texts stand in single quotes here" : ""
                    throw line.error("\(error)\(hint), in: \(text)")
                }
            }
        ])
}
