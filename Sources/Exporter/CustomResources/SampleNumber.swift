import KubernetesObjects

/// Makes numbers of what custom resources hold, to the last digit as kube-state-metrics does.
enum SampleNumber {
    struct Fault: Error, Hashable {
        var reason: String
    }

    /// - Throws: for maps, lists, `null`, and text that is no number of any kind.
    static func value(of value: ObjectValue) throws(Fault) -> Double {
        switch value {
        case .bool(let value): return value ? 1 : 0
        case .integer(let value): return Double(value)
        case .double(let value): return value
        case .text(let text): return try number(text)
        case .null: throw Fault(reason: "a number was expected, and the value is null")
        case .list: throw Fault(reason: "a number was expected, and the value is a list")
        case .map: throw Fault(reason: "a number was expected, and the value is a map")
        }
    }

    /// In this order: the words of conditions, times (seconds since 1970, without fraction), quantities, percentages, numbers as Go
    /// reads them.
    private static func number(_ text: String) throws(Fault) -> Double {
        switch text.lowercased() {
        case "true", "yes": return 1
        case "false", "no", "unknown": return 0
        default: break
        }
        if let time = Timestamp(text) { return Double(time.seconds) }
        if let amount = QuantityText(text)?.approximation { return amount }
        if text.hasSuffix("%"), text.utf8.count > 1, text.utf8.dropLast().allSatisfy(isDigit), let number = Double(text.dropLast()) {
            return number / 100
        }
        if let number = other(text) { return number }
        // As much of it as a log line may hold: the text is whatever somebody wrote into an object.
        throw Fault(reason: "a number was expected, and the text is '\(text.prefix(64))'")
    }

    /// What Go's `ParseFloat` knows beside decimal numbers: `Inf`, `NaN`, and hexadecimal ones, which have an exponent.
    private static func other(_ text: String) -> Double? {
        let text = text.lowercased()
        switch text {
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        case "nan": return .nan
        default: break
        }
        guard text.contains("x"), text.contains("p"), let number = Double(text), number.isFinite else { return nil }
        return number
    }
}

private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

/// A quantity in parts, and the double that apimachinery's `AsApproximateFloat64` makes of it: the digits times a power of ten, each
/// rounded by itself, so that `0.3` is 0.30000000000000004.
///
/// `Quantity` of KubernetesObjects, which is exact, differs from that in the last digit.
private struct QuantityText {
    private var isNegative = false
    /// Before the point, without leading zeros; `0` for none.
    private var whole: [UInt8] = []
    /// Behind the point.
    private var fraction: [UInt8] = []
    private var unit = QuantityScale.decimal(exponent: 0)

    init?(_ text: String) {
        guard !text.isEmpty else { return nil }
        var rest = Array(text.utf8)[...]
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            isNegative = sign == UInt8(ascii: "-")
            rest.removeFirst()
        }
        rest = rest.drop { $0 == UInt8(ascii: "0") }
        whole = Array(rest.prefix(while: isDigit))
        rest = rest.dropFirst(whole.count)
        if whole.isEmpty { whole = [UInt8(ascii: "0")] }
        if rest.first == UInt8(ascii: ".") {
            fraction = Array(rest.dropFirst().prefix(while: isDigit))
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard let unit = Self.unit(rest) else { return nil }
        self.unit = unit
    }

    private static func unit(_ suffix: ArraySlice<UInt8>) -> QuantityScale? {
        guard let letter = suffix.first else { return .decimal(exponent: 0) }
        if suffix.count == 1 { return QuantityScale(letter: letter) }
        if suffix.count == 2, suffix.last == UInt8(ascii: "i") { return QuantityScale(binaryLetter: letter) }
        guard letter == UInt8(ascii: "e") || letter == UInt8(ascii: "E"),
            let exponent = Int64(String(decoding: suffix.dropFirst(), as: UTF8.self))
        else { return nil }
        // Beyond this every amount is 0 or infinite.
        return .decimal(exponent: Int(max(-5000, min(5000, exponent))))
    }

    var approximation: Double? {
        let magnitude: Double
        switch unit {
        case .decimal(let exponent): magnitude = decimal(exponent)
        case .binary(let bits): magnitude = binary(bits)
        }
        return isNegative ? -magnitude : magnitude
    }

    private func decimal(_ exponent: Int) -> Double {
        let scale = exponent - fraction.count
        let digits = whole + fraction
        if digits.count <= 18, scale >= -9 { return Self.scaled(Self.double(digits, exponent: 0), scale) }
        return Self.billionths(digits, scale)
    }

    private func binary(_ bits: Int) -> Double {
        // As many digits as surely fit 64 bits together with the unit.
        if fraction.isEmpty, whole.count + Int(Float(bits) * 3 / 10) + 1 <= 15, let number = Int64(Self.text(whole)) {
            let (product, overflows) = number.multipliedReportingOverflow(by: 1 << Int64(bits))
            if !overflows { return Double(product) }
        }
        var digits = whole + fraction
        for _ in 0..<(bits / 10) { digits = Self.times1024(digits) }
        let amount = Self.billionths(digits, -fraction.count)
        return amount > 0x1p63 ? 0x1p63 : amount
    }

    /// What is finer than a billionth is rounded away from zero; the result is that many billionths times 1e-9.
    private static func billionths(_ digits: [UInt8], _ scale: Int) -> Double {
        guard digits.contains(where: { $0 != UInt8(ascii: "0") }) else { return 0 }
        let shift = scale + 9
        guard shift < 0 else { return scaled(double(digits, exponent: shift), -9) }
        var kept = Array(digits.dropLast(-shift))
        if digits.suffix(-shift).contains(where: { $0 != UInt8(ascii: "0") }) { increment(&kept) }
        return scaled(double(kept, exponent: 0), -9)
    }

    private static func increment(_ digits: inout [UInt8]) {
        for index in digits.indices.reversed() {
            guard digits[index] == UInt8(ascii: "9") else {
                digits[index] += 1
                return
            }
            digits[index] = UInt8(ascii: "0")
        }
        digits.insert(UInt8(ascii: "1"), at: 0)
    }

    private static func times1024(_ digits: [UInt8]) -> [UInt8] {
        var product: [UInt8] = []
        var carry = 0
        for digit in digits.reversed() {
            let number = Int(digit - UInt8(ascii: "0")) * 1024 + carry
            product.append(UInt8(ascii: "0") + UInt8(number % 10))
            carry = number / 10
        }
        while carry > 0 {
            product.append(UInt8(ascii: "0") + UInt8(carry % 10))
            carry /= 10
        }
        return product.reversed()
    }

    private static func text(_ digits: [UInt8]) -> String { String(decoding: digits, as: UTF8.self) }

    private static func double(_ digits: [UInt8], exponent: Int) -> Double {
        // Digits and an exponent are always a number; one that is too large is infinite.
        Double("\(text(digits.isEmpty ? [UInt8(ascii: "0")] : digits))e\(exponent)") ?? .infinity
    }

    private static func scaled(_ base: Double, _ exponent: Int) -> Double {
        guard exponent != 0 else { return base }
        // 1e-9 is the nearest double to a billionth, as in Go's table of powers.
        return base * (Double("1e\(exponent)") ?? .infinity)
    }
}
