import Names

/// Turns the words behind a record's type into its data in wire form.
struct RecordDataReader {
    static let longest = 65_535

    let scanner: RecordScanner
    private var rest: ArraySlice<RecordScanner.Word>
    private let end: RecordScanner.Word
    let origin: DNSName
    var data: [UInt8] = []

    init(scanner: RecordScanner, words: ArraySlice<RecordScanner.Word>, end: RecordScanner.Word, origin: DNSName) {
        self.scanner = scanner
        rest = words
        self.end = end
        self.origin = origin
    }

    /// The data of a record of this type. Call it once.
    mutating func read(_ type: RecordType) throws(RecordTextError) -> [UInt8] {
        let fields = RecordField.fields(of: type)
        let first = rest.first ?? end
        if let word = rest.first, !word.isQuoted, scanner[word].elementsEqual("\\#".utf8) {
            try readGeneric()
            if let fields, !RecordField.match(fields, data) {
                throw scanner.error("expected octets that are the data of a \(type) record", at: first)
            }
        } else {
            guard let fields else {
                throw scanner.error("expected '\\# LENGTH HEXADECIMAL' (RFC 3597) as the data of a \(type) record", at: first)
            }
            for field in fields { try read(field) }
        }
        if let extra = rest.first {
            throw scanner.error("expected the end of the \(type) record, found '\(scanner.text(extra))'", at: extra)
        }
        guard data.count <= Self.longest else {
            throw scanner.error("expected at most \(Self.longest) octets of data, found \(data.count)", at: first)
        }
        return data
    }

    /// `\# LENGTH HEXADECIMAL…` (RFC 3597 5).
    private mutating func readGeneric() throws(RecordTextError) {
        rest.removeFirst()
        let word = rest.first ?? end
        let length = Int(try number("a length from 0 to 65535", UInt16.self))
        if !rest.isEmpty { data = try hexadecimal() }
        guard data.count == length else {
            throw scanner.error("expected \(length) octets in hexadecimal, found \(data.count)", at: word)
        }
    }

    private mutating func read(_ field: RecordField) throws(RecordTextError) {
        switch field {
        case .octet: data.append(try number("a number from 0 to 255", UInt8.self))
        case .word: append(try number("a number from 0 to 65535", UInt16.self))
        case .doubleWord: append(try number("a number from 0 to 4294967295", UInt32.self))
        case .time:
            append(try next("a time in seconds, like 3600 or 1h") { RecordScanner.timeToLive($0) })
        case .timestamp:
            append(try next("a time, like 20260131120000 or seconds since 1970") { RecordTimestamp.seconds($0) })
        case .algorithm: data.append(try algorithm())
        case .certificateType:
            append(try next("a certificate type, like PKIX or 1") { RecordField.certificateTypes[$0.uppercased] ?? UInt16(decimal: $0) })
        case .type: append(try recordType().rawValue)
        case .name: append(try name())
        case .names: while !rest.isEmpty { append(try name()) }
        case .ipv4, .ipv6: try readAddress(field)
        case .string: try readString()
        case .optionalString: if !rest.isEmpty { try readString() }
        case .strings: repeat { try readString() } while !rest.isEmpty
        case .tag:
            let tag = try next("a tag of letters and digits, like issue") { $0.isTag ? Array($0) : nil }
            data.append(UInt8(tag.count))
            data += tag
        case .text: data += try unescaped(try word("a string"))
        case .hexadecimal: data += try hexadecimal()
        case .base64: data += try base64(untilEnd: true)
        case .salt, .hash, .typeBitmap: try readDenialField(field)
        case .hardwareAddress, .locator64, .nsap: try readDigits(field)
        case .hostIdentity: try readHostIdentity()
        case .gateway: try readGateway()
        case .relay: try readRelay()
        case .location: data += try location()
        case .prefixes: while let word = rest.popFirst() { try readPrefix(word) }
        case .serviceParameters: try readServiceParameters()
        }
    }

    // MARK: Words

    var isAtEnd: Bool { rest.isEmpty }
    var next: RecordScanner.Word? { rest.first }

    mutating func word(_ wanted: String) throws(RecordTextError) -> RecordScanner.Word {
        guard let word = rest.popFirst() else {
            throw scanner.error("expected \(wanted), found the end of the record", at: end)
        }
        return word
    }

    /// The next word as `convert` reads it, which is nil for what is not `wanted`.
    mutating func next<Value>(
        _ wanted: String, _ convert: (ArraySlice<UInt8>) -> Value?
    ) throws(RecordTextError) -> Value {
        let word = try word(wanted)
        guard let value = convert(scanner[word]) else { throw unexpected(word, wanted) }
        return value
    }

    func unexpected(_ word: RecordScanner.Word, _ wanted: String) -> RecordTextError {
        scanner.error("expected \(wanted), found '\(scanner.text(word))'", at: word)
    }

    mutating func number<Number: FixedWidthInteger>(
        _ wanted: String, _: Number.Type
    ) throws(RecordTextError) -> Number {
        try next(wanted) { Number(decimal: $0) }
    }

    mutating func algorithm() throws(RecordTextError) -> UInt8 {
        try next("a DNSSEC algorithm, like 13 or ECDSAP256SHA256") { RecordField.algorithms[$0.uppercased] ?? UInt8(decimal: $0) }
    }

    mutating func recordType() throws(RecordTextError) -> RecordType {
        try next("a record type") {
            RecordType(mnemonic: String(decoding: $0, as: UTF8.self)) ?? UInt16(decimal: $0).map { RecordType(rawValue: $0) }
        }
    }

    mutating func name() throws(RecordTextError) -> DNSName {
        try scanner.name(try word("a domain name"), origin: origin, "a target")
    }

    mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        for shift in stride(from: Number.bitWidth - 8, through: 0, by: -8) { data.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    mutating func append(_ name: DNSName) {
        let octets = name.storage.span
        for i in 0..<name.length { data.append(octets[i]) }
    }

    // MARK: Strings and digits

    /// A word's octets, escapes replaced.
    func unescaped(_ word: RecordScanner.Word) throws(RecordTextError) -> [UInt8] {
        try unescaped(scanner[word], of: word)
    }

    func unescaped(_ text: ArraySlice<UInt8>, of word: RecordScanner.Word) throws(RecordTextError) -> [UInt8] {
        var octets: [UInt8] = []
        var at = text.startIndex
        while at < text.endIndex {
            guard text[at] == 0x5C else {
                octets.append(text[at])
                at += 1
                continue
            }
            do { at = try DNSName.unescape(text, at: at, into: &octets) } catch {
                throw scanner.error("expected a character or three digits up to 255 behind each '\\'", at: word)
            }
        }
        return octets
    }

    private mutating func readString() throws(RecordTextError) {
        let word = try word("a string")
        let octets = try unescaped(word)
        guard octets.count <= 255 else {
            throw scanner.error("expected strings of at most 255 octets, found one of \(octets.count): split it in two", at: word)
        }
        data.append(UInt8(octets.count))
        data += octets
    }

    /// Everything up to the end.
    mutating func hexadecimal() throws(RecordTextError) -> [UInt8] {
        let first = try word("octets in hexadecimal")
        var digits = Array(scanner[first])
        while let word = rest.popFirst() { digits += scanner[word] }
        guard let octets = TextEncoding.hexadecimal(digits[...]), !octets.isEmpty else {
            throw unexpected(first, "octets in hexadecimal, two digits each")
        }
        return octets
    }

    /// One word, or everything up to the end.
    mutating func base64(untilEnd: Bool) throws(RecordTextError) -> [UInt8] {
        let first = try word("octets in base 64")
        var digits = Array(scanner[first])
        while untilEnd, let word = rest.popFirst() { digits += scanner[word] }
        guard let octets = TextEncoding.base64(digits[...]), !octets.isEmpty else { throw unexpected(first, "octets in base 64") }
        return octets
    }

    private mutating func readAddress(_ field: RecordField) throws(RecordTextError) {
        let isV4 = if case .ipv4 = field { true } else { false }
        let address = try next(isV4 ? "an IPv4 address" : "an IPv6 address") { text -> IPAddress? in
            guard let address = IPAddress(String(decoding: text, as: UTF8.self)), (address.bytes.count == 4) == isV4 else { return nil }
            return address
        }
        data += address.bytes
    }

    private mutating func readDigits(_ field: RecordField) throws(RecordTextError) {
        switch field {
        case .hardwareAddress(let count):
            data += try next("\(count) octets like 00-00-5e-00-53-2a") { text -> [UInt8]? in
                let parts = text.split(separator: 0x2D, omittingEmptySubsequences: false)
                guard parts.count == count, parts.allSatisfy({ $0.count == 2 }) else { return nil }
                return TextEncoding.hexadecimal(parts.joined().map { $0 }[...])
            }
        case .locator64:
            data += try next("four groups like 2001:db8:1140:1000") { text -> [UInt8]? in
                let parts = text.split(separator: 0x3A, omittingEmptySubsequences: false)
                guard parts.count == 4, parts.allSatisfy({ (1...4).contains($0.count) }) else { return nil }
                let padded = parts.flatMap { [UInt8](repeating: 0x30, count: 4 - $0.count) + $0 }
                return TextEncoding.hexadecimal(padded[...])
            }
        default:
            data += try next("0x and hexadecimal digits") { text -> [UInt8]? in
                guard text.uppercased.hasPrefix("0X") else { return nil }
                return TextEncoding.hexadecimal(text.dropFirst(2).filter { $0 != 0x2E }[...])
            }
        }
    }
}
