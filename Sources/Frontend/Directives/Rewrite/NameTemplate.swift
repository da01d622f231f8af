import RegularExpressions

/// A name with places for a pattern's groups, `{1}.{2}.example.org`; `{0}` is the whole match.
///
/// Places are found once, when the template is read, so that a group's text that looks like a place stays text.
struct NameTemplate: Sendable, Equatable {
    enum Part: Sendable, Equatable {
        case text([UInt8])
        case group(Int)
    }

    let parts: [Part]

    /// Closes the text with a dot, as CoreDNS does, and makes it lower case.
    init(_ text: String) {
        var parts: [Part] = []
        var octets = Array(text.lowercased().utf8)
        if octets.last != 0x2E { octets.append(0x2E) }
        var plain: [UInt8] = []
        var at = 0
        while at < octets.count {
            guard let (group, end) = Self.place(in: octets, at: at) else {
                plain.append(octets[at])
                at += 1
                continue
            }
            if !plain.isEmpty { parts.append(.text(plain)) }
            plain.removeAll()
            parts.append(.group(group))
            at = end
        }
        if !plain.isEmpty { parts.append(.text(plain)) }
        self.parts = parts
    }

    /// The groups it names.
    var groups: [Int] {
        parts.compactMap { if case .group(let number) = $0 { number } else { nil } }
    }

    /// `{`, a number of at most three digits as Go writes it, `}`.
    private static func place(in octets: [UInt8], at start: Int) -> (group: Int, end: Int)? {
        guard octets[start] == UInt8(ascii: "{") else { return nil }
        let digits = octets[(start + 1)...].prefix { (0x30...0x39).contains($0) }
        guard (1...3).contains(digits.count), digits.count == 1 || digits.first != 0x30, digits.endIndex < octets.count,
            octets[digits.endIndex] == UInt8(ascii: "}")
        else { return nil }
        return (digits.reduce(0) { $0 * 10 + Int($1 & 0x0F) }, digits.endIndex + 1)
    }

    /// What a name's text becomes if `expression` is found in it.
    func apply(_ expression: RegularExpression, to text: Span<UInt8>) -> NameReplacement.Result {
        var captures = RegularExpression.Captures()
        // Asked first without groups: most names match no pattern, and that costs no allocation.
        guard expression.matches(text), expression.firstMatch(in: text, captures: &captures) else { return .unmatched }
        var octets: [UInt8] = []
        for part in parts {
            switch part {
            case .text(let plain): octets += plain
            case .group(let number):
                guard let range = captures[number] else { continue }
                for i in range { octets.append(text[i]) }
            }
        }
        return NameReplacement.Result(try? DNSName(octets: octets))
    }
}
