import ProcessRuntime

/// Reads `--metric-labels-allowlist` and its sister: `pods=[app,example.com/*],nodes=[*]`, with blanks and line breaks between the parts.
enum AllowListSyntax {
    /// - Returns: the patterns of each resource, in their order; a resource named twice has the patterns of the second.
    /// - Throws: 64, naming the flag.
    static func parse(_ text: String, flag: String) throws(ProcessError) -> [String: [String]] {
        var lists: [String: [String]] = [:]
        let text = text.trimmed
        var rest = text[...]
        while !rest.isEmpty {
            guard let equals = rest.firstIndex(of: "="), let close = rest.firstIndex(of: "]"),
                rest[rest.index(after: equals)...].first == "[", equals < close
            else { throw malformed(text, flag) }
            let name = String(rest[..<equals]).trimmed
            guard !name.isEmpty, !name.contains(where: { "[],".contains($0) }) else { throw malformed(text, flag) }
            let body = rest[rest.index(equals, offsetBy: 2)..<close]
            lists[name] = try patterns(body, text, flag)
            rest = rest[rest.index(after: close)...].drop(while: \.isWhitespace)
            if rest.first == "," {
                rest.removeFirst()
                guard !rest.isEmpty else { throw malformed(text, flag) }
            } else if !rest.isEmpty {
                throw malformed(text, flag)
            }
        }
        return lists
    }

    private static func patterns(
        _ body: Substring, _ text: String, _ flag: String
    ) throws(ProcessError) -> [String] {
        if body.allSatisfy(\.isWhitespace) { return [] }
        var patterns: [String] = []
        for part in body.split(separator: ",", omittingEmptySubsequences: false) {
            let pattern = String(part).trimmed
            guard !pattern.isEmpty, !pattern.contains("["), !pattern.contains("=") else { throw malformed(text, flag) }
            guard pattern.count(where: { $0 == "*" }) <= 1 else {
                throw ProcessError(
                    code: ExitStatus.usage, message: "'\(pattern)' has more than one *; a key may have one", place: flag)
            }
            patterns.append(pattern)
        }
        return patterns
    }

    private static func malformed(_ text: String, _ flag: String) -> ProcessError {
        ProcessError(
            code: ExitStatus.usage,
            message: "cannot read '\(text)'; expected lists of keys by resource, as in pods=[app,example.com/*],nodes=[*]",
            place: flag)
    }
}
