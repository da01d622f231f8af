extension Duration {
    private static let units: [(name: String, nanoseconds: Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("h", 3600e9), ("m", 60e9), ("s", 1e9),
    ]

    /// A time as Go writes it: numbers with units `h m s ms us ns`, largest first by habit, or a bare `0`; nil for
    /// anything else.
    init?(goNotation text: String) {
        var rest = text[...]
        var sign = 1.0
        if let first = rest.first, first == "-" || first == "+" {
            sign = first == "-" ? -1 : 1
            rest.removeFirst()
        }
        if rest == "0" {
            self = .zero
            return
        }
        guard !rest.isEmpty else { return nil }
        var nanoseconds = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix(while: { ($0.isASCII && $0.isNumber) || $0 == "." })
            guard !digits.isEmpty, digits != ".",
                let number = Double(digits.hasPrefix(".") ? "0" + digits : digits + (digits.hasSuffix(".") ? "0" : ""))
            else { return nil }
            rest = rest[digits.endIndex...]
            guard let unit = Self.units.first(where: { rest.hasPrefix($0.name) }) else { return nil }
            rest = rest.dropFirst(unit.name.count)
            nanoseconds += number * unit.nanoseconds
        }
        // Go's own limit is 2^63 ns, about 292 years.
        guard nanoseconds < 9.2e18 else { return nil }
        self = .nanoseconds(Int64(sign * nanoseconds))
    }

    /// The shortest of Go's notations with whole numbers, for messages: `1h`, `1m30s`, `500ms`.
    var goNotation: String {
        let (seconds, attoseconds) = components
        guard attoseconds == 0 else {
            let nanoseconds = attoseconds / 1_000_000_000
            if nanoseconds % 1_000_000 == 0 { return "\(seconds * 1000 + nanoseconds / 1_000_000)ms" }
            return "\(seconds * 1_000_000_000 + nanoseconds)ns"
        }
        var text = ""
        if seconds >= 3600 { text += "\(seconds / 3600)h" }
        if seconds % 3600 >= 60 { text += "\(seconds % 3600 / 60)m" }
        if seconds % 60 > 0 || text.isEmpty { text += "\(seconds % 60)s" }
        return text
    }
}
