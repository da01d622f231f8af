extension RewriteRuleParser {
    private enum OptionName: String, CaseIterable { case local, nsid, subnet }

    /// `local ACTION CODE [DATA]`, `nsid ACTION`, `subnet ACTION [BITS BITS]`, each but `unset` with `revert` at its end.
    mutating func optionRewrite() throws(CorefileError) -> OptionRewrite {
        let name = try Self.choice(OptionName.self, try next("an option (local, nsid, subnet)"), line)
        let action = try Self.choice(
            OptionRewrite.Action.self, try next("an action (\(Self.list(OptionRewrite.Action.self)))"), line)
        let reverts = action != .unset && takeLast("revert")
        let option: OptionRewrite.Option
        switch name {
        case .nsid: option = .nsid
        case .local:
            let code = try optionCode()
            option = action == .unset ? .local(code: code, []) : try localOption(code)
        case .subnet where action == .unset: option = .subnet(v4: 0, v6: 0)
        case .subnet: option = .subnet(v4: try bits(32, "IPv4"), v6: try bits(128, "IPv6"))
        }
        return OptionRewrite(action: action, option: option, reverts: reverts)
    }

    private mutating func localOption(_ code: UInt16) throws(CorefileError) -> OptionRewrite.Option {
        let word = try next("the option's data")
        if word.text.hasPrefix("{"), word.text.hasSuffix("}") {
            guard let variable = OptionRewrite.Variable(word.text) else {
                throw fault(
                    "expected {qname}, {qtype}, {client_ip}, {client_port}, {protocol}, {server_ip}, {server_port} or metadata such as {kubernetes/client-namespace}, found '\(word.text)'",
                    word)
            }
            return .variable(code: code, variable)
        }
        guard word.text.hasPrefix("0x") else { return .local(code: code, Array(word.text.utf8)) }
        let digits = Array(word.text.utf8.dropFirst(2))
        var data: [UInt8] = []
        for start in stride(from: 0, to: digits.count, by: 2) {
            let pair = digits[start...].prefix(2)
            guard pair.count == 2, pair.first != 0x2B, let octet = UInt8(String(decoding: pair, as: UTF8.self), radix: 16) else {
                throw fault("expected an even number of hex digits behind 0x, found '\(word.text)'", word)
            }
            data.append(octet)
        }
        return .local(code: code, data)
    }

    private mutating func optionCode() throws(CorefileError) -> UInt16 {
        let word = try next("the option's code")
        guard let code = Self.number(word.text), code <= 65_535 else {
            throw fault("expected an option code up to 65535 or 0xffff, found '\(word.text)'", word)
        }
        return UInt16(code)
    }

    private mutating func bits(_ limit: Int, _ family: String) throws(CorefileError) -> UInt8 {
        let word = try next("the number of bits of an \(family) address")
        guard let bits = Self.number(word.text), bits <= limit else {
            throw fault("expected the number of bits of an \(family) address, at most \(limit), found '\(word.text)'", word)
        }
        return UInt8(bits)
    }

    /// A whole number in Go's notations: decimal, `0x`, `0o`, `0b`, and octal behind a 0.
    private static func number(_ text: String) -> Int? {
        let lower = text.lowercased()
        let (digits, radix) =
            if lower.hasPrefix("0x") { (lower.dropFirst(2), 16) } else if lower.hasPrefix("0o") {
                (lower.dropFirst(2), 8)
            } else if lower
                .hasPrefix("0b")
            { (lower.dropFirst(2), 2) } else if lower.hasPrefix("0"), lower.utf8.count > 1 { (lower.dropFirst(1), 8) } else {
                (lower[...], 10)
            }
        guard digits.first != "-", digits.first != "+" else { return nil }
        return Int(digits, radix: radix)
    }
}
