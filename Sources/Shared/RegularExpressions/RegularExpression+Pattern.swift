internal import CRE2

extension RegularExpression {
    /// Go has taken `(?<name>…)` for `(?P<name>…)` since 1.22; Debian's RE2 knows the longer form only. Escapes, classes and
    /// quotes stay as they are.
    static func withoutNewGroupSyntax(_ pattern: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(pattern.count)
        var at = 0
        var classStart: Int?
        while at < pattern.count {
            let rest = pattern[at...]
            if rest.starts(with: #"\Q"#.utf8), classStart == nil {
                let end = endOfQuote(pattern, from: at + 2)
                result += pattern[at..<end]
                at = end
            } else if rest.first == UInt8(ascii: "\\") {
                result += rest.prefix(2)
                at += 2
            } else if let start = classStart {
                // A `]` right behind the opening `[` or `[^` is a member of the class; a `[:name:]` inside one is skipped as such.
                if rest.starts(with: "[:".utf8), let end = endOfClassName(pattern, from: at + 2) {
                    result += pattern[at..<end]
                    at = end
                    continue
                }
                if rest.first == UInt8(ascii: "]"), at > start { classStart = nil }
                result.append(pattern[at])
                at += 1
            } else if rest.first == UInt8(ascii: "[") {
                let negates = rest.dropFirst().first == UInt8(ascii: "^")
                classStart = at + (negates ? 2 : 1)
                result += rest.prefix(negates ? 2 : 1)
                at += negates ? 2 : 1
            } else if rest.starts(with: "(?<".utf8) {
                result += Array("(?P<".utf8)
                at += 3
            } else {
                result.append(pattern[at])
                at += 1
            }
        }
        return result
    }

    private static func endOfQuote(_ pattern: [UInt8], from start: Int) -> Int {
        var at = start
        while at < pattern.count {
            if pattern[at...].starts(with: #"\E"#.utf8) { return at + 2 }
            at += 1
        }
        return pattern.count
    }

    private static func endOfClassName(_ pattern: [UInt8], from start: Int) -> Int? {
        var at = start
        while at < pattern.count, pattern[at] != UInt8(ascii: "]") {
            if pattern[at...].starts(with: ":]".utf8) { return at + 2 }
            at += 1
        }
        return nil
    }

    /// The error of an expression that is not valid.
    @unsafe static func error(of compiled: OpaquePointer, pattern: String) -> RegularExpressionError {
        // Safe: both texts live as long as the expression, which the caller holds, and are copied.
        let reason = unsafe text { unsafe mz_re2_reason(compiled, &$0) } ?? ""
        let fragment = unsafe text { unsafe mz_re2_fragment(compiled, &$0) } ?? ""
        return RegularExpressionError(reason: reason, fragment: fragment, offset: offset(of: fragment, in: pattern))
    }

    private static func offset(of fragment: String, in pattern: String) -> Int? {
        let wanted = Array(fragment.utf8)
        let octets = Array(pattern.utf8)
        guard !wanted.isEmpty, wanted.count < octets.count else { return nil }
        let places = (0...(octets.count - wanted.count)).filter { octets[$0..<($0 + wanted.count)].elementsEqual(wanted) }
        return places.count == 1 ? places[0] : nil
    }

    /// The names of a valid expression's groups, at their number - 1.
    @unsafe static func groupNames(of compiled: OpaquePointer) -> [String?] {
        // Safe: the caller holds the expression, and has found it valid.
        let count = unsafe mz_re2_group_count(compiled)
        // Safe: each name lives as long as the expression, and is copied.
        return (0..<count).map { index in unsafe text { unsafe mz_re2_group_name(compiled, index + 1, &$0) } }
    }

    /// A copy of text that C hands out with its length; nil for NULL.
    @unsafe static func text(_ read: (inout Int) -> UnsafePointer<CChar>?) -> String? {
        var length = 0
        guard let start = unsafe read(&length) else { return nil }
        // Safe: the caller's function says how many octets there are.
        let octets = unsafe UnsafeRawBufferPointer(start: start, count: length)
        return unsafe String(decoding: octets, as: UTF8.self)
    }
}
