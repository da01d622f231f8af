import Glibc

/// Walks over one line of Prometheus text: name, labels, value, time. Every call takes the same line.
struct SampleScanner {
    private var position = 0

    /// Passes over the name if it is this one, at the beginning of the line and with labels right behind it.
    mutating func skip(_ name: borrowing Span<UInt8>, beforeLabelsIn text: borrowing Span<UInt8>) -> Bool {
        guard !name.isEmpty, text.count > name.count, text[name.count] == UInt8(ascii: "{") else { return false }
        guard text.extracting(0..<name.count).equals(name) else { return false }
        position = name.count
        return true
    }

    /// Passes over the labels if they are these, which have been read as labels before: those bytes close them where they closed then.
    mutating func skip(labels: borrowing Span<UInt8>, in text: borrowing Span<UInt8>) -> Bool {
        let end = position + 1 + labels.count
        guard end < text.count, text[position] == UInt8(ascii: "{"), text[end] == UInt8(ascii: "}") else { return false }
        guard text.extracting(position + 1..<end).equals(labels) else { return false }
        position = end + 1
        return true
    }

    /// The metric's name; nil for comments and empty lines.
    mutating func name(in text: borrowing Span<UInt8>) -> Range<Int>? {
        skipBlanks(in: text)
        guard position < text.count, text[position] != UInt8(ascii: "#") else { return nil }
        let start = position
        while position < text.count, text[position] != UInt8(ascii: "{"), !Self.isBlank(text[position]) {
            position += 1
        }
        return start..<position
    }

    /// What stands between the braces, empty if there are none; nil if they do not close.
    mutating func labels(in text: borrowing Span<UInt8>) -> Range<Int>? {
        skipBlanks(in: text)
        guard position < text.count, text[position] == UInt8(ascii: "{") else { return position..<position }
        position += 1
        let start = position
        var quoted = false
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: "\\") where quoted: position += 1
            case UInt8(ascii: "\""): quoted.toggle()
            case UInt8(ascii: "}") where !quoted:
                position += 1
                return start..<(position - 1)
            default: break
            }
            position += 1
        }
        return nil
    }

    /// Nil unless the next word is a number.
    mutating func value(in text: borrowing Span<UInt8>) -> Double? {
        skipBlanks(in: text)
        if let plain = plainNumber(in: text) { return plain }
        guard let range = word(in: text) else { return nil }
        return Self.number(text.extracting(range))
    }

    /// The time in milliseconds, if one is given; nil if something else follows.
    mutating func time(in text: borrowing Span<UInt8>) -> SampleTime? {
        skipBlanks(in: text)
        // Usually it is all that is left of the line.
        if position < text.count, let number = Self.integer(text.extracting(position..<text.count)) { return .milliseconds(number) }
        guard let range = word(in: text) else { return .notGiven }
        guard let number = Self.integer(text.extracting(range)), word(in: text) == nil else { return nil }
        return .milliseconds(number)
    }

    /// Nil at the end of the line, and where an exemplar begins (OpenMetrics): nobody asks for those, and they end the line.
    private mutating func word(in text: borrowing Span<UInt8>) -> Range<Int>? {
        skipBlanks(in: text)
        guard position < text.count, text[position] != UInt8(ascii: "#") else { return nil }
        let start = position
        while position < text.count, !Self.isBlank(text[position]) { position += 1 }
        return start == position ? nil : start..<position
    }

    private mutating func skipBlanks(in text: borrowing Span<UInt8>) {
        while position < text.count, Self.isBlank(text[position]) { position += 1 }
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    /// The next `name="value"` of a block of labels, with its escapes undone; nil at the end or at what is none.
    static func label(in block: borrowing Span<UInt8>, from position: inout Int) -> (name: String, value: String)? {
        while position < block.count, block[position] == UInt8(ascii: ",") || isBlank(block[position]) { position += 1 }
        var name: [UInt8] = []
        while position < block.count, block[position] != UInt8(ascii: "=") {
            name.append(block[position])
            position += 1
        }
        guard position + 1 < block.count, block[position + 1] == UInt8(ascii: "\"") else { return nil }
        position += 2
        var value: [UInt8] = []
        while position < block.count, block[position] != UInt8(ascii: "\"") {
            if block[position] == UInt8(ascii: "\\"), position + 1 < block.count {
                position += 1
                value.append(block[position] == UInt8(ascii: "n") ? UInt8(ascii: "\n") : block[position])
            } else {
                value.append(block[position])
            }
            position += 1
        }
        position += 1
        return (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
    }

    private static func integer(_ text: borrowing Span<UInt8>) -> Int64? {
        var value: Int64 = 0
        let negative = text[0] == UInt8(ascii: "-")
        guard text.count > (negative ? 1 : 0), text.count < 19 else { return nil }
        for index in (negative ? 1 : 0)..<text.count {
            guard let digit = digit(text[index]) else { return nil }
            value = value * 10 + Int64(digit)
        }
        return negative ? -value : value
    }

    /// The nearest double. Up to 18 digits with small exponents, which is all that kubelets print, are computed here;
    /// the rest goes to the standard library.
    static func number(_ text: borrowing Span<UInt8>) -> Double? {
        let isNegative = text[0] == UInt8(ascii: "-")
        var scanner = SampleScanner()
        scanner.position = isNegative || text[0] == UInt8(ascii: "+") ? 1 : 0
        guard let magnitude = scanner.plainNumber(in: text), scanner.position == text.count else { return slowNumber(text) }
        return isNegative ? -magnitude : magnitude
    }

    /// The double nearest to `mantissa * 10^scale`; nil beyond what is computed here.
    private static func magnitude(_ mantissa: UInt64, _ scale: Int) -> Double? {
        if mantissa <= 1 << 53, abs(scale) <= 22 {
            // Both factors are exact, so one rounding remains.
            let power = powersOfTen[abs(scale)]
            return scale < 0 ? Double(mantissa) / power : Double(mantissa) * power
        }
        // A start time has 17 digits. Less than 2^60 by a power of ten that is less than 2^60: exact in 128 bits, or exact but for a rest.
        guard mantissa < 1 << 60, abs(scale) <= 18 else { return nil }
        let power = UInt128(wholePowersOfTen[abs(scale)])
        var (whole, exponent) = (UInt128(mantissa), 0)
        var isExact = true
        if scale < 0 {
            exponent = -67
            let (quotient, rest) = (whole << 67).quotientAndRemainder(dividingBy: power)
            (whole, isExact) = (quotient, rest == 0)
        } else {
            whole *= power
        }
        // The 64 bits that lead are more than a double's 53, so whatever is behind them only says on which side of a middle the number is.
        let behind = max(0, UInt128.bitWidth - whole.leadingZeroBitCount - 64)
        let leading = UInt64(truncatingIfNeeded: whole >> UInt128(behind))
        if whole & ((1 << UInt128(behind)) - 1) != 0 { isExact = false }
        return Double(sign: .plus, exponent: exponent + behind, significand: Double(isExact ? leading : leading | 1))
    }

    private static let powersOfTen: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20,
        1e21, 1e22,
    ]
    private static let wholePowersOfTen: [UInt64] = (0...18).reduce(into: []) { powers, _ in powers.append(powers.last.map { $0 * 10 } ?? 1)
    }

    /// Reads a number of the usual form, and passes over it: digits, at most one point in them, an exponent.
    /// - Returns: nil for any other, which is to be read from where it begins.
    private mutating func plainNumber(in text: borrowing Span<UInt8>) -> Double? {
        var (mantissa, digits, scale, index, afterPoint) = (0 as UInt64, 0, 0, position, 0)
        while index < text.count {
            let byte = text[index]
            if let digit = Self.digit(byte) {
                mantissa = mantissa &* 10 &+ UInt64(digit)
                (digits, scale) = (digits + 1, scale - afterPoint)
            } else if byte == UInt8(ascii: "."), afterPoint == 0 {
                afterPoint = 1
            } else {
                break
            }
            index += 1
        }
        guard digits > 0, digits <= 18 else { return nil }
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            let isNegative = index < text.count && text[index] == UInt8(ascii: "-")
            if isNegative || index < text.count && text[index] == UInt8(ascii: "+") { index += 1 }
            let start = index
            var exponent = 0
            while index < text.count, index - start < 4, let digit = Self.digit(text[index]) {
                exponent = exponent * 10 + Int(digit)
                index += 1
            }
            guard index > start else { return nil }
            scale += isNegative ? -exponent : exponent
        }
        guard index == text.count || Self.isBlank(text[index]) else { return nil }
        guard let magnitude = Self.magnitude(mantissa, scale) else { return nil }
        position = index
        return magnitude
    }

    private static func slowNumber(_ text: borrowing Span<UInt8>) -> Double? {
        var bytes: [UInt8] = []
        bytes.append(contentsOf: text)
        let string = String(decoding: bytes, as: UTF8.self)
        switch string.lowercased() {
        case "+inf", "inf": return .infinity
        case "-inf": return -.infinity
        case "nan": return .nan
        default: return string.contains(where: { "xXpP\0".contains($0) }) ? nil : Double(string)
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        let digit = byte &- UInt8(ascii: "0")
        return digit < 10 ? digit : nil
    }
}

/// The time column of a line.
enum SampleTime {
    case notGiven
    /// Since 1970-01-01 UTC.
    case milliseconds(Int64)
}

extension Span where Element == UInt8 {
    func equals(_ other: borrowing Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        // Safe: both have `count` bytes, and are only read during the calls. One without bytes may have no address.
        return unsafe withUnsafeBufferPointer { left in
            unsafe other.withUnsafeBufferPointer { right in
                guard let left = left.baseAddress, let right = right.baseAddress else { return true }
                return unsafe memcmp(left, right, count) == 0
            }
        }
    }

    func firstIndex(of byte: UInt8, from start: Int) -> Int? {
        guard start < count else { return nil }
        // Safe: what is searched are the `count - start` bytes behind the first `start`, and what is found is one of them.
        return unsafe withUnsafeBufferPointer { buffer in
            guard let first = buffer.baseAddress, let found = unsafe memchr(first + start, Int32(byte), count - start) else {
                return nil
            }
            return unsafe UnsafeRawPointer(first).distance(to: found)
        }
    }
}

extension Array where Element == UInt8 {
    mutating func append(contentsOf span: borrowing Span<UInt8>) {
        // Safe: the buffer is read only during the call.
        unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
