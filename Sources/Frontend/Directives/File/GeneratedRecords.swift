/// BIND's `$GENERATE RANGE OWNER [TTL] [CLASS] TYPE DATA`: one record for each number of the range, `$` being the number.
///
/// `${OFFSET,WIDTH,BASE}` adds to it, fills it with zeros and writes it in base d, o, x, X, or as nibbles from the last, n, N; `\$` and `$$`
/// are a plain `$`. Records without a TTL have the zone's.
struct GeneratedRecords {
    /// Records of one line.
    static let most = 65_536

    private enum Piece {
        case text(ArraySlice<UInt8>)
        case number(offset: Int, width: Int, base: UInt8)
    }

    private var numbers: StrideThrough<Int> = stride(from: 0, through: 0, by: 1)
    private var pieces: [Piece] = []
    private let line: Int

    init(_ entry: RecordScanner.Entry, _ scanner: RecordScanner) throws(RecordTextError) {
        line = entry.words[0].line
        guard entry.words.count >= 5, let last = entry.words.last else {
            throw scanner.error("expected '$GENERATE START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE DATA'", at: entry.words[0])
        }
        let range = entry.words[1]
        guard let found = Self.range(scanner[range]) else {
            throw scanner.error(
                "expected a range START-STOP[/STEP] of at most \(Self.most) numbers below 2147483648, found '\(scanner.text(range))'",
                at: range)
        }
        numbers = found
        let text = scanner.octets(from: entry.words[2], to: last)
        guard let pieces = Self.pieces(text) else {
            throw scanner.error(
                "expected each '$' alone, as '\\$', or as ${OFFSET,WIDTH,BASE} with a width of at most 255 and base d, o, x, X, n or N",
                at: entry.words[2])
        }
        self.pieces = pieces
    }

    /// Hands over one record after another.
    func forEach(
        _ path: String, _ defaults: RecordDefaults, _ body: (ResourceRecord) throws(ZoneFileError) -> Void
    ) throws(ZoneFileError) {
        var defaults = defaults
        for number in numbers {
            var text: [UInt8] = []
            for piece in pieces {
                switch piece {
                case .text(let octets): text += octets
                case .number(let offset, let width, let base): text += Self.digits(number + offset, width: width, base: base).utf8
                }
            }
            let record = try ZoneFileReader.located(path) { () throws(RecordTextError) in
                var scanner = RecordScanner(text, line: line)
                guard let entry = try scanner.next() else {
                    throw RecordTextError("expected a record to generate", line: line, column: 1)
                }
                return try scanner.record(entry, &defaults)
            }
            try body(record)
        }
    }

    private static func range(_ text: ArraySlice<UInt8>) -> StrideThrough<Int>? {
        let parts = text.split(separator: 0x2F, omittingEmptySubsequences: false)
        let ends = parts[0].split(separator: 0x2D, omittingEmptySubsequences: false)
        guard parts.count <= 2, ends.count == 2, let start = UInt32(decimal: ends[0]), let stop = UInt32(decimal: ends[1]),
            let step = parts.count == 2 ? UInt32(decimal: parts[1]) : 1, step > 0, start <= stop, stop <= Int32.max,
            (stop - start) / step < most
        else { return nil }
        return stride(from: Int(start), through: Int(stop), by: Int(step))
    }

    private static func pieces(_ text: ArraySlice<UInt8>) -> [Piece]? {
        var pieces: [Piece] = []
        var plain: [UInt8] = []
        var at = text.startIndex
        while at < text.endIndex {
            let next = at + 1 < text.endIndex ? text[at + 1] : 0
            switch (text[at], next) {
            case (0x5C, 0x24), (0x24, 0x24):
                plain.append(0x24)
                at += 2
            case (0x5C, 1...):
                plain += [0x5C, next]
                at += 2
            case (0x24, 0x7B):
                guard let end = text[at...].firstIndex(of: 0x7D), let number = modifier(text[(at + 2)..<end]) else { return nil }
                pieces += [.text(plain[...]), number]
                plain = []
                at = end + 1
            case (0x24, _):
                pieces += [.text(plain[...]), .number(offset: 0, width: 0, base: UInt8(ascii: "d"))]
                plain = []
                at += 1
            default:
                plain.append(text[at])
                at += 1
            }
        }
        return pieces + [.text(plain[...])]
    }

    /// `OFFSET[,WIDTH[,BASE]]`.
    private static func modifier(_ text: ArraySlice<UInt8>) -> Piece? {
        let parts = text.split(separator: 0x2C, omittingEmptySubsequences: false)
        guard parts.count <= 3, let first = parts.first, let offset = Int32(String(decoding: first, as: UTF8.self)),
            let width = parts.count > 1 ? UInt8(decimal: parts[1]) : 0
        else { return nil }
        var base = UInt8(ascii: "d")
        if parts.count == 3 {
            guard parts[2].count == 1, let letter = parts[2].first, "doxXnN".utf8.contains(letter) else { return nil }
            base = letter
        }
        return .number(offset: Int(offset), width: Int(width), base: base)
    }

    private static func digits(_ number: Int, width: Int, base: UInt8) -> String {
        let radix = base == UInt8(ascii: "d") ? 10 : base == UInt8(ascii: "o") ? 8 : 16
        let isUpper = base == UInt8(ascii: "X") || base == UInt8(ascii: "N")
        let digits = String(number.magnitude, radix: radix, uppercase: isUpper)
        guard base | 0x20 == UInt8(ascii: "n") else {
            let sign = number < 0 ? "-" : ""
            return sign + String(repeating: "0", count: max(0, width - digits.count - sign.count)) + digits
        }
        // The width counts the dots too.
        let padded = String(repeating: "0", count: max(0, (width + 1) / 2 - digits.count)) + digits
        return padded.reversed().map { String($0) }.joined(separator: ".")
    }
}
