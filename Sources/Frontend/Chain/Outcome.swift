/// How a handler's work on a query ended.
enum Outcome: Equatable, Sendable {
    /// Records are in the answer section.
    case answered
    /// The name exists without records of this type; the zone's SOA is in the authority section.
    case noData
    /// The name does not exist; the zone's SOA is in the authority section.
    case nameError
    /// Records are in the answer section, and their source said that there are more.
    case truncated
    /// The name servers of a delegated zone are in the authority section.
    case referral
    /// This server does not answer that (a zone transfer, a name outside every zone).
    case refused
    /// Nobody could answer.
    case serverFailure
    /// The zone's data is not complete yet; its SOA is in the authority section.
    case notReady
    /// Aliases are in the answer section, and what the last leads to could not be found out (RFC 6604 section 3).
    case brokenAlias
    /// The packet was not understood.
    case formatError
    /// The operation is not a query.
    case notImplemented
    /// An EDNS version other than 0.
    case badVersion

    /// What the header says of each outcome: the one place where outcomes become codes and flags.
    var header: (code: ResponseCode, isAuthoritative: Bool, isTruncated: Bool) {
        switch self {
        case .answered, .noData: (.noError, true, false)
        case .nameError: (.nameError, true, false)
        case .truncated: (.noError, true, true)
        case .referral: (.noError, false, false)
        case .refused: (.refused, false, false)
        case .serverFailure: (.serverFailure, false, false)
        case .notReady, .brokenAlias: (.serverFailure, true, false)
        case .formatError: (.formatError, false, false)
        case .notImplemented: (.notImplemented, false, false)
        case .badVersion: (.badVersion, false, false)
        }
    }

    /// The outcome for a packet that never reached the chain.
    init(_ code: ResponseCode) {
        switch code {
        case .noError: self = .noData
        case .formatError: self = .formatError
        case .serverFailure: self = .serverFailure
        case .nameError: self = .nameError
        case .notImplemented: self = .notImplemented
        case .refused: self = .refused
        case .badVersion: self = .badVersion
        }
    }
}
