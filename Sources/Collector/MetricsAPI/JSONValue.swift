/// A JSON document whose object keys keep the order in which they were given, as Go's encoders write them.
indirect enum JSONValue: Sendable, Equatable {
    case string(String)
    case integer(Int)
    case bool(Bool)
    case array([JSONValue])
    case object([Member])

    struct Member: Sendable, Equatable {
        var key: String
        var value: JSONValue
    }

    /// An object; members whose value is nil are left out.
    static func members(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        .object(members.compactMap { key, value in value.map { Member(key: key, value: $0) } })
    }

    /// A map of strings, sorted by key; nil if it is empty.
    static func map(_ map: [String: String]) -> JSONValue? {
        if map.isEmpty { return nil }
        return .object(map.sorted { $0.key < $1.key }.map { Member(key: $0.key, value: .string($0.value)) })
    }

    /// - Parameter pretty: two spaces a level, as API servers answer browsers and curl; otherwise one line and its end.
    func json(pretty: Bool) -> [UInt8] {
        var out: [UInt8] = []
        write(to: &out, indent: pretty ? 0 : nil)
        if !pretty { out.append(UInt8(ascii: "\n")) }
        return out
    }

    private func write(to out: inout [UInt8], indent: Int?) {
        switch self {
        case .string(let text): Self.writeString(text, to: &out)
        case .integer(let number): out.append(contentsOf: String(number).utf8)
        case .bool(let flag): out.append(contentsOf: (flag ? "true" : "false").utf8)
        case .array(let values):
            Self.writeList(values.count, "[", "]", to: &out, indent: indent) { index, out, indent in
                values[index].write(to: &out, indent: indent)
            }
        case .object(let members):
            Self.writeList(members.count, "{", "}", to: &out, indent: indent) { index, out, indent in
                Self.writeString(members[index].key, to: &out)
                out.append(contentsOf: (indent == nil ? ":" : ": ").utf8)
                members[index].value.write(to: &out, indent: indent)
            }
        }
    }

    private static func writeList(
        _ count: Int, _ open: Unicode.Scalar, _ close: Unicode.Scalar, to out: inout [UInt8], indent: Int?,
        _ item: (Int, inout [UInt8], Int?) -> Void
    ) {
        out.append(UInt8(ascii: open))
        for index in 0..<count {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            if let indent { newLine(indent + 1, to: &out) }
            item(index, &out, indent.map { $0 + 1 })
        }
        if let indent, count > 0 { newLine(indent, to: &out) }
        out.append(UInt8(ascii: close))
    }

    private static func newLine(_ indent: Int, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\n"))
        for _ in 0..<(indent * 2) { out.append(UInt8(ascii: " ")) }
    }

    /// As Go's encoder writes texts, which keeps answers harmless inside HTML and JavaScript.
    static func writeString(_ text: String, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        if text.utf8.allSatisfy(isPlain) {
            out.append(contentsOf: text.utf8)
        } else {
            for scalar in text.unicodeScalars { writeEscaped(scalar, to: &out) }
        }
        out.append(UInt8(ascii: "\""))
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"): false
        default: (0x20..<0x80).contains(byte)
        }
    }

    private static func writeEscaped(_ scalar: Unicode.Scalar, to out: inout [UInt8]) {
        switch scalar {
        case "\"": out += "\\\"".utf8
        case "\\": out += "\\\\".utf8
        case "\n": out += "\\n".utf8
        case "\r": out += "\\r".utf8
        case "\t": out += "\\t".utf8
        case "\u{8}": out += "\\b".utf8
        case "\u{C}": out += "\\f".utf8
        case "\0"..<" ", "<", ">", "&", "\u{2028}", "\u{2029}":
            let digits = String(scalar.value, radix: 16)
            out += "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8
        default: out += String(scalar).utf8
        }
    }
}
