/// Go's `printf`, for the verbs that make sense in a record.
enum GoFormat {
    static let listed = "%v %s %q %d %x %X %o %b %c %t %T %%, with -, 0, +, #, a width and a precision (at most 999)"
    private static let verbs = Set("vsqdxXobctT%".utf8)

    private struct Verb {
        var leftAligned = false, zeroPadded = false, plus = false, alternate = false, space = false
        var width = 0
        var precision: Int?
        var letter: UInt8 = 0
    }

    /// The first verb of a format that is not supported.
    static func unsupported(in format: String) -> String? {
        let octets = Array(format.utf8)
        var at = 0
        while let percent = octets[at...].firstIndex(of: UInt8(ascii: "%")) {
            guard let (verb, end) = verb(octets, at: percent), verbs.contains(verb.letter) else {
                return String(decoding: octets[percent...].prefix(6), as: UTF8.self)
            }
            at = end
        }
        return nil
    }

    /// Flags, width, precision and letter; nil at the end of the format, or for numbers of more than three digits.
    private static func verb(_ octets: [UInt8], at percent: Int) -> (Verb, end: Int)? {
        var verb = Verb()
        var at = percent + 1
        flags: while at < octets.count {
            switch octets[at] {
            case UInt8(ascii: "-"): verb.leftAligned = true
            case UInt8(ascii: "0"): verb.zeroPadded = true
            case UInt8(ascii: "+"): verb.plus = true
            case UInt8(ascii: "#"): verb.alternate = true
            case UInt8(ascii: " "): verb.space = true
            default: break flags
            }
            at += 1
        }
        guard let width = number(octets, &at) else { return nil }
        verb.width = width ?? 0
        if at < octets.count, octets[at] == UInt8(ascii: ".") {
            at += 1
            guard let precision = number(octets, &at) else { return nil }
            verb.precision = precision ?? 0
        }
        guard at < octets.count else { return nil }
        verb.letter = octets[at]
        return (verb, at + 1)
    }

    /// Nil where a number has too many digits; nil inside where there is none.
    private static func number(_ octets: [UInt8], _ at: inout Int) -> Int?? {
        let digits = octets[at...].prefix { (0x30...0x39).contains($0) }
        guard digits.count <= 3 else { return nil }
        at += digits.count
        return .some(Int(String(decoding: digits, as: UTF8.self)))
    }

    /// The text; what is missing, left over or of another kind is said in it, as Go does.
    static func text(_ format: String, _ arguments: [TextTemplateValue]) -> String {
        let octets = Array(format.utf8)
        var result: [UInt8] = []
        var rest = arguments[...]
        var at = 0
        while at < octets.count {
            guard octets[at] == UInt8(ascii: "%"), let (verb, end) = verb(octets, at: at) else {
                result.append(octets[at])
                at += 1
                continue
            }
            at = end
            if verb.letter == UInt8(ascii: "%") {
                result.append(verb.letter)
            } else if let argument = rest.popFirst() {
                result += text(of: argument, verb).utf8
            } else {
                result += "%!\(Character(UnicodeScalar(verb.letter)))(MISSING)".utf8
            }
        }
        if !rest.isEmpty {
            let left = rest.map { value in isNil(value) ? "<nil>" : "\(value.typeName)=\(printed(value) ?? "")" }
            result += "%!(EXTRA \(left.joined(separator: ", ")))".utf8
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// As `%v` has it; an argument that is missing is nil here.
    static func printed(_ value: TextTemplateValue) -> String? { value == .missing ? "<nil>" : value.printed }

    private static func isNil(_ value: TextTemplateValue) -> Bool { value == .missing || value == .null }

    private static func text(of value: TextTemplateValue, _ verb: Verb) -> String {
        let letter = Character(UnicodeScalar(verb.letter))
        if letter == "T" { return padded(value.typeName, verb) }
        if letter == "v" {
            if case .integer(let number) = value { return padded(numeral(Int128(number), radix: 10, verb), verb, isNumber: true) }
            if case .unsigned(let number) = value { return padded(numeral(Int128(number), radix: 10, verb), verb, isNumber: true) }
            return padded(printed(value) ?? "%!v(struct)", verb)
        }
        switch (value, letter) {
        case (.string(let text), "s"): return padded(cut(text, verb), verb)
        case (.string(let text), "q"): return padded(quoted(cut(text, verb)), verb)
        case (.string(let text), "x"): return padded(hexadecimal(text, uppercase: false), verb)
        case (.string(let text), "X"): return padded(hexadecimal(text, uppercase: true), verb)
        case (.boolean(let flag), "t"): return padded(flag ? "true" : "false", verb)
        case (.integer(let number), _) where "dxXobcq".contains(letter): return integer(Int128(number), letter, verb)
        case (.unsigned(let number), _) where "dxXobcq".contains(letter): return integer(Int128(number), letter, verb)
        case (.list(let values), "s"), (.list(let values), "d"), (.list(let values), "q"):
            return "[" + values.map { text(of: $0, verb) }.joined(separator: " ") + "]"
        case (.missing, _), (.null, _): return "%!\(letter)(<nil>)"
        default: return "%!\(letter)(\(value.typeName)=\(printed(value) ?? "{}"))"
        }
    }

    private static func cut(_ text: String, _ verb: Verb) -> String {
        guard let precision = verb.precision else { return text }
        var cut = ""
        cut.unicodeScalars.append(contentsOf: text.unicodeScalars.prefix(precision))
        return cut
    }

    private static func integer(_ number: Int128, _ letter: Character, _ verb: Verb) -> String {
        switch letter {
        case "c": return padded(String(character(number)), verb)
        case "q": return padded("'" + (number == 39 ? "\\'" : String(character(number))) + "'", verb)
        case "x": return padded(numeral(number, radix: 16, verb), verb, isNumber: true)
        case "X": return padded(numeral(number, radix: 16, verb, uppercase: true), verb, isNumber: true)
        case "o": return padded(numeral(number, radix: 8, verb), verb, isNumber: true)
        case "b": return padded(numeral(number, radix: 2, verb), verb, isNumber: true)
        default: return padded(numeral(number, radix: 10, verb), verb, isNumber: true)
        }
    }

    private static func character(_ number: Int128) -> Character {
        Character(UInt32(exactly: number).flatMap(UnicodeScalar.init) ?? "\u{FFFD}")
    }

    private static func numeral(_ number: Int128, radix: Int, _ verb: Verb, uppercase: Bool = false) -> String {
        var digits = String(number.magnitude, radix: radix, uppercase: uppercase)
        let sign = number < 0 ? "-" : verb.plus ? "+" : verb.space ? " " : ""
        let prefix =
            !verb.alternate
            ? "" : radix == 16 ? (uppercase ? "0X" : "0x") : radix == 8 ? "0" : radix == 2 ? "0b" : ""
        var minimum = verb.precision ?? 0
        if verb.precision == nil, verb.zeroPadded, !verb.leftAligned { minimum = verb.width - sign.utf8.count }
        if digits.utf8.count < minimum { digits = String(repeating: "0", count: minimum - digits.utf8.count) + digits }
        return sign + prefix + digits
    }

    private static func padded(_ text: String, _ verb: Verb, isNumber: Bool = false) -> String {
        let missing = verb.width - text.unicodeScalars.count
        guard missing > 0 else { return text }
        if verb.leftAligned { return text + String(repeating: " ", count: missing) }
        return String(repeating: verb.zeroPadded && !isNumber ? "0" : " ", count: missing) + text
    }

    private static func hexadecimal(_ text: String, uppercase: Bool) -> String {
        text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: uppercase) }.joined()
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case "\0"..." ", "\u{7F}":
                result += scalar == " " ? " " : "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
