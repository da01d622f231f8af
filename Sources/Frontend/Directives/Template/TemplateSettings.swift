import RegularExpressions

/// `template`: makes answers out of the question by patterns and texts.
struct TemplateSettings: DirectiveSettings {
    /// RFC 8914.
    struct ExtendedError: Sendable, Equatable {
        var code: UInt16
        var text = ""
    }

    /// Octets of an extended error's text: answers over UDP have to have room for it.
    static let longestErrorText = 255

    /// 255 is ANY.
    var recordClass: UInt16 = 255
    var type = RecordType.any
    var zones: [ZoneName] = []
    /// RE2's; the first that matches the name (in lower case, with a final dot) decides. Empty: every name matches.
    var patterns: [RegularExpression] = []
    var answers: [TextTemplate] = []
    var additionals: [TextTemplate] = []
    var authorities: [TextTemplate] = []
    /// SERVFAIL makes no answer at all, whatever the texts say.
    var responseCode: UInt16 = 0
    var extendedError: ExtendedError?
    /// For names of the zones that no pattern matches; others get SERVFAIL.
    var fallsThrough = Fallthrough()

    static let row = DirectiveRow<TemplateSettings>(
        name: "template",
        summary: "Answers with records made of the question's parts.",
        repetition: .many,
        arguments: .custom("CLASS TYPE [ZONES...]", "ANY stands for every class or type; ZONES defaults to those of the server block.") {
            settings, line throws(CorefileError) in try readQuestion(line, into: &settings)
        },
        options: [
            .custom("match", usage: "REGEXP...", "Only names that match one of these; the first that matches gives the groups.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...Int.max)
                for word in line.words { settings.patterns.append(try line.pattern(word)) }
            },
            texts("answer", \.answers), texts("additional", \.additionals), texts("authority", \.authorities),
            .custom("rcode", usage: "CODE", "The response code; default NOERROR.") { settings, line throws(CorefileError) in
                try line.expectWords(1...1)
                settings.responseCode = try number(
                    line.words[0], line, "a response code", Mnemonics.responseCode(named:), Mnemonics.allResponseCodes)
            },
            .custom("ederror", usage: "CODE [TEXT]", "An extended error (RFC 8914) for the answer.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...2)
                let code: UInt32 = try line.integer(line.words[0], 0...65_535)
                if let text = line.words.dropFirst().first, text.text.utf8.count > longestErrorText {
                    throw line.error("expected a text of at most \(longestErrorText) octets, found \(text.text.utf8.count)", at: text)
                }
                settings.extendedError = ExtendedError(
                    code: UInt16(truncatingIfNeeded: code), text: line.words.dropFirst().first?.text ?? "")
            },
            .notBuilt("var", usage: "NAME EXPRESSION"), .notBuilt("expr", usage: "EXPRESSION"),
            .ignored("upstream", usage: "[ANYTHING...]", because: "names that aliases point to are always looked up"),
            .fallsThrough(\.fallsThrough, "Passes names that no pattern matches on instead of answering SERVFAIL."),
        ])

    private static func readQuestion(_ line: OptionLine, into settings: inout TemplateSettings) throws(CorefileError) {
        try line.expectWords(2...Int.max)
        settings.recordClass = try number(line.words[0], line, "a class", Mnemonics.recordClass(named:), Mnemonics.allClasses)
        settings.type = RecordType(
            rawValue: try number(line.words[1], line, "a record type", Mnemonics.type(named:), Mnemonics.allTypes))
        let zones = try line.zones(Array(line.words.dropFirst(2)))
        settings.zones = zones.isEmpty ? line.zones : zones
    }

    private static func number(
        _ word: Token, _ line: OptionLine, _ expected: String, _ find: (String) -> UInt16?, _ names: [String]
    ) throws(CorefileError) -> UInt16 {
        if let number = find(word.text) { return number }
        let known = names.count <= 30 ? " (\(names.joined(separator: ", ")))" : " in capitals, like A, AAAA or ANY"
        let nearest =
            find(word.text.uppercased()) == nil
            ? nearestName(to: word.text, among: names.map { $0.lowercased() })?.uppercased() : word.text.uppercased()
        throw line.error(
            "expected \(expected)\(known), found '\(word.text)'\(nearest.map { "; did you mean '\($0)'?" } ?? "")", at: word)
    }

    private static func texts(
        _ name: String, _ path: any WritableKeyPath<TemplateSettings, [TextTemplate]> & Sendable
    ) -> OptionRow<TemplateSettings> {
        .custom(name, usage: "RECORD...", "A record as a zone file has it, with Go template actions such as {{ .Name }}.") {
            settings, line throws(CorefileError) in
            try line.expectWords(1...Int.max)
            for word in line.words {
                do {
                    settings[keyPath: path].append(try TextTemplate(word.text))
                } catch {
                    throw line.error("\(error) in '\(word.text)'", at: word)
                }
            }
        }
    }
}
