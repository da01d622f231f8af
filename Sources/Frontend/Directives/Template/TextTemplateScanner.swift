/// Reads a template's octets: texts with their trim markers, and the words inside of actions.
struct TextTemplateScanner {
    private let octets: [UInt8]
    private(set) var at = 0
    /// Whether the action before ended with a trim marker.
    private var trimsNext = false

    init(_ text: String) { octets = Array(text.utf8) }

    func fault(_ message: String, at offset: Int? = nil) -> TextTemplateFault {
        TextTemplateFault(offset: min(offset ?? at, octets.count), message: message)
    }

    private static func isSpace(_ octet: UInt8) -> Bool { octet == 0x20 || octet == 0x09 || octet == 0x0A || octet == 0x0D }

    static func isWord(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...0xFF: true
        default: false
        }
    }

    var current: UInt8? { at < octets.count ? octets[at] : nil }

    func peek(_ distance: Int) -> UInt8? { at + distance < octets.count ? octets[at + distance] : nil }

    private func starts(with text: StaticString, at position: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        guard position + count <= octets.count else { return false }
        return octets[position..<(position + count)].elementsEqual(text.description.utf8)
    }

    func isAt(_ text: StaticString) -> Bool { starts(with: text, at: at) }

    /// What has been read since `start`.
    func octets(from start: Int) -> ArraySlice<UInt8> { octets[start..<at] }

    mutating func skip(_ count: Int = 1) { at = min(at + count, octets.count) }

    mutating func take(_ text: StaticString) -> Bool {
        guard isAt(text) else { return false }
        at += text.utf8CodeUnitCount
        return true
    }

    // MARK: Texts

    /// The text up to the next action or the end, white space taken off where trim markers say so.
    mutating func text() -> [UInt8] {
        let start = at
        while at < octets.count, !isAt("{{") { at += 1 }
        var text = octets[start..<at]
        if trimsNext { text = text.drop(while: Self.isSpace) }
        trimsNext = false
        if isAt("{{-"), let next = peek(3), Self.isSpace(next) {
            while let last = text.last, Self.isSpace(last) { text.removeLast() }
        }
        return Array(text)
    }

    /// Goes past `{{` or `{{- `; false at the end of the text.
    mutating func openAction() throws(TextTemplateFault) -> Bool {
        guard at < octets.count else { return false }
        opening = at
        at += 2
        if current == UInt8(ascii: "-"), let next = peek(1), Self.isSpace(next) { at += 2 }
        if !isAt("/*") { skipSpace() }
        return true
    }

    /// Where the action at hand opened.
    private(set) var opening = 0

    /// Goes past a comment and the end of its action, if there is one.
    mutating func skipComment() throws(TextTemplateFault) -> Bool {
        guard isAt("/*") else { return false }
        let start = at
        at += 2
        while at < octets.count, !isAt("*/") { at += 1 }
        guard take("*/") else {
            throw fault("expected */ for the comment that opens here, found the end of the text", at: start)
        }
        try closeAction()
        return true
    }

    mutating func skipSpace() {
        while let octet = current, Self.isSpace(octet) { at += 1 }
    }

    /// Whether the action ends here, after white space.
    var isAtClose: Bool {
        var position = at
        while position < octets.count, Self.isSpace(octets[position]) { position += 1 }
        return starts(with: "}}", at: position) || position > at && starts(with: "-}}", at: position)
    }

    mutating func closeAction() throws(TextTemplateFault) {
        let before = at
        skipSpace()
        if take("}}") { return }
        if at > before, take("-}}") {
            trimsNext = true
            return
        }
        guard at < octets.count else {
            throw fault("expected }} for the action that opens here, found the end of the text", at: opening)
        }
        throw fault("expected }}, found '\(found())'")
    }

    // MARK: Words

    /// The text up to the next white space, at most 20 characters, for messages.
    func found() -> String {
        let word = octets[at...].prefix(while: { !Self.isSpace($0) }).prefix(20)
        return word.isEmpty ? "the end of the text" : String(decoding: word, as: UTF8.self)
    }

    private static let keywords: Set<String> = [
        "if", "else", "end", "with", "range", "break", "continue", "define", "template", "block",
    ]

    /// A keyword, read; nothing is read otherwise.
    mutating func keyword() -> String? {
        var scanner = self
        scanner.skipSpace()
        let word = scanner.word()
        guard Self.keywords.contains(word) else { return nil }
        self = scanner
        return word
    }

    /// Letters, digits and underscores, read; maybe none.
    mutating func word() -> String {
        let start = at
        while let octet = current, Self.isWord(octet) { at += 1 }
        return String(decoding: octets[start..<at], as: UTF8.self)
    }

    /// The octets of a quoted word with its quotes, read; a line end ends a word in `"` or `'` before its time.
    mutating func quoted(by quote: UInt8) throws(TextTemplateFault) -> ArraySlice<UInt8> {
        let start = at
        at += 1
        while let octet = current, octet != quote {
            if octet == 0x0A, quote != UInt8(ascii: "`") { break }
            at += octet == UInt8(ascii: "\\") && quote != UInt8(ascii: "`") ? 2 : 1
        }
        guard current == quote else {
            throw fault("expected a closing \(Character(UnicodeScalar(quote))) for the text that opens here", at: start)
        }
        at += 1
        return octets[(start + 1)..<(at - 1)]
    }
}
