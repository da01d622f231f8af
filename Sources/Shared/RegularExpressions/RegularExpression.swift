internal import CRE2

/// A regular expression in the syntax of Go's `regexp`, which is RE2's: a search takes time in proportion to the text, whatever the
/// pattern and the text.
///
/// Patterns and texts are UTF-8, as in Go: patterns come from Corefiles and command lines, which are UTF-8, and the texts (names in
/// presentation form, metric names, log lines) are ASCII or UTF-8. Octets of a text that are not UTF-8 are no error; nothing
/// matches them but `\C`. Domain names are matched in presentation form, where such octets are `\DDD`.
///
/// A search finds the leftmost match anywhere in the text; where several begin there, the one that Perl would take. Compiled once,
/// an expression serves any number of threads at once. A search without captures allocates nothing in Swift; RE2 adds to its
/// automaton as texts need it, at most `memory` octets, and goes on without it where that is not enough.
///
/// What Go takes and this does not: the classes that Unicode has had since version 14, `\p{…}` with a class's long name
/// (`\p{Letter}`), names of groups that this RE2 does not know. What this takes and Go does not: `\C` for any one octet. An octet
/// that is not UTF-8 is a character for Go (`.` matches it) and none here.
@safe public final class RegularExpression: Sendable {
    /// The pattern as given.
    public let pattern: String
    /// How many groups there are; the whole match is not one.
    public let groupCount: Int
    /// The groups' names, at their number - 1.
    public let groupNames: [String?]

    /// Memory contract: compiled by `init`, given back by `deinit`, never null and never changed in between; RE2 locks what its
    /// searches share.
    private nonisolated(unsafe) let compiled: OpaquePointer

    /// - Parameter memory: octets that the compiled pattern and its automata may occupy, at most; RE2's own default.
    /// - Throws: with RE2's reason, also for a pattern that would need more than `memory`.
    public init(_ pattern: String, memory: Int = 8 << 20) throws(RegularExpressionError) {
        let octets = Self.withoutNewGroupSyntax(Array(pattern.utf8))
        // Safe: RE2 copies the pattern, which lives for the call; the result is never null.
        let compiled = unsafe octets.withUnsafeBufferPointer { unsafe mz_re2_compile($0.baseAddress, $0.count, Int64(memory)) }
        guard let compiled = unsafe compiled else { throw RegularExpressionError(reason: "no memory", fragment: "", offset: nil) }
        // Safe: compiled above; asked for its state before anything else.
        guard unsafe mz_re2_is_valid(compiled) else {
            // Safe: given back once, behind the last use.
            defer { unsafe mz_re2_free(compiled) }
            // Safe: it is given back only after its texts have been copied.
            throw unsafe Self.error(of: compiled, pattern: pattern)
        }
        // Safe: found valid above, and given back only below or in deinit.
        let names = unsafe Self.groupNames(of: compiled)
        // RE2 would take it, Go does not.
        if let twice = names.indices.first(where: { names[$0] != nil && names[..<$0].contains(names[$0]) }) {
            // Safe: given back once, behind the last use.
            unsafe mz_re2_free(compiled)
            throw RegularExpressionError(reason: "duplicate group name: \(names[twice] ?? "")", fragment: names[twice] ?? "", offset: nil)
        }
        // Safe: stored, not followed.
        unsafe self.compiled = unsafe compiled
        self.pattern = pattern
        groupCount = names.count
        groupNames = names
    }

    deinit {
        // Safe: the last reference is gone, so no search is under way.
        unsafe mz_re2_free(compiled)
    }

    // MARK: Searching

    /// Whether the pattern matches anywhere in `text`.
    public func matches(_ text: Span<UInt8>) -> Bool {
        unsafe text.withUnsafeBufferPointer {
            // Safe: the span lives for the call; no ranges are asked for, so none are written.
            unsafe mz_re2_match(compiled, $0.baseAddress, $0.count, nil, 0)
        }
    }

    /// Whether the pattern matches anywhere in `text`.
    public func matches(_ text: String) -> Bool { matches(text.utf8.span) }

    /// Looks for the leftmost match. `captures` is filled where there is one and else left as it is; given again it is used again,
    /// so that repeated searches do not allocate.
    public func firstMatch(in text: Span<UInt8>, captures: inout Captures) -> Bool {
        if captures.ranges.count != groupCount + 1 {
            captures.ranges = Array(repeating: mz_re2_range(start: -1, end: -1), count: groupCount + 1)
        }
        captures.names = groupNames
        return unsafe captures.ranges.withUnsafeMutableBufferPointer { ranges in
            unsafe text.withUnsafeBufferPointer {
                // Safe: both live for the call, and RE2 writes as many ranges as there are.
                unsafe mz_re2_match(compiled, $0.baseAddress, $0.count, ranges.baseAddress, Int32(truncatingIfNeeded: ranges.count))
            }
        }
    }

    /// The leftmost match; nil where there is none.
    public func firstMatch(in text: Span<UInt8>) -> Captures? {
        var captures = Captures()
        return firstMatch(in: text, captures: &captures) ? captures : nil
    }

    /// The leftmost match; nil where there is none. Ranges are octets of the text's UTF-8.
    public func firstMatch(in text: String) -> Captures? { firstMatch(in: text.utf8.span) }

    /// Where a match and its groups are, in octets of the text.
    public struct Captures: Sendable {
        var ranges: [mz_re2_range] = []
        var names: [String?] = []

        /// Of no match.
        public init() {}

        /// The whole match for 0, else the group of that number; nil for a group that took no part and for one that does not exist.
        public subscript(number: Int) -> Range<Int>? {
            guard ranges.indices.contains(number), ranges[number].start >= 0 else { return nil }
            return ranges[number].start..<ranges[number].end
        }

        /// The group of that name; nil for one that took no part and for one that does not exist.
        public subscript(name: String) -> Range<Int>? {
            names.firstIndex(of: name).flatMap { self[$0 + 1] }
        }
    }
}

extension RegularExpression: Hashable {
    /// Two expressions are alike when their patterns are.
    public static func == (a: RegularExpression, b: RegularExpression) -> Bool { a.pattern == b.pattern }
    public func hash(into hasher: inout Hasher) { hasher.combine(pattern) }
}

extension RegularExpression: CustomStringConvertible {
    public var description: String { pattern }
}

/// Why a pattern is no regular expression.
public struct RegularExpressionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// RE2's words, for example `missing ): (a`.
    public var reason: String
    /// The part of the pattern that RE2 names; may be empty.
    public var fragment: String
    /// Where `fragment` is in the pattern's UTF-8, if it is in one place only and not all of the pattern.
    public var offset: Int?

    public var description: String { offset.map { "\(reason) (at octet \($0))" } ?? reason }
}
