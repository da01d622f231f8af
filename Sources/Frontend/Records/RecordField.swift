/// What one field of a record's data is, in text and on the wire.
enum RecordField: Sendable {
    /// Whole numbers of one, two and four octets.
    case octet, word, doubleWord
    /// Seconds, units allowed; four octets.
    case time
    /// `20260101000000` in UTC, or seconds since 1970; four octets.
    case timestamp
    /// A DNSSEC algorithm, number or mnemonic; one octet.
    case algorithm
    /// A CERT type, number or mnemonic; two octets.
    case certificateType
    /// A record type; two octets.
    case type
    case name
    /// Any number of names, to the end.
    case names
    case ipv4, ipv6
    /// A character string: a length octet, and at most 255 octets.
    case string
    /// At most one character string, which may be left out.
    case optionalString
    /// One or more character strings, to the end.
    case strings
    /// CAA's tag: letters and digits behind a length octet.
    case tag
    /// One string without a length octet, to the end.
    case text
    /// Hexadecimal or base 64 to the end, in any number of words.
    case hexadecimal, base64
    /// Base 64 in one word, behind a length of two octets: HIP's key comes before this as a number, so it is only for HIP.
    case hostIdentity
    /// NSEC3's salt: `-`, or hexadecimal behind a length octet.
    case salt
    /// NSEC3's next owner: base 32 with the extended alphabet behind a length octet.
    case hash
    /// The types of NSEC, NSEC3 and CSYNC (RFC 4034 4.1.2), to the end.
    case typeBitmap
    /// `-`-separated octets, of this number.
    case hardwareAddress(Int)
    /// Four groups of four hexadecimal digits.
    case locator64
    /// `0x` and hexadecimal digits.
    case nsap
    /// Gateway type, algorithm, gateway and key (RFC 4025).
    case gateway
    /// Discovery bit, type and relay (RFC 8777).
    case relay
    case location
    case prefixes
    case serviceParameters
}

extension RecordField {
    /// The fields of a type's data in order; nil for types that have no text but RFC 3597's.
    static func fields(of type: RecordType) -> [RecordField]? { table[type.rawValue] }

    private static let table: [UInt16: [RecordField]] = [
        1: [.ipv4],  // A
        2: [.name], 3: [.name], 4: [.name], 5: [.name], 7: [.name], 8: [.name], 9: [.name], 12: [.name], 39: [.name],
        6: [.name, .name, .doubleWord, .time, .time, .time, .time],  // SOA
        13: [.string, .string],  // HINFO
        14: [.name, .name], 17: [.name, .name], 58: [.name, .name],  // MINFO, RP, TALINK
        15: [.word, .name], 18: [.word, .name], 21: [.word, .name], 36: [.word, .name], 107: [.word, .name],  // MX, AFSDB, RT, KX, LP
        16: [.strings], 56: [.strings], 99: [.strings], 258: [.strings], 261: [.strings], 262: [.strings],  // TXT, NINFO, SPF, AVC …
        19: [.string],  // X25
        20: [.string, .optionalString],  // ISDN
        22: [.nsap], 23: [.name],
        24: signature, 46: signature,
        25: key, 48: key, 57: key, 60: key,
        26: [.word, .name, .name],  // PX
        27: [.string, .string, .string],  // GPOS
        28: [.ipv6], 29: [.location],
        31: [.hexadecimal], 32: [.hexadecimal],  // EID, NIMLOC
        33: [.word, .word, .word, .name],  // SRV
        35: [.word, .word, .string, .string, .string, .name],  // NAPTR
        37: [.certificateType, .word, .algorithm, .base64],  // CERT
        42: [.prefixes],
        43: digest, 59: digest, 32768: digest, 32769: digest,  // DS, CDS, TA, DLV
        44: [.octet, .octet, .hexadecimal],  // SSHFP
        45: [.octet, .gateway],  // IPSECKEY
        47: [.name, .typeBitmap],  // NSEC
        49: [.base64], 61: [.base64],  // DHCID, OPENPGPKEY
        50: [.octet, .octet, .word, .salt, .hash, .typeBitmap],  // NSEC3
        51: [.octet, .octet, .word, .salt],
        52: [.octet, .octet, .octet, .hexadecimal], 53: [.octet, .octet, .octet, .hexadecimal],  // TLSA, SMIMEA
        55: [.hostIdentity, .names],
        62: [.doubleWord, .word, .typeBitmap],  // CSYNC
        63: [.doubleWord, .octet, .octet, .hexadecimal],  // ZONEMD
        64: [.word, .name, .serviceParameters], 65: [.word, .name, .serviceParameters],
        66: [.type, .octet, .word, .name],  // DSYNC
        104: [.word, .locator64], 105: [.word, .ipv4], 106: [.word, .locator64],  // NID, L32, L64
        108: [.hardwareAddress(6)], 109: [.hardwareAddress(8)],
        256: [.word, .word, .text],  // URI
        257: [.octet, .tag, .text],  // CAA
        260: [.octet, .relay],  // AMTRELAY
    ]

    private static let key: [RecordField] = [.word, .octet, .algorithm, .base64]
    private static let digest: [RecordField] = [.word, .algorithm, .octet, .hexadecimal]
    private static let signature: [RecordField] = [
        .type, .algorithm, .octet, .time, .timestamp, .timestamp, .word, .name, .base64,
    ]

    /// DNSSEC's algorithms by mnemonic (IANA).
    static let algorithms: [String: UInt8] = [
        "RSAMD5": 1, "DH": 2, "DSA": 3, "RSASHA1": 5, "DSA-NSEC3-SHA1": 6, "DSANSEC3SHA1": 6, "RSASHA1-NSEC3-SHA1": 7,
        "RSASHA1NSEC3SHA1": 7, "NSEC3RSASHA1": 7, "NSEC3DSA": 6, "RSASHA256": 8, "RSASHA512": 10, "ECC-GOST": 12, "ECCGOST": 12,
        "ECDSAP256SHA256": 13, "ECDSAP384SHA384": 14, "ED25519": 15, "ED448": 16, "INDIRECT": 252, "PRIVATEDNS": 253,
        "PRIVATEOID": 254,
    ]

    /// CERT's types by mnemonic (RFC 4398 2.1).
    static let certificateTypes: [String: UInt16] = [
        "PKIX": 1, "SPKI": 2, "PGP": 3, "IPKIX": 4, "ISPKI": 5, "IPGP": 6, "ACPKIX": 7, "IACPKIX": 8, "URI": 253, "OID": 254,
    ]
}
