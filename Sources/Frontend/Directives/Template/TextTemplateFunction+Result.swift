extension TextTemplateFunction {
    /// The value for arguments whose number the parser has checked; `and` and `or` are the renderer's.
    func result(of arguments: [TextTemplateValue], at offset: Int) throws(TextTemplateError) -> TextTemplateValue {
        do {
            return try result(of: arguments)
        } catch {
            throw .unfit(at: offset, "\(rawValue): \(error.message)")
        }
    }

    /// In an operator's words.
    struct Unfit: Error { var message: String }

    private func result(of arguments: [TextTemplateValue]) throws(Unfit) -> TextTemplateValue {
        guard let first = arguments.first else {
            return .string(self == .println ? "\n" : "")
        }
        switch self {
        case .and, .or: return first
        case .not: return .boolean(!first.isTrue)
        case .eq, .ne, .lt, .le, .gt, .ge: return .boolean(try compare(first, arguments.dropFirst()))
        case .len: return .integer(Int64(try Self.length(first)))
        case .index:
            var value = first
            for index in arguments.dropFirst() { value = try Self.element(of: value, at: index) }
            return value
        case .slice: return try Self.slice(first, arguments.dropFirst())
        case .print: return .string(try Self.joined(arguments, spaced: false))
        case .println: return .string(try Self.joined(arguments, spaced: true) + "\n")
        case .printf: return .string(try Self.formatted(first, arguments.dropFirst()))
        case .html: return .string(Self.escapedForHTML(try Self.joined(arguments, spaced: false)))
        case .urlquery: return .string(Self.escapedForQuery(try Self.joined(arguments, spaced: false)))
        case .parseInt: return .unsigned(try Self.parse(arguments))
        }
    }

    // MARK: Comparisons

    private func compare(_ first: TextTemplateValue, _ others: ArraySlice<TextTemplateValue>) throws(Unfit) -> Bool {
        guard let second = others.first else { throw Unfit(message: "there is nothing to compare with") }
        switch self {
        case .eq:
            for other in others where try Self.areEqual(first, other) { return true }
            return false
        case .ne: return try !Self.areEqual(first, second)
        case .lt: return try Self.isLess(first, second)
        case .le: return try !Self.isLess(second, first)
        case .gt: return try Self.isLess(second, first)
        case .ge: return try !Self.isLess(first, second)
        default: return false
        }
    }

    private static func areEqual(_ left: TextTemplateValue, _ right: TextTemplateValue) throws(Unfit) -> Bool {
        switch (left, right) {
        case (.boolean(let left), .boolean(let right)): return left == right
        case (.float(let left), .float(let right)): return left == right
        case (.string(let left), .string(let right)): return left.utf8.elementsEqual(right.utf8)
        case (.missing, _), (.null, _), (_, .missing), (_, .null): return isNil(left) && isNil(right)
        default:
            guard let left = whole(left), let right = whole(right) else { throw mismatch(left, right) }
            return left == right
        }
    }

    private static func isNil(_ value: TextTemplateValue) -> Bool { value == .missing || value == .null }

    private static func isLess(_ left: TextTemplateValue, _ right: TextTemplateValue) throws(Unfit) -> Bool {
        switch (left, right) {
        case (.float(let left), .float(let right)): return left < right
        case (.string(let left), .string(let right)): return left.utf8.lexicographicallyPrecedes(right.utf8)
        default:
            guard let left = whole(left), let right = whole(right) else { throw mismatch(left, right) }
            return left < right
        }
    }

    private static func mismatch(_ left: TextTemplateValue, _ right: TextTemplateValue) -> Unfit {
        Unfit(message: "\(left.typeName) and \(right.typeName) cannot be compared")
    }

    /// Signed and unsigned numbers compare with each other.
    private static func whole(_ value: TextTemplateValue) -> Int128? {
        switch value {
        case .integer(let value): Int128(value)
        case .unsigned(let value): Int128(value)
        default: nil
        }
    }

    // MARK: Parts

    private static func length(_ value: TextTemplateValue) throws(Unfit) -> Int {
        switch value {
        case .string(let text): return text.utf8.count
        case .list(let elements): return elements.count
        case .map(let entries): return entries.count
        default: throw Unfit(message: "\(value.typeName) has no length")
        }
    }

    private static func position(_ index: TextTemplateValue, in bounds: Range<Int>) throws(Unfit) -> Int {
        guard let number = whole(index) else { throw Unfit(message: "a place is a whole number, not \(index.typeName)") }
        guard let position = Int(exactly: number), bounds.contains(position) else {
            throw Unfit(message: "place \(number) is outside of 0 to \(bounds.upperBound - 1)")
        }
        return position
    }

    private static func element(of value: TextTemplateValue, at index: TextTemplateValue) throws(Unfit) -> TextTemplateValue {
        switch value {
        case .list(let elements): return elements[try position(index, in: 0..<elements.count)]
        case .string(let text):
            let octets = Array(text.utf8)
            return .unsigned(UInt64(octets[try position(index, in: 0..<octets.count)]))
        case .map(let entries):
            guard case .string(let key) = index else { throw Unfit(message: "a map's key is a text, not \(index.typeName)") }
            // Go gives the zero of the map's type here, which is a text.
            return entries[key] ?? .string("")
        default: throw Unfit(message: "\(value.typeName) has no places")
        }
    }

    private static func slice(_ value: TextTemplateValue, _ bounds: ArraySlice<TextTemplateValue>) throws(Unfit) -> TextTemplateValue {
        let count = try length(value)
        let from = try bounds.first.map { bound throws(Unfit) in try position(bound, in: 0..<(count + 1)) } ?? 0
        let to = try bounds.dropFirst().first.map { bound throws(Unfit) in try position(bound, in: 0..<(count + 1)) } ?? count
        guard from <= to else { throw Unfit(message: "\(from) to \(to) is no range") }
        switch value {
        case .string(let text): return .string(String(decoding: Array(text.utf8)[from..<to], as: UTF8.self))
        case .list(let elements): return .list(Array(elements[from..<to]))
        default: throw Unfit(message: "\(value.typeName) cannot be cut")
        }
    }

    // MARK: Texts

    /// Go's `Sprint`, with spaces between values that are both no text; `Sprintln` with spaces between all.
    private static func joined(_ values: [TextTemplateValue], spaced: Bool) throws(Unfit) -> String {
        var result = ""
        var before: TextTemplateValue?
        for value in values {
            guard let text = GoFormat.printed(value) else { throw Unfit(message: "a structure cannot be printed") }
            if let before, spaced || !isText(before) && !isText(value) { result += " " }
            result += text
            before = value
        }
        return result
    }

    private static func isText(_ value: TextTemplateValue) -> Bool {
        if case .string = value { true } else { false }
    }

    private static func formatted(_ format: TextTemplateValue, _ arguments: ArraySlice<TextTemplateValue>) throws(Unfit) -> String {
        guard case .string(let text) = format else { throw Unfit(message: "the format is a text, not \(format.typeName)") }
        if let verb = GoFormat.unsupported(in: text) {
            throw Unfit(message: "'\(verb)' is not supported; there are \(GoFormat.listed)")
        }
        return GoFormat.text(text, Array(arguments))
    }

    private static func escapedForHTML(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "&#34;"
            case "'": result += "&#39;"
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\0": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func escapedForQuery(_ text: String) -> String {
        var result = ""
        for octet in text.utf8 {
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: result.unicodeScalars.append(UnicodeScalar(octet))
            case 0x20: result += "+"
            default: result += (octet < 16 ? "%0" : "%") + String(octet, radix: 16, uppercase: true)
            }
        }
        return result
    }

    // MARK: CoreDNS's own

    /// Text, base (0: as the text's prefix says) and bits (0: 64) to a number.
    private static func parse(_ arguments: [TextTemplateValue]) throws(Unfit) -> UInt64 {
        guard arguments.count == 3, case .string(let text) = arguments[0], case .integer(let base) = arguments[1],
            case .integer(let bits) = arguments[2]
        else {
            throw Unfit(message: "expected a text, a base and bits, found \(arguments.map(\.typeName).joined(separator: ", "))")
        }
        guard base == 0 || (2...36).contains(base) else { throw Unfit(message: "expected a base from 2 to 36, found \(base)") }
        guard (0...64).contains(bits) else { throw Unfit(message: "expected 0 to 64 bits, found \(bits)") }
        let number: UInt64?
        if base == 0 {
            if case .integer(let value)? = GoText.number(text), value >= 0, !text.hasPrefix("+"), !text.hasPrefix("-") {
                number = UInt64(value)
            } else {
                number = nil
            }
        } else {
            number = GoText.unsigned(text, radix: Int(base))
        }
        guard let number, bits == 0 || bits == 64 || number >> UInt64(bits) == 0 else {
            throw Unfit(message: "'\(text.prefix(40))' is no number of base \(base) in \(bits) bits")
        }
        return number
    }
}
