/// A compiled regular expression (RE2's language), for names and other short texts.
protocol TextPattern: Sendable {
    /// Whether it matches anywhere in the text.
    func matches(_ text: String) -> Bool
}

/// Why a text is no regular expression, in an operator's words.
struct TextPatternFault: Error, Sendable {
    var message: String
}

typealias TextPatternFactory = @Sendable (String) throws(TextPatternFault) -> any TextPattern

/// Stands in until settings are given an engine; matches nothing.
struct PatternWithoutEngine: TextPattern {
    func matches(_ text: String) -> Bool { false }
}
