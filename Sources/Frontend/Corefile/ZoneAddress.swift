import Names

/// A zone of the Corefile: lower case, with the closing dot; `.` is the root. Labels have 1 to 63 bytes, the name at
/// most 255.
struct ZoneName: Hashable, Sendable, CustomStringConvertible {
    let text: String

    static let root = ZoneName(normalised: ".")

    private init(normalised: String) { text = normalised }

    /// Nil unless `text` is a domain name (RFC 1035 §2.3.4; any bytes are allowed in a label, `\.` and `\DDD` are
    /// escapes).
    init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        if bytes.isEmpty || bytes == [UInt8(ascii: ".")] {
            self = .root
            return
        }
        var label = 0
        var total = 1
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "."):
                guard (1...63).contains(label) else { return nil }
                total += label + 1
                label = 0
            case UInt8(ascii: "\\"):
                let digits = bytes[(index + 1)...].prefix(3)
                if digits.count == 3, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
                    guard let value = Int(String(decoding: digits, as: UTF8.self)), value <= 255 else { return nil }
                    index += 3
                } else {
                    guard index + 1 < bytes.count else { return nil }
                    index += 1
                }
                label += 1
            default:
                label += 1
            }
            index += 1
        }
        let isAbsolute = label == 0
        if !isAbsolute {
            guard label <= 63 else { return nil }
            total += label + 1
        }
        guard total <= 255 else { return nil }
        self.init(normalised: text.lowercased() + (isAbsolute ? "" : "."))
    }

    var description: String { text }

    /// Whether `name` (normalised like a zone) is this zone or lies below it.
    func contains(_ name: ZoneName) -> Bool {
        if text == "." || name.text == text { return true }
        return name.text.hasSuffix("." + text)
    }
}

extension ZoneName {
    /// The zones that `text` stands for: a domain name is one; a CIDR block is its reverse zones, several when the
    /// prefix does not end on
    /// a label (8 bits of IPv4, 4 bits of IPv6), as CoreDNS expands it.
    ///
    /// - Throws: `String`-carrying `Fault` with what was expected.
    static func zones(_ text: String) throws(Fault) -> [ZoneName] {
        if let slash = text.lastIndex(of: "/"), let address = IPAddress(text[..<slash]) {
            let bits = address.bytes.count * 8
            guard let prefix = Int(text[text.index(after: slash)...]), (0...bits).contains(prefix) else {
                throw Fault(message: "expected a prefix length from 0 to \(bits) in '\(text)'")
            }
            return reverseZones(of: address.bytes, prefix: prefix)
        }
        guard !text.contains(":"), !text.contains("://"), let zone = ZoneName(text) else {
            throw Fault(message: "expected a domain name or a CIDR block, found '\(text)'")
        }
        return [zone]
    }

    struct Fault: Error { var message: String }

    private static func reverseZones(of bytes: [UInt8], prefix: Int) -> [ZoneName] {
        let step = bytes.count == 4 ? 8 : 4
        let labels = (prefix + step - 1) / step
        // What the last label leaves open is enumerated: at most 2^7 zones.
        let free = labels * step - prefix
        return (0..<(1 << free)).map { choice in
            var digits: [Int] = (0..<labels).map { label in
                step == 8 ? Int(bytes[label]) : Int(bytes[label / 2] >> (label % 2 == 0 ? 4 : 0)) & 0xf
            }
            if free > 0 { digits[labels - 1] = ((digits[labels - 1] >> free) << free) | choice }
            let name = digits.reversed().map { String($0, radix: step == 8 ? 10 : 16) + "." }.joined()
            return ZoneName(normalised: name + (step == 8 ? "in-addr.arpa." : "ip6.arpa."))
        }
    }
}

/// One zone on one port, as a server block's first line names it.
struct ZoneAddress: Hashable, Sendable, CustomStringConvertible {
    var zone: ZoneName
    /// 0 lets the system choose, for tests.
    var port: UInt16

    var description: String { "dns://\(zone):\(port)" }

    /// What a key of a server block stands for: `[scheme://]zone[:port]`, `[scheme://]cidr[:port]`.
    static func parse(_ key: Token, defaultPort: UInt16) throws(CorefileError) -> [ZoneAddress] {
        var rest = key.text[...]
        if let scheme = rest.firstRange(of: "://") {
            try checkScheme(rest[..<scheme.lowerBound].lowercased(), at: key)
            rest = rest[scheme.upperBound...]
        }
        var port = defaultPort
        if let colon = rest.lastIndex(of: ":") {
            let digits = rest[rest.index(after: colon)...]
            guard !digits.isEmpty else { throw key.error("expected a port after the last ':' of '\(key.text)'") }
            if digits.allSatisfy({ $0.isASCII && $0.isNumber }) {
                guard let number = UInt16(digits) else {
                    throw key.error("expected a port from 1 to 65535 in '\(key.text)'")
                }
                port = number
                rest = rest[..<colon]
            }
        }
        do {
            return try ZoneName.zones(String(rest)).map { ZoneAddress(zone: $0, port: port) }
        } catch {
            throw key.error(error.message)
        }
    }

    private static func checkScheme(_ scheme: String, at key: Token) throws(CorefileError) {
        switch scheme {
        case "dns": return
        case "tls", "https", "https3", "quic", "grpc":
            throw key.error(
                "the scheme '\(scheme)://' of '\(key.text)' is not built yet; this version serves dns:// (plain UDP and TCP)"
            )
        default:
            throw key.error(
                "expected one of the schemes dns, tls, https, https3, quic, grpc, found '\(scheme)://' in '\(key.text)'"
            )
        }
    }
}
