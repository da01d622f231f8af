import Names

/// Who the other side of a TLS connection has to be, by its certificate.
enum TLSServerName: Hashable, Sendable, CustomStringConvertible {
    /// Sent as the server name indication (RFC 6066 section 3) and matched with the certificate's DNS names.
    case name(String)
    /// Matched with the certificate's IP addresses; no server name is sent, as none may be that is an address.
    case address(IPAddress)

    /// Reads an address or a host name of letters, digits, hyphens and dots; one dot at its end is left out. Nil for anything else.
    init?(_ text: String) {
        if let address = IPAddress(text) {
            self = .address(address)
            return
        }
        let name = text.hasSuffix(".") ? String(text.dropLast()) : text
        guard name.utf8.count <= 253 else { return nil }
        for label in name.split(separator: ".", omittingEmptySubsequences: false) {
            guard (1...63).contains(label.utf8.count), label.utf8.allSatisfy(Self.isNameCharacter) else { return nil }
        }
        self = .name(name)
    }

    private static func isNameCharacter(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    var description: String {
        switch self {
        case .name(let name): name
        case .address(let address): address.description
        }
    }
}
