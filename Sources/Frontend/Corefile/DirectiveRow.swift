import Names
import RegularExpressions

/// A directive's declaration: what may follow its name and what its block may hold.
///
/// The row reads statements into `Settings`, words the errors, and is the text of the manual; nothing else knows the
/// grammar of a directive.
struct DirectiveRow<Settings: Sendable>: Sendable {
    /// What it means that one server block names the directive again. CoreDNS refuses that for some directives and not for others, whose
    /// statements, imported ones often, it takes as here.
    enum Repetition: Sendable {
        case once
        /// Each statement stands for itself.
        case many
        /// Later statements go on where the first has ended, as if all lines stood in one block.
        case merged
        /// Only the first, or the last, counts; a warning says so where they differ.
        case first, last
    }

    var name: String
    /// One sentence.
    var summary: String
    var repetition: Repetition = .once
    var arguments: ArgumentsRow<Settings> = .none
    var options: [OptionRow<Settings>] = []
    /// Whether options may be written in capitals too.
    var ignoresCase = false
    /// Lines of the block that no option claims, for `hosts`; nil when there can be none.
    var otherLines: OptionRow<Settings>?
    /// Set for a directive that is accepted for a Corefile's sake and changes nothing here.
    var ignoredBecause: String?
    /// Looks at the whole once all lines are read.
    var check: (@Sendable (inout Settings, OptionLine) throws(CorefileError) -> Void)?

    /// `settings` changed by one statement; `zones` are those of the server block.
    func read(
        _ statement: Statement, into settings: inout Settings, zones: [ZoneName], warnings: inout [CorefileWarning]
    ) throws(CorefileError) {
        var line = OptionLine(
            statement: statement, place: name, usage: usageLine, zones: zones)
        try arguments.read(&settings, line)
        if let reason = ignoredBecause {
            warnings.append(
                CorefileWarning(
                    file: statement.name.file, line: statement.name.line, message: "\(name): accepted without effect: \(reason)"))
        }
        for inner in statement.block ?? [] {
            let place = "\(name): \(inner.name.text)"
            guard let option = options.first(where: { $0.name == (ignoresCase ? inner.name.text.lowercased() : inner.name.text) }) else {
                guard let otherLines else { throw unknownOption(inner) }
                line = OptionLine(statement: inner, place: name, usage: otherLines.usage, zones: zones)
                if let reason = otherLines.ignoredWhere?(settings, line) {
                    warnings.append(
                        CorefileWarning(file: inner.name.file, line: inner.name.line, message: "\(name): ignored: \(reason)"))
                } else {
                    try otherLines.read(&settings, line)
                }
                continue
            }
            line = OptionLine(statement: inner, place: place, usage: option.usageLine, zones: zones)
            if inner.block != nil {
                throw inner.name.error("\(place): expected no '{' here; usage: \(option.usageLine)")
            }
            let ignoring = option.ignoredWhere?(settings, line)
            if ignoring == nil { try option.read(&settings, line) }
            if let reason = option.ignoredBecause ?? ignoring {
                warnings.append(
                    CorefileWarning(
                        file: inner.name.file, line: inner.name.line, message: "\(place): ignored: \(reason)"))
            }
        }
        try check?(&settings, OptionLine(statement: statement, place: name, usage: usageLine, zones: zones))
    }

    /// What counts of the settings of a block's statements.
    func counting(_ all: [Settings], of statements: [Statement], warnings: inout [CorefileWarning]) -> [Settings]
    where Settings: Equatable {
        guard all.count > 1 else { return all }
        let counts: Int
        switch repetition {
        case .once, .many, .merged: return all
        case .first: counts = 0
        case .last: counts = all.count - 1
        }
        for (settings, statement) in zip(all, statements) where settings != all[counts] {
            let other = statements[counts].name
            warnings.append(
                CorefileWarning(
                    file: statement.name.file, line: statement.name.line,
                    message: "\(name): ignored: the one at \(other.file):\(other.line) counts, the \(repetition) of the server block"))
        }
        return [all[counts]]
    }

    private func unknownOption(_ statement: Statement) -> CorefileError {
        let found = statement.name.text
        if let message = RefusedWords.message(option: found, of: name) { return statement.name.error("\(name): \(message)") }
        let names = options.map(\.name)
        let known = names.isEmpty ? "there are no options" : "there are \(names.joined(separator: ", "))"
        let suggestion = nearestName(to: found, among: names).map { "; did you mean '\($0)'?" } ?? ""
        return statement.name.error("\(name): unknown option '\(found)': \(known)\(suggestion)")
    }

    var usageLine: String { arguments.usage.isEmpty ? name : "\(name) \(arguments.usage)" }

    /// The directive's page of the manual, plain text.
    var manual: String {
        var text = "\(usageLine)\n    \(summary)\n"
        if let ignoredBecause { text += "    Accepted without effect: \(ignoredBecause).\n" }
        if !arguments.summary.isEmpty { text += "    \(arguments.summary)\n" }
        for option in options + (otherLines.map { [$0] } ?? []) {
            text += "  \(option.usageLine)\n      \(option.summary)\n"
        }
        return text
    }
}

/// What may follow a directive's name in its row.
struct ArgumentsRow<Settings: Sendable>: Sendable {
    /// For example `FROM TO...`.
    var usage: String
    var summary: String
    var read: @Sendable (inout Settings, OptionLine) throws(CorefileError) -> Void

    static var none: Self {
        Self(usage: "", summary: "") { _, line throws(CorefileError) in try line.expectWords(0...0) }
    }

    static func custom(
        _ usage: String, _ summary: String,
        read: @escaping @Sendable (inout Settings, OptionLine) throws(CorefileError) -> Void
    ) -> Self {
        Self(usage: usage, summary: summary, read: read)
    }

    /// At most one `host:port`; the host may be empty or a name.
    static func listenAddress(_ path: any WritableKeyPath<Settings, String> & Sendable, _ summary: String) -> Self {
        Self(usage: "[ADDRESS]", summary: summary) { settings, line throws(CorefileError) in
            try line.expectWords(0...1)
            guard let word = line.words.first else { return }
            settings[keyPath: path] = try line.hostAndPort(word)
        }
    }
}

/// One line that a directive's block may hold.
struct OptionRow<Settings: Sendable>: Sendable {
    var name: String
    /// What follows the name, for example `DURATION`; empty for a switch.
    var usage: String
    /// One sentence.
    var summary: String
    var read: @Sendable (inout Settings, OptionLine) throws(CorefileError) -> Void
    /// Set for options that are accepted for a Corefile's sake and change nothing here.
    var ignoredBecause: String?
    /// Why a line is ignored with a warning and not read; nil where it is read.
    var ignoredWhere: (@Sendable (Settings, OptionLine) -> String?)?

    var usageLine: String { usage.isEmpty ? name : "\(name) \(usage)" }

    /// An option with rules of its own.
    static func custom(
        _ name: String, usage: String, _ summary: String,
        read: @escaping @Sendable (inout Settings, OptionLine) throws(CorefileError) -> Void
    ) -> Self {
        Self(name: name, usage: usage, summary: summary, read: read)
    }

    /// A whole number.
    static func integer<Number: FixedWidthInteger & Sendable>(
        _ name: String, _ range: ClosedRange<Number>, _ path: any WritableKeyPath<Settings, Number> & Sendable,
        usage: String = "NUMBER", _ summary: String
    ) -> Self {
        Self(name: name, usage: usage, summary: summary) { settings, line throws(CorefileError) in
            try line.expectWords(1...1)
            settings[keyPath: path] = try line.integer(line.words[0], range)
        }
    }

    /// A time such as `5s` or `1m30s` (Go's notation).
    static func duration(
        _ name: String, _ range: ClosedRange<Duration>, _ path: any WritableKeyPath<Settings, Duration> & Sendable,
        _ summary: String
    ) -> Self {
        Self(name: name, usage: "DURATION", summary: summary) { settings, line throws(CorefileError) in
            try line.expectWords(1...1)
            settings[keyPath: path] = try line.duration(line.words[0], range)
        }
    }

    /// A line without a value that sets `path`.
    static func flag(
        _ name: String, _ path: any WritableKeyPath<Settings, Bool> & Sendable, sets value: Bool = true,
        _ summary: String
    ) -> Self {
        Self(name: name, usage: "", summary: summary) { settings, line throws(CorefileError) in
            try line.expectWords(0...0)
            settings[keyPath: path] = value
        }
    }

    /// One of a few words.
    static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ path: any WritableKeyPath<Settings, Choice> & Sendable, _ summary: String
    ) -> Self {
        let words = Choice.allCases.map(\.rawValue)
        return Self(name: name, usage: words.joined(separator: "|"), summary: summary) {
            settings, line throws(CorefileError) in
            try line.expectWords(1...1)
            settings[keyPath: path] = try line.choice(line.words[0])
        }
    }

    /// Words, as they are, added to those of earlier lines.
    static func words(
        _ name: String, _ count: ClosedRange<Int>, _ path: any WritableKeyPath<Settings, [String]> & Sendable,
        usage: String, _ summary: String
    ) -> Self {
        Self(name: name, usage: usage, summary: summary) { settings, line throws(CorefileError) in
            try line.expectWords(count)
            settings[keyPath: path] += line.words.map(\.text)
        }
    }

    /// `fallthrough [ZONES...]`; without zones it holds for every name.
    static func fallsThrough(_ path: any WritableKeyPath<Settings, Fallthrough> & Sendable, _ summary: String) -> Self {
        Self(name: "fallthrough", usage: "[ZONES...]", summary: summary) { settings, line throws(CorefileError) in
            let zones = try line.zones(line.words)
            settings[keyPath: path] = Fallthrough(zones: zones.isEmpty ? [.root] : zones)
        }
    }

    /// Accepted, warned about, without effect.
    static func ignored(_ name: String, usage: String, because reason: String) -> Self {
        var row = Self(name: name, usage: usage, summary: "Accepted and ignored: \(reason).") { _, _ in }
        row.ignoredBecause = reason
        return row
    }

    /// A line of a directive that as a whole is accepted without effect.
    static func accepted(_ name: String, usage: String) -> Self { Self(name: name, usage: usage, summary: "Accepted.") { _, _ in } }

    /// CoreDNS has it, this version does not.
    static func notBuilt(_ name: String, usage: String) -> Self {
        Self(name: name, usage: usage, summary: "Not built yet.") { _, line throws(CorefileError) in
            throw line.error("this option is not built yet; remove the line to go on without it")
        }
    }
}

/// For which names a directive passes a query on instead of answering that the name does not exist.
struct Fallthrough: Hashable, Sendable {
    /// Empty: for none.
    var zones: [ZoneName] = []
}

/// A row of words and the place it has, with readers whose errors name that place and say what was expected.
struct OptionLine: Sendable {
    /// CoreDNS takes no longer pattern, and what compiling one costs grows with it.
    static let longestPattern = 10_000

    let statement: Statement
    /// `directive` or `directive: option`.
    let place: String
    let usage: String
    /// The zones of the server block.
    let zones: [ZoneName]

    var words: [Token] { statement.arguments }

    func error(_ message: String, at token: Token? = nil) -> CorefileError {
        (token ?? statement.name).error("\(place): \(message)")
    }

    func expectWords(_ count: ClosedRange<Int>) throws(CorefileError) {
        guard !count.contains(words.count) else { return }
        let expected =
            if count.upperBound == 0 { "nothing after it" } else if count.lowerBound == count.upperBound {
                "\(count.lowerBound) \(count.lowerBound == 1 ? "word" : "words") after it"
            } else if count.upperBound == .max {
                "at least \(count.lowerBound) \(count.lowerBound == 1 ? "word" : "words") after it"
            } else { "\(count.lowerBound) to \(count.upperBound) words after it" }
        throw error("expected \(expected), found \(words.count); usage: \(usage)")
    }

    func integer<Number: FixedWidthInteger>(_ word: Token, _ range: ClosedRange<Number>) throws(CorefileError) -> Number {
        guard let value = Number(word.text), range.contains(value) else {
            let expected =
                range.upperBound == .max
                ? "a whole number from \(range.lowerBound)"
                : "a whole number from \(range.lowerBound) to \(range.upperBound)"
            throw error("expected \(expected), found '\(word.text)'", at: word)
        }
        return value
    }

    func duration(_ word: Token, _ range: ClosedRange<Duration>) throws(CorefileError) -> Duration {
        guard let value = Duration(goNotation: word.text), range.contains(value) else {
            throw error(
                "expected a duration from \(range.lowerBound.goNotation) to \(range.upperBound.goNotation), like 5s or 1m30s, found '\(word.text)'",
                at: word)
        }
        return value
    }

    /// A time, or whole seconds without a unit.
    func durationOrSeconds(_ word: Token, _ range: ClosedRange<Duration>) throws(CorefileError) -> Duration {
        if let seconds = Int64(word.text), range.contains(.seconds(seconds)) { return .seconds(seconds) }
        return try duration(word, range)
    }

    func network(_ word: Token) throws(CorefileError) -> IPNetwork {
        guard let network = IPNetwork(word.text) else {
            throw error("expected a network such as 10.0.0.0/8 or 2001:db8::/32, or an address, found '\(word.text)'", at: word)
        }
        return network
    }

    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ word: Token) throws(CorefileError) -> Choice {
        guard let value = Choice(rawValue: word.text) else {
            let names = Choice.allCases.map(\.rawValue)
            let suggestion = nearestName(to: word.text, among: names).map { "; did you mean '\($0)'?" } ?? ""
            throw error("expected one of \(names.joined(separator: ", ")), found '\(word.text)'\(suggestion)", at: word)
        }
        return value
    }

    /// A regular expression as Go writes it.
    func pattern(_ word: Token) throws(CorefileError) -> RegularExpression {
        guard word.text.utf8.count <= Self.longestPattern else {
            throw error(
                "expected a regular expression of at most \(Self.longestPattern) bytes, found \(word.text.utf8.count)", at: word)
        }
        do {
            return try RegularExpression(word.text)
        } catch {
            throw self.error("expected a regular expression, found '\(word.text)': \(error)", at: word)
        }
    }

    /// Domain names and CIDR blocks; a block that does not end on a label stands for several zones.
    func zones(_ words: [Token]) throws(CorefileError) -> [ZoneName] {
        var result: [ZoneName] = []
        for word in words {
            do {
                result += try ZoneName.zones(word.text)
            } catch {
                throw self.error(error.message, at: word)
            }
        }
        return result
    }

    func hostAndPort(_ word: Token) throws(CorefileError) -> String {
        guard let colon = word.text.lastIndex(of: ":"), UInt16(word.text[word.text.index(after: colon)...]) != nil,
            !word.text[..<colon].contains(":") || (word.text.hasPrefix("[") && word.text[..<colon].hasSuffix("]"))
        else {
            throw error("expected HOST:PORT or :PORT, found '\(word.text)'", at: word)
        }
        return word.text
    }
}
