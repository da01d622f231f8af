import Glibc

/// Walks over one line of Prometheus text: name, labels, value, time. Every call takes the same line.
struct SampleScanner {
    private var position = 0

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
        guard let range = word(in: text) else { return nil }
        return Self.number(text.extracting(range))
    }

    /// The time in milliseconds, if one is given; nil if something else follows.
    mutating func time(in text: borrowing Span<UInt8>) -> SampleTime? {
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

    /// The nearest double. Up to 18 digits with small exponents, which is all that kubelets print, are computed here
    /// exactly (both factors are exact doubles, so one rounding remains); the rest goes to the standard library.
    static func number(_ text: borrowing Span<UInt8>) -> Double? {
        var mantissa: UInt64 = 0
        var digits = 0
        var scale = 0
        var index = 0
        let negative = text[0] == UInt8(ascii: "-")
        if negative || text[0] == UInt8(ascii: "+") { index = 1 }
        var seenPoint = false
        while index < text.count {
            if let digit = digit(text[index]) {
                guard digits < 18 else { return slowNumber(text) }
                mantissa = mantissa * 10 + UInt64(digit)
                digits += 1
                if seenPoint { scale -= 1 }
            } else if text[index] == UInt8(ascii: "."), !seenPoint {
                seenPoint = true
            } else {
                break
            }
            index += 1
        }
        guard digits > 0 else { return slowNumber(text) }
        if index < text.count {
            guard text[index] | 0x20 == UInt8(ascii: "e"), let exponent = exponent(text, from: index + 1) else {
                return slowNumber(text)
            }
            scale += exponent
        }
        // 2739.906000000: zeros at the end would make the mantissa too long for an exact double.
        while scale < 0, mantissa % 10 == 0, mantissa > 0 {
            mantissa /= 10
            scale += 1
        }
        guard mantissa <= 1 << 53, abs(scale) <= 22 else { return slowNumber(text) }
        let power = powersOfTen[abs(scale)]
        let magnitude = scale < 0 ? Double(mantissa) / power : Double(mantissa) * power
        return negative ? -magnitude : magnitude
    }

    private static let powersOfTen: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20,
        1e21, 1e22,
    ]

    private static func exponent(_ text: borrowing Span<UInt8>, from start: Int) -> Int? {
        var index = start
        let negative = index < text.count && text[index] == UInt8(ascii: "-")
        if negative || (index < text.count && text[index] == UInt8(ascii: "+")) { index += 1 }
        guard index < text.count, text.count - index <= 4 else { return nil }
        var value = 0
        while index < text.count {
            guard let digit = digit(text[index]) else { return nil }
            value = value * 10 + Int(digit)
            index += 1
        }
        return negative ? -value : value
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
