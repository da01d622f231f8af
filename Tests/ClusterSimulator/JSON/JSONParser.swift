/// Why a text is not JSON.
public struct JSONSyntaxError: Error, CustomStringConvertible {
    /// Bytes before the fault.
    public var offset: Int
    public var expected: String

    public var description: String { "invalid JSON at byte \(offset): expected \(expected)" }
}

extension JSONValue {
    /// Reads one JSON document (RFC 8259). Of a member that stands twice, the last counts.
    public init(parsing bytes: [UInt8]) throws(JSONSyntaxError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }

    public init(parsing text: String) throws(JSONSyntaxError) {
        try self.init(parsing: Array(text.utf8))
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    var position = 0
    /// Deeper nesting is refused, so that a request cannot exhaust the stack.
    static let depthLimit = 200

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONSyntaxError) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw fault("the end of the document") }
        return value
    }

    private func fault(_ expected: String) -> JSONSyntaxError { JSONSyntaxError(offset: position, expected: expected) }

    private mutating func skipSpace() {
        while position < bytes.count, bytes[position] == 0x20 || (0x09...0x0d).contains(bytes[position]) {
            position += 1
        }
    }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        guard depth < Self.depthLimit else { throw fault("at most \(Self.depthLimit) levels") }
        skipSpace()
        guard position < bytes.count else { throw fault("a value") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
        let letters = Array(text.description.utf8)
        guard bytes[position...].starts(with: letters) else { throw fault("a value") }
        position += letters.count
        return value
    }

    private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONObject {
        position += 1
        var members: [(key: String, value: JSONValue)] = []
        skipSpace()
        if position < bytes.count, bytes[position] == UInt8(ascii: "}") {
            position += 1
            return JSONObject()
        }
        while true {
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw fault("a member's name") }
            let key = try string()
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: ":") else { throw fault("':'") }
            position += 1
            let value = try value(depth: depth + 1)
            if let index = members.firstIndex(where: { $0.key == key }) {
                members[index].value = value
            } else {
                members.append((key, value))
            }
            if try separator(closing: UInt8(ascii: "}")) { return JSONObject(members: members) }
        }
    }

    private mutating func array(depth: Int) throws(JSONSyntaxError) -> [JSONValue] {
        position += 1
        var elements: [JSONValue] = []
        skipSpace()
        if position < bytes.count, bytes[position] == UInt8(ascii: "]") {
            position += 1
            return []
        }
        while true {
            elements.append(try value(depth: depth + 1))
            if try separator(closing: UInt8(ascii: "]")) { return elements }
        }
    }

    /// - Returns: whether the closing bracket came instead of a comma.
    private mutating func separator(closing: UInt8) throws(JSONSyntaxError) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == closing || bytes[position] == UInt8(ascii: ",") else {
            throw fault("',' or '\(Character(UnicodeScalar(closing)))'")
        }
        position += 1
        return bytes[position - 1] == closing
    }

    private mutating func number() throws(JSONSyntaxError) -> JSONValue {
        let start = position
        var isInteger = true
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
            case UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): isInteger = false
            default:
                return try number(in: start..<position, isInteger: isInteger)
            }
            position += 1
        }
        return try number(in: start..<position, isInteger: isInteger)
    }

    private func number(in range: Range<Int>, isInteger: Bool) throws(JSONSyntaxError) -> JSONValue {
        let text = String(decoding: bytes[range], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text) else { throw JSONSyntaxError(offset: range.lowerBound, expected: "a value") }
        return .double(value)
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        position += 1
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\") {
            position += 1
        }
        guard position < bytes.count else { throw fault("'\"'") }
        if bytes[position] == UInt8(ascii: "\"") {
            defer { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }
        return try escapedString(from: start)
    }

    private mutating func escapedString(from start: Int) throws(JSONSyntaxError) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            guard position < bytes.count else { break }
            let escape = bytes[position]
            position += 1
            switch escape {
            case UInt8(ascii: "n"): text.append(0x0a)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "r"): text.append(0x0d)
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0c)
            case UInt8(ascii: "u"): text.append(contentsOf: String(try unicodeEscape()).utf8)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
            default: throw fault("an escape")
            }
        }
        throw fault("'\"'")
    }

    private mutating func unicodeEscape() throws(JSONSyntaxError) -> Character {
        let first = try fourHexDigits()
        if (0xd800...0xdbff).contains(first), bytes.count - position >= 6, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        {
            let mark = position
            position += 2
            let second = try fourHexDigits()
            if (0xdc00...0xdfff).contains(second),
                let scalar = UnicodeScalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
            {
                return Character(scalar)
            }
            position = mark
        }
        return Character(UnicodeScalar(first) ?? "\u{fffd}")
    }

    private mutating func fourHexDigits() throws(JSONSyntaxError) -> UInt32 {
        guard bytes.count - position >= 4,
            let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw fault("four hexadecimal digits") }
        position += 4
        return value
    }
}
