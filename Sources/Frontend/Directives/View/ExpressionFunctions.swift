import Names

extension ExpressionOperator {
    func result(_ left: ExpressionValue, _ right: ExpressionValue) throws(ExpressionError) -> ExpressionValue {
        switch self {
        case .equal: return .boolean(left.equals(right))
        case .notEqual: return .boolean(!left.equals(right))
        case .isIn:
            guard case .list(let values) = right else { break }
            return .boolean(values.contains { $0.equals(left) })
        case .less, .atMost, .greater, .atLeast, .contains, .startsWith, .endsWith, .plus:
            if case .string(let left) = left, case .string(let right) = right { return try ofStrings(left, right) }
            return try ofNumbers(left, right)
        case .minus, .times, .divided, .modulo, .power: return try ofNumbers(left, right)
        case .range, .coalesce: break
        }
        throw unfit
    }

    private var unfit: ExpressionError { .unfit("'\(rawValue)' cannot stand between such values") }

    private func ofStrings(_ left: String, _ right: String) throws(ExpressionError) -> ExpressionValue {
        switch self {
        case .less: return .boolean(left.utf8.lexicographicallyPrecedes(right.utf8))
        case .atMost: return .boolean(!right.utf8.lexicographicallyPrecedes(left.utf8))
        case .greater: return .boolean(right.utf8.lexicographicallyPrecedes(left.utf8))
        case .atLeast: return .boolean(!left.utf8.lexicographicallyPrecedes(right.utf8))
        case .contains: return .boolean(OctetSearch.first(right, in: left) != nil)
        case .startsWith: return .boolean(left.utf8.starts(with: right.utf8))
        case .endsWith: return .boolean(left.utf8.reversed().starts(with: right.utf8.reversed()))
        case .plus: return .string(left + right)
        default: throw unfit
        }
    }

    private func ofNumbers(_ left: ExpressionValue, _ right: ExpressionValue) throws(ExpressionError) -> ExpressionValue {
        if case .integer(let left) = left, case .integer(let right) = right {
            switch self {
            case .plus: return .integer(left &+ right)
            case .minus: return .integer(left &- right)
            case .times: return .integer(left &* right)
            case .modulo:
                guard right != 0 else { throw .unfit("division by 0") }
                return .integer(right == -1 ? 0 : left % right)
            case .less: return .boolean(left < right)
            case .atMost: return .boolean(left <= right)
            case .greater: return .boolean(left > right)
            case .atLeast: return .boolean(left >= right)
            default: break
            }
        }
        guard let left = left.number, let right = right.number else { throw unfit }
        switch self {
        case .plus: return .float(left + right)
        case .minus: return .float(left - right)
        case .times: return .float(left * right)
        case .divided: return .float(left / right)
        case .power: return .float(try Self.power(left, right))
        case .less: return .boolean(left < right)
        case .atMost: return .boolean(left <= right)
        case .greater: return .boolean(left > right)
        case .atLeast: return .boolean(left >= right)
        default: throw unfit
        }
    }

    /// By squaring; an exponent is a whole number of at most 4096 here.
    private static func power(_ base: Double, _ exponent: Double) throws(ExpressionError) -> Double {
        guard let count = Int(exactly: exponent), count.magnitude <= 4096 else { throw .unfit("'**' takes whole exponents up to 4096") }
        var (result, factor, rest) = (1.0, base, count.magnitude)
        while rest > 0 {
            if rest & 1 == 1 { result *= factor }
            factor *= factor
            rest >>= 1
        }
        return count < 0 ? 1 / result : result
    }
}

extension ExpressionValue {
    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .float(let value): value
        case .null, .boolean, .string, .list: nil
        }
    }

    /// Whole and decimal numbers are compared with each other; texts by their octets.
    func equals(_ other: ExpressionValue) -> Bool {
        switch (self, other) {
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.integer, .float), (.float, .integer): number == other.number
        case (.list(let left), .list(let right)): left.count == right.count && zip(left, right).allSatisfy { $0.equals($1) }
        default: self == other
        }
    }
}

/// Texts in texts, octet by octet.
enum OctetSearch {
    static func first(_ needle: String, in text: String, last: Bool = false) -> Int? {
        let (needle, octets) = (Array(needle.utf8), Array(text.utf8))
        guard needle.count <= octets.count else { return nil }
        let places = 0...(octets.count - needle.count)
        func isThere(_ place: Int) -> Bool { octets[place..<(place + needle.count)].elementsEqual(needle) }
        return last ? places.last(where: isThere) : places.first(where: isThere)
    }

    /// The pieces between separators, at most `limit` of them; an empty separator cuts between characters.
    static func split(_ text: String, by separator: String, limit: Int) -> [String] {
        if limit == 0 { return [] }
        let (needle, octets) = (Array(separator.utf8), Array(text.utf8))
        guard !needle.isEmpty else {
            let scalars = Array(text.unicodeScalars).map { String($0) }
            guard limit > 0, scalars.count > limit else { return scalars }
            return Array(scalars[..<(limit - 1)]) + [scalars[(limit - 1)...].joined()]
        }
        var pieces: [String] = []
        var (start, at) = (0, 0)
        while at + needle.count <= octets.count, limit < 0 || pieces.count < limit - 1 {
            if octets[at..<(at + needle.count)].elementsEqual(needle) {
                pieces.append(String(decoding: octets[start..<at], as: UTF8.self))
                at += needle.count
                start = at
            } else {
                at += 1
            }
        }
        return pieces + [String(decoding: octets[start...], as: UTF8.self)]
    }
}

extension ExpressionFunction {
    func result(of values: [ExpressionValue]) throws(ExpressionError) -> ExpressionValue {
        guard arity.contains(values.count) else { throw unfit }
        switch (self, values[0]) {
        case (.int, _), (.float, _), (.string, _): return try converted(values[0])
        case (.abs, .integer(let number)): return .integer(number < 0 ? 0 &- number : number)
        case (.abs, .float(let number)): return .float(number.magnitude)
        case (.max, _), (.min, _): return try extreme(values)
        case (_, .list(let list)): return try ofList(list, values.dropFirst().first)
        case (_, .string(let text)): return try ofString(text, Array(values.dropFirst()))
        default: throw unfit
        }
    }

    private var unfit: ExpressionError { .unfit("\(rawValue): a value is of another type") }

    private func string(_ value: ExpressionValue) throws(ExpressionError) -> String {
        guard case .string(let text) = value else { throw unfit }
        return text
    }

    private func ofList(_ list: [ExpressionValue], _ argument: ExpressionValue?) throws(ExpressionError) -> ExpressionValue {
        switch self {
        case .len: return .integer(list.count)
        case .first: return list.first ?? .null
        case .last: return list.last ?? .null
        case .join:
            var texts: [String] = []
            for value in list { texts.append(try string(value)) }
            return .string(texts.joined(separator: try argument.map(string) ?? ""))
        default: throw unfit
        }
    }

    private func ofString(_ text: String, _ rest: [ExpressionValue]) throws(ExpressionError) -> ExpressionValue {
        let other = if case .string(let other)? = rest.first { other } else { "" }
        switch self {
        case .len: return .integer(text.unicodeScalars.count)
        case .lower: return .string(text.lowercased())
        case .upper: return .string(text.uppercased())
        case .hasPrefix: return .boolean(text.utf8.starts(with: other.utf8))
        case .hasSuffix: return .boolean(text.utf8.reversed().starts(with: other.utf8.reversed()))
        case .indexOf: return .integer(OctetSearch.first(other, in: text) ?? -1)
        case .lastIndexOf: return .integer(OctetSearch.first(other, in: text, last: true) ?? -1)
        case .trim: return .string(trimmed(text, of: rest.isEmpty ? " \t\r\n\u{0B}\u{0C}" : other))
        case .trimPrefix: return .string(text.utf8.starts(with: other.utf8) ? cut(text, from: other.utf8.count) : text)
        case .trimSuffix:
            let ends = text.utf8.reversed().starts(with: other.utf8.reversed())
            return .string(ends ? String(decoding: Array(text.utf8.dropLast(other.utf8.count)), as: UTF8.self) : text)
        case .split:
            let limit = if rest.count > 1, case .integer(let limit) = rest[1] { limit } else { -1 }
            return .list(OctetSearch.split(text, by: other, limit: limit).map { .string($0) })
        case .replace: return .string(try replaced(text, other, with: try string(rest[1])))
        case .repeat: return .string(try repeated(text, rest[0]))
        case .incidr:
            guard let address = IPAddress(text), let block = AddressBlock(other) else {
                throw .unfit("incidr: expected an address and a block")
            }
            return .boolean(block.contains(address))
        default: throw unfit
        }
    }

    private func cut(_ text: String, from start: Int) -> String { String(decoding: Array(text.utf8.dropFirst(start)), as: UTF8.self) }

    private func trimmed(_ text: String, of characters: String) -> String {
        let set = Set(characters.unicodeScalars)
        var rest = Array(text.unicodeScalars)[...].drop(while: set.contains)
        while let last = rest.last, set.contains(last) { rest.removeLast() }
        var result = ""
        result.unicodeScalars.append(contentsOf: rest)
        return result
    }

    private func replaced(_ text: String, _ old: String, with new: String) throws(ExpressionError) -> String {
        guard !old.isEmpty else { return text }
        let pieces = OctetSearch.split(text, by: old, limit: -1)
        try checkLength(text.utf8.count + (pieces.count - 1) * new.utf8.count)
        return pieces.joined(separator: new)
    }

    private func repeated(_ text: String, _ count: ExpressionValue) throws(ExpressionError) -> String {
        guard case .integer(let count) = count, count >= 0 else { throw unfit }
        try checkLength(Swift.min(count, ViewExpression.textLimit + 1) * Swift.max(text.utf8.count, 1))
        return String(repeating: text, count: count)
    }

    /// A text on the way is no longer than an expression's.
    private func checkLength(_ length: Int) throws(ExpressionError) {
        if length > ViewExpression.textLimit { throw .tooManySteps }
    }

    private func converted(_ value: ExpressionValue) throws(ExpressionError) -> ExpressionValue {
        switch (self, value) {
        case (.int, .integer), (.float, .float), (.string, .string): return value
        case (.int, .float(let number)):
            guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw unfit }
            return .integer(whole)
        case (.int, .string(let text)):
            guard let number = Int(text) else { throw .unfit("int: '\(text.prefix(40))' is no whole number") }
            return .integer(number)
        case (.float, .integer(let number)): return .float(Double(number))
        case (.float, .string(let text)):
            guard let number = Double(text) else { throw .unfit("float: '\(text.prefix(40))' is no number") }
            return .float(number)
        case (.string, .integer(let number)): return .string(String(number))
        case (.string, .boolean(let flag)): return .string(flag ? "true" : "false")
        case (.string, .null): return .string("<nil>")
        default: throw unfit
        }
    }

    private func extreme(_ values: [ExpressionValue]) throws(ExpressionError) -> ExpressionValue {
        var best = values[0]
        for value in values {
            guard let number = value.number, let before = best.number else { throw unfit }
            if self == .max ? number > before : number < before { best = value }
        }
        return best
    }
}
