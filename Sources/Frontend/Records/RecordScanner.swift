/// Splits text in a zone file's notation into entries of words (RFC 1035 5.1): comments left out, lines joined inside parentheses, quoted
/// strings whole, escapes as they are.
struct RecordScanner {
    /// A field of an entry: a range of the text, without the quotes of a quoted one.
    struct Word: Hashable {
        var range: Range<Int>
        var isQuoted: Bool
        var line: Int
    }

    /// A record or a directive: one line, or several in parentheses. There is at least one word.
    struct Entry {
        /// Whether the owner is left out.
        var startsBlank: Bool
        var words: [Word]
        /// Behind the last word, for errors.
        var end: Word
    }

    /// Words that one entry may have: more than 65,535 octets of data need.
    private static let mostWords = 70_000

    private let octets: [UInt8]
    private var at = 0
    /// Where `at` is, counted from 1.
    private(set) var line: Int
    private var depth = 0

    /// - Parameter line: of the text's beginning.
    init(_ octets: [UInt8], line: Int = 1) {
        self.octets = octets
        self.line = line
    }

    subscript(word: Word) -> ArraySlice<UInt8> { octets[word.range] }

    /// For messages.
    func text(_ word: Word) -> String {
        let octets = self[word]
        return String(decoding: octets.prefix(60), as: UTF8.self) + (octets.count > 60 ? "…" : "")
    }

    /// The text from one word's beginning to the end of another, for what reads it anew.
    func octets(from first: Word, to last: Word) -> ArraySlice<UInt8> {
        octets[(first.range.lowerBound - (first.isQuoted ? 1 : 0))..<(last.range.upperBound + (last.isQuoted ? 1 : 0))]
    }

    func error(_ message: String, at word: Word) -> RecordTextError {
        let start = octets[..<word.range.lowerBound].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        return RecordTextError(message, line: word.line, column: word.range.lowerBound - start + 1)
    }

    /// The next entry, or nil behind the last.
    mutating func next() throws(RecordTextError) -> Entry? {
        while at < octets.count {
            let startsBlank = octets[at] == 0x20 || octets[at] == 0x09
            var words: [Word] = []
            var opening: Word?
            line: while at < octets.count {
                switch octets[at] {
                case 0x20, 0x09, 0x0D: at += 1
                case 0x3B: skipComment()  // ;
                case 0x0A:
                    at += 1
                    line += 1
                    if depth == 0 { break line }
                case 0x28:  // (
                    if depth == 0 { opening = here }
                    depth += 1
                    at += 1
                case 0x29:  // )
                    guard depth > 0 else { throw error("expected no ')' without a '(' before it", at: here) }
                    depth -= 1
                    at += 1
                default:
                    words.append(try word())
                    guard words.count <= Self.mostWords else {
                        throw error("expected at most \(Self.mostWords) words in one record", at: words[0])
                    }
                }
            }
            if let opening, depth > 0 { throw error("expected a ')' for this '('", at: opening) }
            if let last = words.last {
                let end = last.range.upperBound
                return Entry(startsBlank: startsBlank, words: words, end: Word(range: end..<end, isQuoted: false, line: last.line))
            }
        }
        return nil
    }

    private var here: Word { Word(range: at..<at, isQuoted: false, line: line) }

    private mutating func skipComment() {
        while at < octets.count, octets[at] != 0x0A { at += 1 }
    }

    private mutating func word() throws(RecordTextError) -> Word {
        if octets[at] == 0x22 { return try quoted() }
        let start = at
        while at < octets.count {
            switch octets[at] {
            case 0x20, 0x09, 0x0A, 0x0D, 0x28, 0x29, 0x3B:
                return Word(range: start..<at, isQuoted: false, line: line)
            case 0x22:  // A quote begins a word, but `key="…"` is one.
                guard octets[at - 1] == 0x3D else { return Word(range: start..<at, isQuoted: false, line: line) }
                _ = try quoted()
            case 0x5C: at = min(at + (at + 1 < octets.count && octets[at + 1] == 0x0A ? 1 : 2), octets.count)
            default: at += 1
            }
        }
        return Word(range: start..<at, isQuoted: false, line: line)
    }

    /// From one quote to the next, line ends included.
    private mutating func quoted() throws(RecordTextError) -> Word {
        let opening = here
        at += 1
        let start = at
        while at < octets.count, octets[at] != 0x22 {
            if octets[at] == 0x0A { line += 1 }
            if octets[at] == 0x5C, at + 1 < octets.count, octets[at + 1] != 0x0A { at += 1 }
            at += 1
        }
        guard at < octets.count else { throw error("expected a closing quote for this one", at: opening) }
        at += 1
        return Word(range: start..<(at - 1), isQuoted: true, line: opening.line)
    }

    // MARK: Fields

    /// A domain name. - Parameter wanted: `an owner`, for the error.
    func name(_ word: Word, origin: DNSName, _ wanted: String) throws(RecordTextError) -> DNSName {
        do {
            return try DNSName(self[word], origin: origin)
        } catch {
            throw self.error("expected \(wanted), a domain name, found '\(text(word))': \(error.reason)", at: word)
        }
    }
}

extension WireError {
    /// Why presentation text is not a name.
    fileprivate var reason: String {
        switch self {
        case .labelTooLong: "a label has at most 63 octets"
        case .nameTooLong: "a name has at most 255 octets"
        case .emptyLabel: "a label is empty"
        case .badEscape: "a '\\' is followed by a character or by three digits up to 255"
        case .truncated, .reservedLabelType, .forwardPointer, .tooManyPointers, .malformedData: "it does not parse"
        }
    }
}
