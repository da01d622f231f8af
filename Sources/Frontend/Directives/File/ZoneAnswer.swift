/// What a zone says to a question: which of its records go into which section. Its buffers keep their size, so a worker reuses one value.
struct ZoneAnswer: ~Copyable {
    enum Kind: Equatable, Sendable {
        /// Not for this zone: `answer` is empty.
        case notInZone
        /// There are records, or a chain of aliases that ends at a name without records of the type.
        case answered
        /// The name exists without records of the type; the SOA is in the authority section.
        case noData
        /// The name, or the last alias's target, does not exist.
        case nameError
        /// The name belongs to a zone that is delegated: not authoritative.
        case delegation
        /// The last alias's target is outside of the zone: it is `finalName`, and its records belong behind those of `answer`.
        case leavesZone
        /// An alias leads to a name that is too long.
        case tooLong
    }

    /// Whose name a record has.
    enum Owner: Equatable, Sendable {
        /// That of its node.
        case stored
        /// A name of `names`: of a question that a wildcard answers, or of an alias that a DNAME makes.
        case name(Int)
    }

    /// Records to write, by their place in the zone.
    enum Item: Equatable, Sendable {
        /// All records of a set.
        case set(Int, Owner)
        /// Of a set of RRSIG records those that cover a type.
        case signatures(Int, RecordType, Owner)
        /// A CNAME that a DNAME makes, from one of `names` to the next; with the DNAME's TTL.
        case alias(Int, ttl: UInt32)
    }

    /// Aliases that are followed inside the zone.
    static let mostAliases = 10

    var kind = Kind.notInZone
    var answer: [Item] = []
    var authority: [Item] = []
    var additional: [Item] = []
    /// The name asked and the targets of the aliases, in lower case.
    var names: [DNSName] = []
    /// The answer comes from a wildcard; its node.
    var wildcard: Int?
    /// Whether the name asked has no records at all, so that `fallthrough` passes it on: it does not exist, or only names below it do.
    /// CoreDNS counts both, but not the target of an alias.
    var fallsThrough = false

    init() {
        answer.reserveCapacity(16)
        authority.reserveCapacity(8)
        additional.reserveCapacity(16)
        names.reserveCapacity(Self.mostAliases + 2)
    }

    /// How the answer ends; nil when the zone alone cannot say: the name is not its, or an alias leads elsewhere.
    var outcome: Outcome? {
        switch kind {
        case .notInZone, .leavesZone: nil
        case .answered: .answered
        case .noData: .noData
        case .nameError: .nameError
        case .delegation: .referral
        case .tooLong: .serverFailure
        }
    }

    /// The name asked, or the last alias's target.
    var finalName: DNSName { names.last ?? DNSName() }

    mutating func removeAll() {
        kind = .notInZone
        answer.removeAll(keepingCapacity: true)
        authority.removeAll(keepingCapacity: true)
        additional.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
        wildcard = nil
        fallsThrough = false
    }
}
