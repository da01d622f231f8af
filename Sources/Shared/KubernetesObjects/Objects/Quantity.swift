/// An amount as Kubernetes writes them (`100m`, `1.5Gi`, `2e3`), exact to a billionth.
///
/// Finer amounts are rounded away from zero and amounts beyond ±(2⁶³ − 1) become that bound,
/// as in apimachinery's `resource.Quantity`.
public struct Quantity: Hashable, Sendable, Comparable {
    /// The amount in billionths.
    public let nanos: Int128

    private static let nanosPerUnit: Int128 = 1_000_000_000
    private static let largest: Int128 = Int128(Int64.max) * nanosPerUnit

    public static let zero = Quantity(nanos: 0)

    public init(nanos: Int128) {
        self.nanos = min(max(nanos, -Self.largest), Self.largest)
    }

    /// Reads Kubernetes' notation; nil for anything else.
    public init?(_ text: some StringProtocol) { self.init(utf8: text.utf8) }

    /// Reads the notation from memory.
    init?(utf8 text: UnsafeRawBufferPointer) {
        if let nanos = unsafe Self.usualNanos(text) {
            self.init(nanos: nanos)
        } else {
            var parser = unsafe QuantityParser(text)
            guard let amount = unsafe parser.parse() else { return nil }
            self.init(nanos: amount)
        }
    }

    /// Of a few digits with one of the usual suffixes, as nearly all are: without the 128-bit divisions of any others. nil for those.
    private static func usualNanos(_ text: UnsafeRawBufferPointer) -> Int128? {
        // Nine digits of gibibytes are below the largest amount.
        var (digits, number) = (0, 0)
        while digits < text.count, digits < 10, unsafe (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[digits]) {
            number = unsafe number * 10 + Int(text[digits] - UInt8(ascii: "0"))
            digits += 1
        }
        guard digits > 0, digits < 10 else { return nil }
        let scale: Int128
        switch text.count - digits {
        case 0: scale = nanosPerUnit
        case 1 where unsafe text[digits] == UInt8(ascii: "m"): scale = nanosPerUnit / 1000
        case 2 where unsafe text[digits + 1] == UInt8(ascii: "i"):
            switch unsafe text[digits] {
            case UInt8(ascii: "K"): scale = nanosPerUnit << 10
            case UInt8(ascii: "M"): scale = nanosPerUnit << 20
            case UInt8(ascii: "G"): scale = nanosPerUnit << 30
            default: return nil
            }
        default: return nil
        }
        return Int128(number) * scale
    }

    init?(utf8 text: some Sequence<UInt8>) {
        var parser = QuantityParser(text)
        guard let amount = parser.parse() else { return nil }
        self.init(nanos: amount)
    }

    public static func < (left: Quantity, right: Quantity) -> Bool { left.nanos < right.nanos }

    /// Whole units, rounded away from zero (`Quantity.Value` in Go).
    public var value: Int64 { rounded(to: Self.nanosPerUnit) }

    /// Thousandths, rounded away from zero and held within Int64 (`Quantity.MilliValue` in Go).
    public var milliValue: Int64 { rounded(to: Self.nanosPerUnit / 1000) }

    /// The amount as the nearest floating point number.
    public var doubleValue: Double {
        let (whole, rest) = nanos.quotientAndRemainder(dividingBy: Self.nanosPerUnit)
        return rest == 0 ? Double(whole) : Double(nanos) / Double(Self.nanosPerUnit)
    }

    private func rounded(to unit: Int128) -> Int64 {
        if let few = Int64(exactly: nanos) {
            let (quotient, rest) = few.quotientAndRemainder(dividingBy: Int64(truncatingIfNeeded: unit))
            return quotient + rest.signum()
        }
        let (quotient, rest) = nanos.quotientAndRemainder(dividingBy: unit)
        return Int64(clamping: quotient + rest.signum())
    }
}

/// What a quantity's suffix multiplies its number with.
package enum QuantityScale: Hashable, Sendable {
    /// 10 to that.
    case decimal(exponent: Int)
    /// 2 to that.
    case binary(bits: Int)

    /// - Parameter letter: a suffix of one letter, as in `100m`.
    package init?(letter: UInt8) {
        switch letter {
        case UInt8(ascii: "n"): self = .decimal(exponent: -9)
        case UInt8(ascii: "u"): self = .decimal(exponent: -6)
        case UInt8(ascii: "m"): self = .decimal(exponent: -3)
        case UInt8(ascii: "k"): self = .decimal(exponent: 3)
        case UInt8(ascii: "M"): self = .decimal(exponent: 6)
        case UInt8(ascii: "G"): self = .decimal(exponent: 9)
        case UInt8(ascii: "T"): self = .decimal(exponent: 12)
        case UInt8(ascii: "P"): self = .decimal(exponent: 15)
        case UInt8(ascii: "E"): self = .decimal(exponent: 18)
        default: return nil
        }
    }

    /// - Parameter binaryLetter: what stands before the `i` of a suffix such as `Gi`.
    package init?(binaryLetter: UInt8) {
        switch binaryLetter {
        case UInt8(ascii: "K"): self = .binary(bits: 10)
        case UInt8(ascii: "M"): self = .binary(bits: 20)
        case UInt8(ascii: "G"): self = .binary(bits: 30)
        case UInt8(ascii: "T"): self = .binary(bits: 40)
        case UInt8(ascii: "P"): self = .binary(bits: 50)
        case UInt8(ascii: "E"): self = .binary(bits: 60)
        default: return nil
        }
    }
}

/// Reads one quantity: sign, digits with an optional point, and a suffix.
private struct QuantityParser<Bytes: Sequence> where Bytes.Element == UInt8 {
    private var iterator: Bytes.Iterator
    private var current: UInt8?

    /// Significant digits kept: more than the whole range has in billionths (28), and less than overflows 128 bits.
    private static var digitLimit: Int { 36 }
    /// 10 to this is more than any amount in range.
    private static var scaleLimit: Int { 36 }

    private var isNegative = false
    private var mantissa: UInt128 = 0
    private var digits = 0
    private var fractionDigits = 0
    /// Whether a digit other than 0 was dropped: the amount is a little more than the mantissa says.
    private var isInexact = false
    private var isOutOfRange = false

    init(_ bytes: Bytes) {
        iterator = bytes.makeIterator()
        current = iterator.next()
    }

    mutating func parse() -> Int128? {
        if current == UInt8(ascii: "-") {
            isNegative = true
            advance()
        } else if current == UInt8(ascii: "+") {
            advance()
        }
        guard readNumber(), let scale = readSuffix() else { return nil }
        let magnitude = self.magnitude(scale)
        return isNegative ? -magnitude : magnitude
    }

    private mutating func advance() { current = iterator.next() }

    private mutating func readNumber() -> Bool {
        var seen = false
        var inFraction = false
        while let byte = current {
            if byte == UInt8(ascii: "."), !inFraction {
                inFraction = true
            } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
                seen = true
                take(byte - UInt8(ascii: "0"), inFraction: inFraction)
            } else {
                break
            }
            advance()
        }
        return seen
    }

    private mutating func take(_ digit: UInt8, inFraction: Bool) {
        if digits < Self.digitLimit {
            mantissa = mantissa * 10 + UInt128(digit)
            if mantissa > 0 { digits += 1 }
            if inFraction {
                // Zeros right of the point count as places, not as digits; so many that nothing else matters end here.
                fractionDigits += 1
                if fractionDigits > 2 * Self.scaleLimit { fractionDigits -= 1 }
            }
        } else if inFraction {
            isInexact = isInexact || digit != 0
        } else {
            isOutOfRange = true
        }
    }

    private mutating func readSuffix() -> QuantityScale? {
        guard let first = current else { return .decimal(exponent: 0) }
        advance()
        if first == UInt8(ascii: "e") || first == UInt8(ascii: "E"), current != nil, current != UInt8(ascii: "i") {
            return readExponent().map { .decimal(exponent: $0) }
        }
        if current == nil { return QuantityScale(letter: first) }
        guard current == UInt8(ascii: "i"), iterator.next() == nil else { return nil }
        return QuantityScale(binaryLetter: first)
    }

    private mutating func readExponent() -> Int? {
        var isNegative = false
        if current == UInt8(ascii: "-") {
            isNegative = true
            advance()
        } else if current == UInt8(ascii: "+") {
            advance()
        }
        guard current != nil else { return nil }
        var exponent = 0
        while let byte = current {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            exponent = min(exponent * 10 + Int(byte - UInt8(ascii: "0")), 1000)
            advance()
        }
        return isNegative ? -exponent : exponent
    }

    /// The amount in billionths, without its sign.
    private func magnitude(_ scale: QuantityScale) -> Int128 {
        let largest = Int128(Int64.max) * 1_000_000_000
        if isOutOfRange { return largest }
        guard mantissa > 0 else { return isInexact ? 1 : 0 }
        var factor: UInt128
        var exponent = 9 - fractionDigits
        switch scale {
        case .binary(let bits): factor = UInt128(1) << UInt128(bits)
        case .decimal(let decimal):
            factor = 1
            exponent += decimal
        }
        if exponent > Self.scaleLimit { return largest }
        if exponent < -2 * Self.scaleLimit { return 1 }
        var divisor: UInt128 = 1
        var rest = mantissa
        var dropped = isInexact
        if exponent >= 0 {
            let (power, overflow) = Self.power(exponent).multipliedReportingOverflow(by: factor)
            if overflow { return largest }
            factor = power
        } else if exponent >= -Self.scaleLimit {
            divisor = Self.power(-exponent)
        } else {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: Self.power(-exponent - Self.scaleLimit))
            rest = quotient
            dropped = dropped || remainder > 0
            divisor = Self.power(Self.scaleLimit)
        }
        let product = rest.multipliedFullWidth(by: factor)
        guard product.high < divisor else { return largest }
        let (quotient, remainder) = divisor.dividingFullWidth(product)
        guard quotient < UInt128(largest) else { return largest }
        return Int128(quotient) + (remainder > 0 || dropped ? 1 : 0)
    }

    private static func power(_ exponent: Int) -> UInt128 {
        (0..<exponent).reduce(UInt128(1)) { power, _ in power * 10 }
    }
}
