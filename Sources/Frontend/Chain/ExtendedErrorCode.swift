/// What an answer says of itself beyond its code, to clients that speak EDNS (RFC 8914 section 4).
enum ExtendedErrorCode: UInt16 {
    case staleAnswer = 3
    case blocked = 15
    case filtered = 17
    case noReachableAuthority = 22

    /// The option's number.
    static let option: UInt16 = 15
}

extension Exchange {
    func addExtendedError(_ code: ExtendedErrorCode) {
        addOption(ExtendedErrorCode.option, [UInt8(code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)])
    }
}
