/// Octets as letters and digits, as record data writes them.
enum TextEncoding {
    /// Pairs of hexadecimal digits; nil for anything else.
    static func hexadecimal(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
        guard digits.count % 2 == 0 else { return nil }
        return bits(digits, each: 4) { digit in
            switch digit {
            case 0x30...0x39: digit - 0x30
            case 0x41...0x46: digit - 0x41 + 10
            case 0x61...0x66: digit - 0x61 + 10
            default: nil
            }
        }
    }

    /// RFC 4648 4, padded.
    static func base64(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
        guard digits.count % 4 == 0 else { return nil }
        var digits = digits
        for _ in 0..<2 where digits.last == 0x3D { digits = digits.dropLast() }
        return bits(digits, each: 6) { digit in
            switch digit {
            case 0x41...0x5A: digit - 0x41
            case 0x61...0x7A: digit - 0x61 + 26
            case 0x30...0x39: digit - 0x30 + 52
            case 0x2B: 62
            case 0x2F: 63
            default: nil
            }
        }
    }

    /// RFC 4648 7 (the extended alphabet), unpadded, letter case aside.
    static func base32(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
        guard !digits.isEmpty else { return nil }
        return bits(digits, each: 5) { digit in
            switch digit {
            case 0x30...0x39: digit - 0x30
            case 0x41...0x56: digit - 0x41 + 10
            case 0x61...0x76: digit - 0x61 + 10
            default: nil
            }
        }
    }

    private static func bits(_ digits: ArraySlice<UInt8>, each width: Int, value: (UInt8) -> UInt8?) -> [UInt8]? {
        var octets: [UInt8] = []
        octets.reserveCapacity(digits.count * width / 8)
        var (held, count) = (0 as UInt32, 0)
        for digit in digits {
            guard let value = value(digit) else { return nil }
            held = held << UInt32(width) | UInt32(value)
            count += width
            if count >= 8 {
                count -= 8
                octets.append(UInt8(truncatingIfNeeded: held >> UInt32(count)))
            }
        }
        // What is left is less than a digit, and zero.
        return count < width && held & (1 << UInt32(count) - 1) == 0 ? octets : nil
    }
}

extension ArraySlice<UInt8> {
    /// For look-ups of mnemonics.
    var uppercased: String { String(decoding: self, as: UTF8.self).uppercased() }

    /// Whether it may be the tag of a CAA record (RFC 8659 4.1.1).
    var isTag: Bool {
        (1...255).contains(count) && allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) }
    }
}

extension FixedWidthInteger {
    /// Digits alone.
    init?(decimal digits: ArraySlice<UInt8>) {
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        self.init(String(decoding: digits, as: UTF8.self))
    }
}

/// The times of RRSIG (RFC 4034 3.2).
enum RecordTimestamp {
    /// Seconds since 1970 modulo 2^32, of `YYYYMMDDHHmmSS` in UTC or of a number.
    static func seconds(_ text: ArraySlice<UInt8>) -> UInt32? {
        guard text.count == 14 else { return UInt32(decimal: text) }
        func part(_ offset: Int, _ size: Int) -> Int? {
            let start = text.startIndex + offset
            return Int(decimal: text[start..<(start + size)])
        }
        guard let year = part(0, 4), let month = part(4, 2), let day = part(6, 2), let hour = part(8, 2), let minute = part(10, 2),
            let second = part(12, 2), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        // Days from the civil calendar, years beginning in March.
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let days = era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
        return UInt32(truncatingIfNeeded: days * 86_400 + hour * 3600 + minute * 60 + second)
    }
}
