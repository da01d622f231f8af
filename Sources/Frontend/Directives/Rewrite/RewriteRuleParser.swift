import RegularExpressions

/// Reads the words of one `rewrite` statement.
struct RewriteRuleParser {
    enum Field: String, CaseIterable { case name, type, `class`, ttl, rcode, cname, edns0 }
    enum Kind: String, CaseIterable { case exact, prefix, suffix, substring, regex }

    let line: OptionLine
    private var rest: ArraySlice<Token>

    init(line: OptionLine, words: [Token]) {
        self.line = line
        rest = words[...]
    }

    mutating func rule() throws(CorefileError) -> RewriteRule {
        var continues = false
        if let word = rest.first, ["continue", "stop"].contains(word.text.lowercased()) {
            continues = word.text.lowercased() == "continue"
            rest.removeFirst()
        }
        let word = try next("a field (\(Self.list(Field.self)))")
        if word.text.lowercased() == "answer" {
            throw fault("expected 'answer' behind a name rule, in the same statement", word)
        }
        let change: RewriteRule.Change
        switch try Self.choice(Field.self, word, line) {
        case .name: change = .name(try nameRewrite())
        case .type: change = try typeRewrite()
        case .class: change = try classRewrite()
        case .ttl: change = try timeToLiveRewrite()
        case .rcode: change = try codeRewrite()
        case .cname: change = .canonicalName(try canonicalNameRewrite())
        case .edns0: change = .option(try optionRewrite())
        }
        if let word = rest.first { throw fault("expected the end of the rule, found '\(word.text)'", word) }
        return RewriteRule(change: change, continues: continues)
    }

    // MARK: Words

    var remaining: Int { rest.count }

    func fault(_ message: String, _ word: Token? = nil) -> CorefileError { line.error(message, at: word) }

    mutating func next(_ expected: String) throws(CorefileError) -> Token {
        guard let word = rest.popFirst() else { throw fault("expected \(expected), found the end of the rule; usage: \(line.usage)") }
        return word
    }

    /// Takes the last word if it is `text`.
    mutating func takeLast(_ text: String) -> Bool {
        guard rest.last?.text == text else { return false }
        rest.removeLast()
        return true
    }

    static func list<Choice: RawRepresentable<String> & CaseIterable>(_ type: Choice.Type) -> String {
        Choice.allCases.map(\.rawValue).joined(separator: ", ")
    }

    /// One of a few words, in any letter case.
    static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ type: Choice.Type, _ word: Token, _ line: OptionLine
    ) throws(CorefileError) -> Choice {
        var lower = word
        lower.text = word.text.lowercased()
        return try line.choice(lower)
    }

    /// The kind of match, which may be left out in front of `count` words.
    private mutating func kind(beforeLast count: Int) throws(CorefileError) -> Kind {
        guard rest.count > count, let word = rest.popFirst() else { return .exact }
        return try Self.choice(Kind.self, word, line)
    }

    // MARK: Names

    /// A text that becomes part of names: `.` in front and at the end are borders of labels.
    private func name<Value>(_ word: Token, _ make: (String) throws(WireError) -> Value) throws(CorefileError) -> Value {
        do {
            return try make(word.text)
        } catch {
            throw fault("expected a domain name or a part of one, found '\(word.text)': \(error.reason)", word)
        }
    }

    /// In wire form and lower case, with the root's octet.
    private func wire(_ word: Token) throws(CorefileError) -> [UInt8] {
        try name(word) { text throws(WireError) in
            var name = try DNSName(text)
            _ = name.lowercase()
            return name.wire()
        }
    }

    private func tail(_ word: Token) throws(CorefileError) -> NameTail {
        try name(word) { text throws(WireError) in try NameTail(text) }
    }

    private func template(_ word: Token, for expression: RegularExpression) throws(CorefileError) -> NameTemplate {
        let template = NameTemplate(word.text)
        if let group = template.groups.first(where: { $0 > expression.groupCount }) {
            throw fault(
                "expected at most {\(expression.groupCount)} in '\(word.text)', found {\(group)}: the pattern '\(expression)' has \(expression.groupCount) groups",
                word)
        }
        return template
    }

    private mutating func match(_ kind: Kind) throws(CorefileError) -> NameMatch {
        let word = try next("a name")
        return switch kind {
        case .exact: .exact(try wire(word))
        case .prefix: .prefix(Array(try wire(word).dropLast()))
        case .suffix: .suffix(try tail(word))
        case .substring: .substring(try tail(word))
        case .regex: .regex(try line.pattern(word))
        }
    }

    // MARK: Fields

    private mutating func nameRewrite() throws(CorefileError) -> NameRewrite {
        let kind = try kind(beforeLast: 2)
        let from = try next("the name to change")
        let to = try next("the name that it becomes")
        let replacement: NameReplacement
        switch kind {
        case .exact: replacement = .exact(from: try wire(from), to: try wire(to))
        case .prefix: replacement = .prefix(from: Array(try wire(from).dropLast()), to: Array(try wire(to).dropLast()))
        case .suffix: replacement = .suffix(from: try tail(from), to: try tail(to))
        case .substring: replacement = .substring(from: try tail(from), to: try tail(to))
        case .regex:
            let expression = try line.pattern(from)
            replacement = .regex(expression, try template(to, for: expression))
        }
        var rewrite = NameRewrite(replacement: replacement, restoresNames: kind == .exact)
        try readAnswers(into: &rewrite)
        return rewrite
    }

    /// `answer auto`, `answer name FROM TO`, `answer value FROM TO`; the word `answer` may be left out from the second on.
    private mutating func readAnswers(into rewrite: inout NameRewrite) throws(CorefileError) {
        var isFirst = true
        var auto: Token?
        while let word = rest.first {
            if word.text == "answer" {
                rest.removeFirst()
            } else if isFirst {
                throw fault("expected 'answer' or the end of the rule behind the new name, found '\(word.text)'", word)
            }
            isFirst = false
            let kind = try next("auto, name or value")
            if kind.text == "auto" || isDocumentedAuto(kind) {
                if kind.text == "name" { rest.removeFirst() }
                auto = kind
                continue
            }
            guard let place = NameRewrite.AnswerName.Place(rawValue: kind.text) else {
                throw fault("expected auto, name or value behind 'answer', found '\(kind.text)'", kind)
            }
            let expression = try line.pattern(try next("a pattern behind '\(kind.text)'"))
            let to = try next("the name that it becomes")
            rewrite.answers.append(.init(place: place, pattern: expression, template: try template(to, for: expression)))
        }
        guard let auto else { return }
        if rewrite.answers.contains(where: { $0.place == .name }) {
            throw fault("expected either 'answer auto' or 'answer name', found both", auto)
        }
        rewrite.restoresNames = true
    }

    /// CoreDNS's manual writes `answer name auto` for `answer auto`; it stands alone or in front of the next `answer`.
    private func isDocumentedAuto(_ kind: Token) -> Bool {
        kind.text == "name" && rest.first?.text == "auto" && (rest.count == 1 || rest.dropFirst().first?.text == "answer")
    }

    private mutating func typeRewrite() throws(CorefileError) -> RewriteRule.Change {
        .type(from: try type(), to: try type())
    }

    private mutating func type() throws(CorefileError) -> RecordType {
        let word = try next("a record type")
        guard let type = RecordType(mnemonic: word.text.uppercased()) else {
            throw fault("expected a record type such as A, MX or ANY, found '\(word.text)'", word)
        }
        return type
    }

    private mutating func classRewrite() throws(CorefileError) -> RewriteRule.Change {
        .recordClass(from: try recordClass(), to: try recordClass())
    }

    private mutating func recordClass() throws(CorefileError) -> UInt16 {
        let classes: [String: UInt16] = ["IN": 1, "CS": 2, "CH": 3, "HS": 4, "NONE": 254, "ANY": 255]
        let word = try next("a class")
        guard let found = classes[word.text.uppercased()] else {
            throw fault("expected a class (IN, CH, HS, CS, NONE or ANY), found '\(word.text)'", word)
        }
        return found
    }

    private mutating func timeToLiveRewrite() throws(CorefileError) -> RewriteRule.Change {
        let kind = try kind(beforeLast: 2)
        let match = try match(kind)
        let word = try next("a TTL or a range of TTLs")
        guard let range = Self.timeToLiveRange(word.text) else {
            throw fault(
                "expected seconds, or a range such as 30-300, 30- or -300 with its lower end first, found '\(word.text)'", word)
        }
        return .timeToLive(match, range)
    }

    private static func timeToLiveRange(_ text: String) -> ClosedRange<UInt32>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(ends.count), ends.contains(where: { !$0.isEmpty }) else { return nil }
        guard ends.allSatisfy({ $0.allSatisfy { ("0"..."9").contains($0) } }) else { return nil }
        guard let low = ends[0].isEmpty ? 0 : UInt32(ends[0]) else { return nil }
        if ends.count == 1 { return low...low }
        // The longest TTL there is (RFC 2181 8).
        guard let high = ends[1].isEmpty ? UInt32(Int32.max) : UInt32(ends[1]), low <= high else { return nil }
        return low...high
    }

    private mutating func codeRewrite() throws(CorefileError) -> RewriteRule.Change {
        let kind = try kind(beforeLast: 3)
        let match = try match(kind)
        return .code(match, from: try responseCode(), to: try responseCode())
    }

    private mutating func responseCode() throws(CorefileError) -> UInt16 {
        let word = try next("a response code")
        if let number = UInt16(word.text), number <= 23 { return number }
        guard let code = Mnemonics.responseCode(named: word.text.uppercased()) else {
            throw fault("expected a response code such as NXDOMAIN, or its number up to 23, found '\(word.text)'", word)
        }
        return code
    }

    private mutating func canonicalNameRewrite() throws(CorefileError) -> CanonicalNameRewrite {
        let kind = try kind(beforeLast: 2)
        let from = try next("the target to change")
        let to = try next("the target that it becomes")
        let text = Array(from.text.lowercased().utf8)
        let replacement = Array(to.text.lowercased().utf8)
        switch kind {
        case .exact:
            _ = try wire(to)
            return CanonicalNameRewrite(kind: .exact(try wire(from)), replacement: replacement)
        case .prefix: return CanonicalNameRewrite(kind: .prefix(text), replacement: replacement)
        case .suffix: return CanonicalNameRewrite(kind: .suffix(text), replacement: replacement)
        case .substring: return CanonicalNameRewrite(kind: .substring(text), replacement: replacement)
        case .regex:
            let expression = try line.pattern(from)
            return CanonicalNameRewrite(kind: .regex(expression, try template(to, for: expression)), replacement: [])
        }
    }
}

extension WireError {
    /// Why a text is no domain name, for operators.
    fileprivate var reason: String {
        switch self {
        case .emptyLabel: "there is nothing between two dots"
        case .labelTooLong: "a label has more than 63 octets"
        case .nameTooLong: "it has more than 255 octets"
        case .badEscape: "a '\\' is followed neither by a character nor by three digits up to 255"
        case .truncated, .reservedLabelType, .forwardPointer, .tooManyPointers, .malformedData: "it is malformed"
        }
    }
}
