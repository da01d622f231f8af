/// What an answer says, sorted as CoreDNS sorts answers for `log` and `cache`.
enum AnswerKind: Sendable, Equatable, CaseIterable {
    /// Records, or a plain NOERROR.
    case noError
    /// The name does not exist.
    case nameError
    /// SERVFAIL and NOTIMP, which `cache` keeps for a short while.
    case serverError
    /// The name exists without records of the type: NOERROR with the zone's SOA.
    case noData
    /// NOERROR without records, with name servers to ask instead.
    case delegation
    /// NOTIFY, and questions for zone transfers.
    case meta
    /// A dynamic update.
    case update
    /// Anything else, which is never kept; also no answer at all.
    case otherError

    /// As `{/log/type}` has it.
    var text: String {
        switch self {
        case .noError: "NOERROR"
        case .nameError: "NXDOMAIN"
        case .serverError: "SERVERERROR"
        case .noData: "NODATA"
        case .delegation: "DELEGATION"
        case .meta: "META"
        case .update: "UPDATE"
        case .otherError: "OTHERERROR"
        }
    }

    /// The class that `log` chooses by.
    var answerClass: AnswerClass {
        switch self {
        case .noError, .delegation: .success
        case .nameError, .noData: .denial
        case .serverError, .meta, .update, .otherError: .error
        }
    }
}

/// The words of `log`'s `class`, but for `all`, which is the set of them.
enum AnswerClass: String, CaseIterable, Sendable {
    case success, denial, error
}

/// What decides an answer's kind.
struct AnswerTraits: Sendable, Equatable {
    /// The header's four bits.
    var opcode: UInt8 = 0
    /// With the upper bits of an OPT record, if there is one.
    var responseCode: UInt16 = 0
    /// Nil when the message has no question.
    var question: RecordType?
    var answers = 0
    /// Records of these types in the authority section.
    var authoritySOA = false
    var authorityNS = false
    /// An RRSIG of any section is outside its validity, and the answer's OPT record has the DO bit set (RFC 4035 5.3.1).
    var hasExpiredSignature = false

    private static let notify: UInt8 = 4
    private static let update: UInt8 = 5

    var kind: AnswerKind {
        if opcode == Self.update { return .update }
        if opcode == Self.notify || question == .axfr || question == .ixfr { return .meta }
        if hasExpiredSignature { return .otherError }
        switch ResponseCode(rawValue: responseCode) {
        case .noError:
            if answers > 0 { return .noError }
            if authoritySOA { return .noData }
            return authorityNS ? .delegation : .noError
        // Without the zone's SOA nobody says for how long (RFC 2308 section 2.1).
        case .nameError: return authoritySOA ? .nameError : .otherError
        case .serverFailure, .notImplemented: return .serverError
        case .formatError, .refused, .badVersion, nil: return .otherError
        }
    }
}
