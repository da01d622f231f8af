extension [UInt8] {
    /// A sample's value in the notation that Prometheus' Go client writes: the fewest digits that read back as the same
    /// number, with an exponent of at least two digits below 0.0001 and from a million on (`1e+06`, `1.795404158e+09`).
    mutating func append(number value: Double) {
        if value.isNaN { return append(contentsOf: "NaN".utf8) }
        if value.isInfinite { return append(contentsOf: (value < 0 ? "-Inf" : "+Inf").utf8) }
        // Nearly all samples are whole numbers. Below 2^53 no shorter digits than their own read back as the same number.
        if value < Self.wholeUpTo, let whole = UInt64(exactly: value) { return append(whole: whole) }
        if value < 0 { append(UInt8(ascii: "-")) }
        append(Digits(value.magnitude))
    }

    private static var wholeUpTo: Double { 9_007_199_254_740_992 }

    private mutating func append(whole value: UInt64) {
        var digits = 1
        var highest: UInt64 = 1
        while value / highest >= 10 {
            highest *= 10
            digits += 1
        }
        var rest = value
        let isExponential = digits > Self.exponentFrom
        let start = count
        while highest > 0, rest > 0 || !isExponential || count == start {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / highest))
            rest %= highest
            highest /= 10
        }
        guard isExponential else { return }
        if count > start + 1 { insert(UInt8(ascii: "."), at: start + 1) }
        append(exponent: digits - 1)
    }

    private mutating func append(exponent: Int) {
        append(UInt8(ascii: "e"))
        append(exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        if exponent.magnitude < 10 { append(UInt8(ascii: "0")) }
        append(contentsOf: String(exponent.magnitude).utf8)
    }

    /// From this power of ten on numbers are written with an exponent.
    static var exponentFrom: Int { 6 }

    private mutating func append(_ number: Digits) {
        let digits = number.digits
        let exponent = number.point - 1
        if exponent < -4 || exponent >= Self.exponentFrom {
            append(digits[0])
            if digits.count > 1 {
                append(UInt8(ascii: "."))
                append(contentsOf: digits[1...])
            }
            append(exponent: exponent)
        } else if number.point <= 0 {
            append(contentsOf: "0.".utf8)
            append(contentsOf: repeatElement(UInt8(ascii: "0"), count: -number.point))
            append(contentsOf: digits)
        } else if number.point >= digits.count {
            append(contentsOf: digits)
            append(contentsOf: repeatElement(UInt8(ascii: "0"), count: number.point - digits.count))
        } else {
            append(contentsOf: digits[..<number.point])
            append(UInt8(ascii: "."))
            append(contentsOf: digits[number.point...])
        }
    }
}

/// The shortest decimal digits of a positive finite number, and where its point stands.
private struct Digits {
    /// ASCII digits without leading or trailing zeros.
    var digits: [UInt8] = []
    /// How many of the digits stand before the point; negative for zeros after it.
    var point = 0

    init(_ value: Double) {
        // The standard library prints the shortest digits that read back as the same number; only its layout differs.
        var exponent = 0
        var seenPoint = false
        var text = value.description.utf8[...]
        if let mark = text.firstIndex(of: UInt8(ascii: "e")) {
            exponent = Int(String(Substring(text[text.index(after: mark)...]))) ?? 0
            text = text[..<mark]
        }
        for byte in text {
            if byte == UInt8(ascii: ".") {
                seenPoint = true
                continue
            }
            if digits.isEmpty, byte == UInt8(ascii: "0") {
                if seenPoint { point -= 1 }
                continue
            }
            digits.append(byte)
            if !seenPoint { point += 1 }
        }
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        point += exponent
    }
}
