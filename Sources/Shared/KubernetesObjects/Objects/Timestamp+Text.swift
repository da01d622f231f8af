/// RFC 3339 text, as Kubernetes' JSON has it.
extension Timestamp {
    /// Go's zero time, 0001-01-01T00:00:00Z, which Kubernetes treats as absent.
    static let zero = Timestamp(seconds: -62_135_596_800)

    /// Reads `2026-07-24T04:09:49Z`, with an optional fraction and any offset; nil for anything else.
    public init?(_ text: some StringProtocol) {
        var digits = DateDigits(text.utf8)
        guard let year = digits.number(4), digits.take("-"), let month = digits.number(2), digits.take("-"),
            let day = digits.number(2), digits.take("T"), let hour = digits.number(2), digits.take(":"),
            let minute = digits.number(2), digits.take(":"), let second = digits.number(2),
            (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day),
            hour < 24, minute < 60, second < 60,
            let nanoseconds = digits.fraction(), let offset = digits.offset(), digits.isAtEnd
        else { return nil }
        let days = Self.daysSinceEpoch(year: year, month: month, day: day)
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset * 60
        self.init(seconds: Int64(seconds), nanoseconds: Int32(nanoseconds))
    }

    /// - Parameter fractionDigits: 0 as in `Time`, 6 as in `MicroTime`; finer digits are cut off.
    /// - Returns: UTC with `Z`; nil for years outside 0...9999, which RFC 3339 cannot write.
    public func text(fractionDigits: Int = 0) -> String? {
        let (day, secondOfDay) = Self.floorDivide(Int(clamping: seconds), 86_400)
        let (year, month, dayOfMonth) = Self.civil(daysSinceEpoch: day)
        guard (0...9999).contains(year) else { return nil }
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        var text = "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))T"
        text += "\(padded(secondOfDay / 3600, 2)):\(padded(secondOfDay / 60 % 60, 2)):\(padded(secondOfDay % 60, 2))"
        if fractionDigits > 0 { text += "." + padded(Int(nanoseconds), 9).prefix(fractionDigits) }
        return text + "Z"
    }

    private static func floorDivide(_ dividend: Int, _ divisor: Int) -> (quotient: Int, rest: Int) {
        // Not from `dividend - rest`, which the earliest times that a message can hold have no room for.
        let rest = dividend % divisor
        return rest < 0 ? (dividend / divisor - 1, rest + divisor) : (dividend / divisor, rest)
    }

    private static func isLeap(_ year: Int) -> Bool {
        year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    }

    private static func days(in month: Int, of year: Int) -> Int {
        month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days of the Gregorian calendar, with years that begin in March so that the leap day comes last.
    private static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
        let marchYear = month > 2 ? year : year - 1
        let (era, yearOfEra) = floorDivide(marchYear, 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func civil(daysSinceEpoch days: Int) -> (year: Int, month: Int, day: Int) {
        let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }
}

/// Reads the fixed fields of a date.
private struct DateDigits<Bytes: Sequence> where Bytes.Element == UInt8 {
    private var iterator: Bytes.Iterator
    private var current: UInt8?

    init(_ bytes: Bytes) {
        iterator = bytes.makeIterator()
        current = iterator.next()
    }

    var isAtEnd: Bool { current == nil }

    mutating func take(_ letter: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: letter) else { return false }
        current = iterator.next()
        return true
    }

    private mutating func digit() -> Int? {
        guard let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        current = iterator.next()
        return Int(byte - UInt8(ascii: "0"))
    }

    mutating func number(_ width: Int) -> Int? {
        var number = 0
        for _ in 0..<width {
            guard let digit = digit() else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    /// Nanoseconds after a point; 0 without one. Digits beyond the ninth are dropped.
    mutating func fraction() -> Int? {
        guard take(".") else { return 0 }
        guard let first = digit() else { return nil }
        var nanoseconds = first
        var width = 1
        while let digit = digit() {
            guard width < 9 else { continue }
            nanoseconds = nanoseconds * 10 + digit
            width += 1
        }
        for _ in width..<9 { nanoseconds *= 10 }
        return nanoseconds
    }

    /// Minutes east of UTC.
    mutating func offset() -> Int? {
        if take("Z") { return 0 }
        let sign: Int
        if take("+") {
            sign = 1
        } else if take("-") {
            sign = -1
        } else {
            return nil
        }
        guard let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60 else { return nil }
        return sign * (hours * 60 + minutes)
    }
}
