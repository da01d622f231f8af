import RegularExpressions

/// What `rewrite cname` does to CNAMEs' targets: their texts are compared as written in the Corefile, with no dot added, so a
/// prefix or substring may end inside a label, and a suffix needs its final dot.
struct CanonicalNameRewrite: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        /// Labels in wire form, lower case, with the root's octet.
        case exact([UInt8])
        case prefix([UInt8])
        case suffix([UInt8])
        case substring([UInt8])
        case regex(RegularExpression, NameTemplate)
    }

    var kind: Kind
    /// Lower case; nothing for a pattern, which has a template.
    var replacement: [UInt8]

    /// The new target; nil when the rule is not for `target`, does not change it, or would make something that is no name.
    func replacement(for target: DNSName) -> DNSName? {
        var name = target
        _ = name.lowercase()
        guard let new = replaced(name), new != name else { return nil }
        return new
    }

    private func replaced(_ name: DNSName) -> DNSName? {
        let text = NameText(name)
        let octets = text.octets
        switch kind {
        case .exact(let wire):
            guard name.length == wire.count, name.hasLabels(wire.span, fromLabel: 0) else { return nil }
            return try? DNSName(octets: replacement)
        case .prefix(let prefix):
            let copy = octets.indices.map { octets[$0] }
            guard copy.starts(with: prefix) else { return nil }
            return try? DNSName(octets: replacement + copy.dropFirst(prefix.count))
        case .suffix(let suffix):
            let copy = octets.indices.map { octets[$0] }
            guard copy.reversed().starts(with: suffix.reversed()) else { return nil }
            return try? DNSName(octets: copy.dropLast(suffix.count) + replacement)
        case .substring(let part):
            let copy = octets.indices.map { octets[$0] }
            let new = Self.replacing(part, in: copy, by: replacement)
            return new == copy ? nil : try? DNSName(octets: new)
        case .regex(let expression, let template):
            guard case .replaced(var new) = template.apply(expression, to: octets) else { return nil }
            _ = new.lowercase()
            return new
        }
    }

    private static func replacing(_ part: [UInt8], in text: [UInt8], by other: [UInt8]) -> [UInt8] {
        guard !part.isEmpty else { return text }
        var result: [UInt8] = []
        var at = 0
        while at < text.count {
            if text[at...].starts(with: part) {
                result += other
                at += part.count
            } else {
                result.append(text[at])
                at += 1
            }
        }
        return result
    }
}
