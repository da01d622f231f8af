/// Go's notation of durations (`1m30s`), which `metav1.Duration` uses in JSON.
enum DurationText {
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1000), ("µs", 1000), ("ms", 1_000_000), ("s", 1_000_000_000),
        ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]

    /// Nanoseconds; nil for anything that Go would not read, and beyond 64 bits.
    static func parse(_ text: String) -> Int64? {
        var rest = Substring(text)
        let isNegative = rest.first == "-"
        if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count)
            let name = rest.prefix { !($0.isASCII && $0.isNumber) && $0 != "." }
            rest = rest.dropFirst(name.count)
            guard let unit = units.first(where: { $0.name == name }),
                let amount = Quantity(number), number.contains(where: \.isNumber),
                let nanoseconds = Int64(exactly: amount.nanos * Int128(unit.nanoseconds) / 1_000_000_000)
            else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(nanoseconds)
            if overflow { return nil }
            total = sum
        }
        return isNegative ? -total : total
    }

    static func format(_ nanoseconds: Int64) -> String {
        let magnitude = nanoseconds.magnitude
        let sign = nanoseconds < 0 ? "-" : ""
        switch magnitude {
        case 0: return "0s"
        case ..<1000: return "\(sign)\(magnitude)ns"
        case ..<1_000_000: return sign + decimal(magnitude, 1000) + "µs"
        case ..<1_000_000_000: return sign + decimal(magnitude, 1_000_000) + "ms"
        default:
            let minutes = magnitude / 60_000_000_000
            let seconds = decimal(magnitude % 60_000_000_000, 1_000_000_000) + "s"
            if minutes == 0 { return sign + seconds }
            return minutes < 60 ? "\(sign)\(minutes)m\(seconds)" : "\(sign)\(minutes / 60)h\(minutes % 60)m\(seconds)"
        }
    }

    /// `amount / unit` as a decimal number without trailing zeros; `unit` is a power of ten.
    private static func decimal(_ amount: UInt64, _ unit: UInt64) -> String {
        let rest = amount % unit
        if rest == 0 { return String(amount / unit) }
        // A 1 in front keeps the leading zeros of the fraction.
        var fraction = String(unit + rest).dropFirst()
        while fraction.last == "0" { fraction.removeLast() }
        return "\(amount / unit).\(fraction)"
    }
}
