/// A record or question type by its number (IANA's DNS parameters). Unknown numbers are as good as known ones.
struct RecordType: RawRepresentable, Hashable, Sendable {
    let rawValue: UInt16

    init(rawValue: UInt16) { self.rawValue = rawValue }
    private init(_ rawValue: UInt16) { self.rawValue = rawValue }

    static let a = RecordType(1)
    static let ns = RecordType(2)
    static let cname = RecordType(5)
    static let soa = RecordType(6)
    static let ptr = RecordType(12)
    static let hinfo = RecordType(13)
    static let mx = RecordType(15)
    static let txt = RecordType(16)
    static let aaaa = RecordType(28)
    static let srv = RecordType(33)
    static let opt = RecordType(41)
    static let ixfr = RecordType(251)
    static let axfr = RecordType(252)
    static let any = RecordType(255)
}

extension RecordType: CustomStringConvertible {
    /// The mnemonic, or `TYPE` and the number (RFC 3597). Allocates: for logs, metrics labels and tests.
    var description: String { mnemonic ?? "TYPE\(rawValue)" }
}

/// A response code; those above 15 need an OPT record for their upper bits (RFC 6891 6.1.3).
enum ResponseCode: UInt16, Sendable {
    case noError = 0
    case formatError = 1
    case serverFailure = 2
    case nameError = 3
    case notImplemented = 4
    case refused = 5
    case badVersion = 16
}

/// The class of everything this server knows.
let internetClass: UInt16 = 1
let chaosClass: UInt16 = 3
