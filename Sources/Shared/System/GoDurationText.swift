/// Spans of time in the notation of Go's `time.Duration` (`1m30s`, `1.5h`, `250ms`, a bare `0`), which Corefiles, the flags of Kubernetes'
/// software and `metav1.Duration` in JSON use.
public enum GoDurationText {
    /// Nanoseconds; nil for what Go's `time.ParseDuration` refuses, numbers without a unit and more than 64 bits included.
    public static func parse(_ text: some StringProtocol) -> Int64? {
        var rest = Array(text.utf8)[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        if rest.elementsEqual("0".utf8) { return 0 }
        guard !rest.isEmpty else { return nil }
        var total: UInt64 = 0
        while !rest.isEmpty {
            guard let part = term(&rest) else { return nil }
            let (sum, overflows) = total.addingReportingOverflow(part)
            // The one number that is 64 bits only with a sign.
            guard !overflows, sum <= Int64.min.magnitude else { return nil }
            total = sum
        }
        if isNegative { return total == Int64.min.magnitude ? .min : -Int64(total) }
        return Int64(exactly: total)
    }

    /// As Go's `Duration.String`: `15s`, `1m0s`, `15.001s`, `2ms`.
    public static func format(_ nanoseconds: Int64) -> String {
        let amount = nanoseconds.magnitude
        let sign = nanoseconds < 0 ? "-" : ""
        switch amount {
        case 0: return "0s"
        case ..<1000: return "\(sign)\(amount)ns"
        case ..<1_000_000: return sign + decimal(amount, 1000) + "µs"
        case ..<1_000_000_000: return sign + decimal(amount, 1_000_000) + "ms"
        default:
            let minutes = amount / 60_000_000_000
            let seconds = decimal(amount % 60_000_000_000, 1_000_000_000) + "s"
            if minutes == 0 { return sign + seconds }
            return minutes < 60 ? "\(sign)\(minutes)m\(seconds)" : "\(sign)\(minutes / 60)h\(minutes % 60)m\(seconds)"
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func unit(_ name: ArraySlice<UInt8>) -> UInt64? {
        switch String(decoding: name, as: UTF8.self) {
        case "ns": 1
        case "us", "µs", "μs": 1000
        case "ms": 1_000_000
        case "s": 1_000_000_000
        case "m": 60_000_000_000
        case "h": 3_600_000_000_000
        default: nil
        }
    }

    /// Reads one number with its unit from the front.
    private static func term(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        let whole = rest.prefix(while: isDigit)
        rest = rest.dropFirst(whole.count)
        var fraction = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix(while: isDigit)
            rest = rest.dropFirst(fraction.count + 1)
        }
        let name = rest.prefix { !isDigit($0) && $0 != UInt8(ascii: ".") }
        rest = rest.dropFirst(name.count)
        guard !(whole.isEmpty && fraction.isEmpty), let unit = unit(name) else { return nil }
        var value: UInt64 = 0
        for digit in whole {
            let (tenfold, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowsToo) = tenfold.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
            guard !overflows, !overflowsToo else { return nil }
            value = sum
        }
        let (nanoseconds, overflows) = value.multipliedReportingOverflow(by: unit)
        guard !overflows else { return nil }
        let (sum, sumOverflows) = nanoseconds.addingReportingOverflow(Self.fraction(of: unit, fraction))
        return sumOverflows ? nil : sum
    }

    /// `0.DIGITS` units in whole nanoseconds; what is below one is cut off, as Go does.
    private static func fraction(of unit: UInt64, _ digits: ArraySlice<UInt8>) -> UInt64 {
        var sum: UInt128 = 0
        var scale: UInt128 = 1
        // A unit has 13 digits at most, so what comes later is below a nanosecond.
        for digit in digits.prefix(18) {
            sum = sum * 10 + UInt128(digit - UInt8(ascii: "0"))
            scale *= 10
        }
        return UInt64(sum * UInt128(unit) / scale)
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
