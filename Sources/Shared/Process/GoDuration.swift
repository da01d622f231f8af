public import ArgumentParser

/// A span of time in the notation of Go's `time.Duration`, which Corefiles, kube-state-metrics' and metrics-server's
/// flags, and metrics-server's answers use.
public struct GoDuration: Hashable, Sendable, CustomStringConvertible, ExpressibleByArgument {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    public init(seconds: Int64) { self.nanoseconds = seconds * 1_000_000_000 }

    public var description: String { Self.text(nanoseconds: nanoseconds) }
    public var duration: Duration { .nanoseconds(nanoseconds) }
    public var seconds: Double { Double(nanoseconds) / 1e9 }

    /// Reads `60s`, `1m30s`, `1.5h`, `250ms` and a bare `0`; nil for anything else, other numbers without a unit included.
    public init?(argument: String) {
        var rest = argument[...]
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest = rest.dropFirst() }
        if rest == "0" {
            self.init(nanoseconds: 0)
            return
        }
        var total = 0.0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            rest = rest.dropFirst(unit.count)
            let units = ["ns": 1.0, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 6e10, "h": 3.6e12]
            guard let value = Double(number), let scale = units[String(unit)] else { return nil }
            total += value * scale
        }
        // Go's own limit is 2^63 ns, about 292 years.
        guard total < 9.2e18 else { return nil }
        self.init(nanoseconds: Int64(total.rounded()) * (isNegative ? -1 : 1))
    }

    /// As Go's `Duration.String`: `15s`, `1m0s`, `15.001s`, `2ms`.
    public static func text(nanoseconds: Int64) -> String {
        if nanoseconds == 0 { return "0s" }
        let sign = nanoseconds < 0 ? "-" : ""
        let amount = nanoseconds.magnitude
        switch amount {
        case ..<1000: return "\(sign)\(amount)ns"
        case ..<1_000_000: return sign + fraction(amount, 1000) + "µs"
        case ..<1_000_000_000: return sign + fraction(amount, 1_000_000) + "ms"
        default:
            let seconds = fraction(amount % 60_000_000_000, 1_000_000_000) + "s"
            let minutes = amount / 60_000_000_000
            if minutes == 0 { return sign + seconds }
            if minutes < 60 { return "\(sign)\(minutes)m\(seconds)" }
            return "\(sign)\(minutes / 60)h\(minutes % 60)m\(seconds)"
        }
    }

    /// `amount / unit` in decimals, without trailing zeros.
    private static func fraction(_ amount: UInt64, _ unit: UInt64) -> String {
        let rest = amount % unit
        if rest == 0 { return "\(amount / unit)" }
        var digits = String(String(rest + unit).dropFirst())
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(amount / unit).\(digits)"
    }
}
