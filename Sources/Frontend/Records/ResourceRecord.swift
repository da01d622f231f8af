/// One resource record, its data in wire form with every name in full.
struct ResourceRecord: Equatable, Sendable {
    var owner: DNSName
    var type: RecordType
    var recordClass: UInt16 = internetClass
    /// Seconds.
    var ttl: UInt32
    var data: [UInt8]
}

extension ResourceRecord {
    /// The TTL of a record whose text has none, outside zone files.
    static let usualTTL: UInt32 = 3600

    /// Reads the first record of `text`, in a zone file's notation: `OWNER [TTL] [CLASS] TYPE DATA`, TTL and class in either order
    /// (RFC 1035 5.1, RFC 3597 5). It may span lines inside parentheses and hold comments.
    ///
    /// - Parameters:
    ///   - origin: what names without a final dot end in, and what `@` stands for.
    ///   - ttl: seconds, for a text without TTL.
    /// - Throws: what was expected, and where; for a text without any record too.
    init(_ text: some StringProtocol, origin: DNSName = DNSName(), ttl: UInt32 = usualTTL) throws(RecordTextError) {
        var scanner = RecordScanner(Array(text.utf8))
        guard let entry = try scanner.next() else {
            throw RecordTextError("expected a record 'OWNER [TTL] [CLASS] TYPE DATA', found nothing", line: scanner.line, column: 1)
        }
        var defaults = RecordDefaults(origin: origin)
        defaults.ttl = ttl
        self = try scanner.record(entry, &defaults)
    }
}

/// Why a text is not a record: what was expected, and where in the text.
struct RecordTextError: Error, Hashable, Sendable, CustomStringConvertible {
    var message: String
    /// Counted from 1.
    var line: Int
    /// Bytes, counted from 1.
    var column: Int

    init(_ message: String, line: Int, column: Int) {
        self.message = message
        self.line = line
        self.column = column
    }

    var description: String { "\(line):\(column): \(message)" }
}

/// What a record's text may leave out, as the records before it have it (RFC 1035 5.1).
struct RecordDefaults: Sendable {
    var origin: DNSName
    /// The last record's owner; nil before the first.
    var owner: DNSName?
    /// Of `$TTL`, or else of the last record that said one; nil before either.
    var ttl: UInt32?
    var isTTLByDirective = false

    init(origin: DNSName) { self.origin = origin }
}

extension RecordScanner {
    /// The record of an entry; what it says of owner and TTL becomes the default of the next.
    func record(_ entry: Entry, _ defaults: inout RecordDefaults) throws(RecordTextError) -> ResourceRecord {
        var index = 0
        let owner: DNSName
        if entry.startsBlank {
            guard let last = defaults.owner else {
                throw error("expected an owner before the first record's other fields", at: entry.words[0])
            }
            owner = last
        } else {
            owner = try name(entry.words[0], origin: defaults.origin, "an owner")
            defaults.owner = owner
            index = 1
        }
        var recordClass: UInt16?
        var ttl: UInt32?
        while index < entry.words.count {
            let word = entry.words[index]
            if recordClass == nil, let found = Self.recordClass(self[word]) {
                recordClass = found
            } else if ttl == nil, (0x30...0x39).contains(self[word].first ?? 0) {
                guard let found = Self.timeToLive(self[word]) else {
                    throw error("expected a TTL of at most \(UInt32.max) seconds, like 300 or 1h30m, found '\(text(word))'", at: word)
                }
                ttl = found
            } else {
                break
            }
            index += 1
        }
        guard index < entry.words.count else {
            throw error("expected a record type, found the end of the line", at: entry.end)
        }
        let type = try recordType(entry.words[index], isAlone: recordClass == nil && ttl == nil)
        if let ttl, !defaults.isTTLByDirective { defaults.ttl = ttl }
        guard let ttl = ttl ?? defaults.ttl else {
            throw error("expected a TTL: neither this record, one before it nor $TTL says any", at: entry.words[index])
        }
        var data = RecordDataReader(scanner: self, words: entry.words[(index + 1)...], end: entry.end, origin: defaults.origin)
        return ResourceRecord(
            owner: owner, type: type, recordClass: recordClass ?? internetClass, ttl: ttl, data: try data.read(type))
    }

    private func recordType(_ word: Word, isAlone: Bool) throws(RecordTextError) -> RecordType {
        guard !word.isQuoted, let type = RecordType(mnemonic: text(word)) else {
            throw error("expected \(isAlone ? "a TTL, a class or " : "")a record type, found '\(text(word))'", at: word)
        }
        return type
    }

    /// Seconds: digits, or numbers with units (`1h30m`, letter case aside).
    static func timeToLive(_ text: ArraySlice<UInt8>) -> UInt32? {
        var (sum, number, digits) = (0 as UInt64, 0 as UInt64, 0)
        for character in text {
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                number = number * 10 + UInt64(character - UInt8(ascii: "0"))
                digits += 1
                guard number <= UInt32.max else { return nil }
            default:
                guard digits > 0, let unit = seconds(character) else { return nil }
                sum += number * unit
                (number, digits) = (0, 0)
                guard sum <= UInt32.max else { return nil }
            }
        }
        return text.isEmpty ? nil : UInt32(exactly: sum + number)
    }

    private static func seconds(_ unit: UInt8) -> UInt64? {
        switch unit | 0x20 {
        case UInt8(ascii: "s"): 1
        case UInt8(ascii: "m"): 60
        case UInt8(ascii: "h"): 3600
        case UInt8(ascii: "d"): 86_400
        case UInt8(ascii: "w"): 604_800
        default: nil
        }
    }

    private static func recordClass(_ text: ArraySlice<UInt8>) -> UInt16? {
        let name = String(decoding: text, as: UTF8.self).uppercased()
        switch name {
        case "IN": return 1
        case "CH": return 3
        case "HS": return 4
        case "NONE": return 254
        case "ANY": return 255
        default:
            guard name.hasPrefix("CLASS"), name.utf8.dropFirst(5).allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return UInt16(name.dropFirst(5))
        }
    }
}
