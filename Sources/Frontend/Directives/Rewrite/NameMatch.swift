import RegularExpressions

/// Which questions a rule is for, by the question's name.
///
/// As in CoreDNS the texts of all kinds but patterns are closed with a dot, so a prefix is whole labels and a substring ends at a
/// label's border. Letter case does not count but for patterns, which see names in lower case.
enum NameMatch: Sendable, Equatable {
    /// Labels in wire form, lower case, with the root's octet.
    case exact([UInt8])
    /// Labels in wire form, lower case, without the root's octet.
    case prefix([UInt8])
    case suffix(NameTail)
    case substring(NameTail)
    case regex(RegularExpression)

    /// - Parameter name: in lower case.
    func matches(_ name: DNSName) -> Bool {
        switch self {
        case .exact(let wire): name.length == wire.count && name.hasLabels(wire.span, fromLabel: 0)
        case .prefix(let labels): Self.begins(name, with: labels)
        case .suffix(let tail): tail.ends(name)
        case .substring(let tail): tail.occurs(in: name)
        case .regex(let expression): expression.matches(NameText(name).octets)
        }
    }

    /// Whole labels only; the prefix `.` is the root alone, as its text is.
    static func begins(_ name: DNSName, with labels: [UInt8]) -> Bool {
        labels.isEmpty ? name.labelCount == 0 : name.hasLabels(labels.span, fromLabel: 0)
    }
}

/// How a name becomes another: a name that `replaced` does not change is not meant.
enum NameReplacement: Sendable, Equatable {
    /// Labels in wire form, lower case, with the root's octet.
    case exact(from: [UInt8], to: [UInt8])
    /// Labels in wire form, lower case, without the root's octet.
    case prefix(from: [UInt8], to: [UInt8])
    case suffix(from: NameTail, to: NameTail)
    case substring(from: NameTail, to: NameTail)
    /// The template replaces the whole name, not just what matched.
    case regex(RegularExpression, NameTemplate)

    enum Result {
        case unmatched
        case replaced(DNSName)
        /// What came out is no domain name: a label is empty or too long, or the name is.
        case invalid
    }

    func apply(to name: DNSName) -> Result {
        switch self {
        case .exact(let from, let to):
            guard name.length == from.count, name.hasLabels(from.span, fromLabel: 0) else { return .unmatched }
            return Result(Self.name(to.dropLast()))
        case .prefix(let from, let to):
            guard NameMatch.begins(name, with: from) else { return .unmatched }
            return Result(Self.replacingPrefix(of: name, octets: from.count, by: to))
        case .suffix(let from, let to):
            return from.ends(name) ? Result(from.replacingEnd(of: name, by: to)) : .unmatched
        case .substring(let from, let to):
            return from.occurs(in: name) ? Result(from.replacingAll(in: name, by: to)) : .unmatched
        case .regex(let expression, let template):
            return template.apply(expression, to: NameText(name).octets)
        }
    }

    private static func name(_ labels: some Collection<UInt8>) -> DNSName? {
        var name = DNSName()
        return name.append(wireLabels: Array(labels).span) ? name : nil
    }

    private static func replacingPrefix(of name: DNSName, octets: Int, by labels: [UInt8]) -> DNSName? {
        guard var result = self.name(labels) else { return nil }
        // Where the kept labels begin: behind as many octets as the prefix has.
        let first = (0...name.labelCount).first { name.offset(ofLabel: $0) == octets } ?? name.labelCount
        // A prefix that becomes nothing would leave a name that begins with a dot.
        guard !labels.isEmpty || first == name.labelCount else { return nil }
        return result.append(name, fromLabel: first) ? result : nil
    }
}

extension NameReplacement.Result {
    init(_ name: DNSName?) { self = name.map { .replaced($0) } ?? .invalid }
}
