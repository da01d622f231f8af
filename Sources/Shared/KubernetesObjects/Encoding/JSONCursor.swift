/// Reads JSON text from bytes, value by value (RFC 8259). Nothing is built that the caller does not ask for.
///
/// Copies are cheap positions in the same bytes, so a caller may come back to a value that it has skipped.
public struct JSONCursor: Sendable {
    /// Deeper nesting is refused; Kubernetes' objects stay below 30.
    static let depthLimit = 128

    let bytes: [UInt8]
    private(set) var position: Int
    let end: Int

    public init(_ bytes: [UInt8]) { self.init(bytes, 0..<bytes.count) }

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        // Callers pass ranges that a scan of these bytes gave; the input decides what is in them, not where they end.
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    /// The first byte of the next token; nil at the end.
    public mutating func peek() -> UInt8? {
        while position < end {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
            default: return bytes[position]
            }
        }
        return nil
    }

    func malformed(_ rule: String) -> ObjectDecodingError { ObjectDecodingError(.malformed(rule), at: position) }

    func unexpected(_ what: String) -> ObjectDecodingError {
        ObjectDecodingError(.unexpectedValue(what), at: position)
    }

    private mutating func expect(_ byte: UInt8) throws(ObjectDecodingError) {
        guard let next = peek() else { throw ObjectDecodingError(.truncated, at: end) }
        guard next == byte else { throw malformed("'\(Character(Unicode.Scalar(byte)))' was expected") }
        position += 1
    }

    /// Checks that nothing but white space follows.
    public mutating func expectEnd() throws(ObjectDecodingError) {
        if peek() != nil { throw malformed("text after the end of the value") }
    }

    /// Reads `null` if it is next.
    public mutating func readNull() throws(ObjectDecodingError) -> Bool {
        guard peek() == UInt8(ascii: "n") else { return false }
        try literal("null")
        return true
    }

    mutating func readBool() throws(ObjectDecodingError) -> Bool {
        switch peek() {
        case UInt8(ascii: "t"):
            try literal("true")
            return true
        case UInt8(ascii: "f"):
            try literal("false")
            return false
        default: throw unexpected("true or false was expected")
        }
    }

    mutating func readInteger() throws(ObjectDecodingError) -> Int64 {
        let start = position
        let text = try readNumber()
        guard let value = Int64(text) else {
            throw ObjectDecodingError(.unexpectedValue("\(text) is not a whole number of 64 bits"), at: start)
        }
        return value
    }

    /// The text of a number, checked against JSON's grammar.
    public mutating func readNumber() throws(ObjectDecodingError) -> String {
        guard let first = peek(), first == UInt8(ascii: "-") || isDigit(first) else {
            throw unexpected("a number was expected")
        }
        let start = position
        if first == UInt8(ascii: "-") { position += 1 }
        let integerStart = position
        try digits()
        if bytes[integerStart] == UInt8(ascii: "0"), position > integerStart + 1 {
            throw malformed("a number with a leading zero")
        }
        if position < end, bytes[position] == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if position < end, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < end, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func digits() throws(ObjectDecodingError) {
        guard position < end else { throw ObjectDecodingError(.truncated, at: end) }
        guard isDigit(bytes[position]) else { throw malformed("a digit was expected") }
        while position < end, isDigit(bytes[position]) { position += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private mutating func literal(_ word: StaticString) throws(ObjectDecodingError) {
        for byte in "\(word)".utf8 {
            guard position < end else { throw ObjectDecodingError(.truncated, at: end) }
            guard bytes[position] == byte else { throw malformed("\(word) was expected") }
            position += 1
        }
    }

    public mutating func readString() throws(ObjectDecodingError) -> String {
        String(decoding: try readStringBytes(), as: UTF8.self)
    }

    /// Enters an object; false when it is empty, and then it is already behind the cursor.
    mutating func enterObject() throws(ObjectDecodingError) -> Bool {
        guard peek() == UInt8(ascii: "{") else {
            throw peek() == nil ? ObjectDecodingError(.truncated, at: end) : unexpected("an object was expected")
        }
        position += 1
        guard peek() == UInt8(ascii: "}") else { return true }
        position += 1
        return false
    }

    /// The key of the member at the cursor, which then stands at the member's value.
    mutating func readKey() throws(ObjectDecodingError) -> [UInt8] {
        guard let quote = peek() else { throw ObjectDecodingError(.truncated, at: end) }
        guard quote == UInt8(ascii: "\"") else { throw malformed("a key in quotes was expected") }
        let key = try readStringBytes()
        try expect(UInt8(ascii: ":"))
        _ = peek()
        return key
    }

    /// After a member's value: whether another member follows. If not, the object is behind the cursor.
    mutating func hasNextMember() throws(ObjectDecodingError) -> Bool { try continues(until: UInt8(ascii: "}")) }

    /// Calls `body` for every member with its key and a cursor at its value; `body` must read the value or skip it.
    public mutating func readObject(
        _ body: (_ key: [UInt8], _ cursor: inout JSONCursor) throws(ObjectDecodingError) -> Void
    ) throws(ObjectDecodingError) {
        guard try enterObject() else { return }
        repeat {
            let key = try readKey()
            try body(key, &self)
        } while try hasNextMember()
    }

    public mutating func readArray(
        _ body: (_ cursor: inout JSONCursor) throws(ObjectDecodingError) -> Void
    ) throws(ObjectDecodingError) {
        guard peek() == UInt8(ascii: "[") else {
            throw peek() == nil ? ObjectDecodingError(.truncated, at: end) : unexpected("an array was expected")
        }
        position += 1
        if peek() == UInt8(ascii: "]") {
            position += 1
            return
        }
        while true {
            _ = peek()
            try body(&self)
            guard try continues(until: UInt8(ascii: "]")) else { return }
        }
    }

    /// After a member: true at a comma, false at the closing bracket.
    private mutating func continues(until close: UInt8) throws(ObjectDecodingError) -> Bool {
        guard let next = peek() else { throw ObjectDecodingError(.truncated, at: end) }
        guard next == close || next == UInt8(ascii: ",") else { throw malformed("',' or the end was expected") }
        position += 1
        return next != close
    }

    /// Passes over one value and checks it; returns where it lies.
    @discardableResult
    public mutating func skip(depth: Int = 0) throws(ObjectDecodingError) -> Range<Int> {
        guard let first = peek() else { throw ObjectDecodingError(.truncated, at: end) }
        guard depth < Self.depthLimit else { throw ObjectDecodingError(.nestedTooDeep, at: position) }
        let start = position
        switch first {
        case UInt8(ascii: "{"):
            try readObject { _, cursor throws(ObjectDecodingError) in try cursor.skip(depth: depth + 1) }
        case UInt8(ascii: "["):
            try readArray { cursor throws(ObjectDecodingError) in try cursor.skip(depth: depth + 1) }
        case UInt8(ascii: "\""): try skipString()
        case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try readBool()
        case UInt8(ascii: "n"): _ = try readNull()
        default: _ = try readNumber()
        }
        return start..<position
    }
}

// MARK: - Strings

extension JSONCursor {
    /// The bytes of a string, escapes resolved.
    mutating func readStringBytes() throws(ObjectDecodingError) -> [UInt8] {
        guard peek() == UInt8(ascii: "\"") else {
            throw peek() == nil ? ObjectDecodingError(.truncated, at: end) : unexpected("a string was expected")
        }
        position += 1
        var text: [UInt8] = []
        while true {
            let start = position
            while position < end, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\") {
                guard bytes[position] >= 0x20 else { throw malformed("a control character in a string") }
                position += 1
            }
            guard position < end else { throw ObjectDecodingError(.truncated, at: end) }
            text.append(contentsOf: bytes[start..<position])
            position += 1
            if bytes[position - 1] == UInt8(ascii: "\"") { return text }
            try readEscape(into: &text)
        }
    }

    /// Passes over a string and checks it.
    private mutating func skipString() throws(ObjectDecodingError) {
        position += 1
        var ignored: [UInt8] = []
        while true {
            while position < end, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\") {
                guard bytes[position] >= 0x20 else { throw malformed("a control character in a string") }
                position += 1
            }
            guard position < end else { throw ObjectDecodingError(.truncated, at: end) }
            position += 1
            if bytes[position - 1] == UInt8(ascii: "\"") { return }
            try readEscape(into: &ignored)
        }
    }

    /// The rest of an escape, after its backslash.
    private mutating func readEscape(into text: inout [UInt8]) throws(ObjectDecodingError) {
        guard position < end else { throw ObjectDecodingError(.truncated, at: end) }
        let letter = bytes[position]
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(try readUnicodeEscape()).utf8)
        default:
            position -= 1
            throw malformed("an unknown escape in a string")
        }
    }

    /// One scalar; a surrogate without its partner becomes U+FFFD, as in Go.
    private mutating func readUnicodeEscape() throws(ObjectDecodingError) -> Character {
        let first = try readHexDigits()
        if let scalar = Unicode.Scalar(UInt32(first)) { return Character(scalar) }
        if first < 0xdc00, position + 1 < end, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        {
            let before = position
            position += 2
            let second = try readHexDigits()
            if (0xdc00..<0xe000).contains(second) {
                let scalar = 0x10000 + (UInt32(first) - 0xd800) << 10 + (UInt32(second) - 0xdc00)
                return Unicode.Scalar(scalar).map { Character($0) } ?? "\u{fffd}"
            }
            position = before
        }
        return "\u{fffd}"
    }

    private mutating func readHexDigits() throws(ObjectDecodingError) -> UInt16 {
        guard end - position >= 4 else { throw ObjectDecodingError(.truncated, at: end) }
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw malformed("a hexadecimal digit was expected")
            }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }
}
