import RecordTable

/// What a handler did with a query.
///
/// The chain of a server block is its handlers in a fixed order (an array in the server); the worker asks one after another until
/// one does not say `next`. A handler is a pure function of the query, the record table and, on a second run, the answer to
/// the look-up it asked for: when that answer is there, the worker runs the chain again from the start with
/// `AnswerContext.lookup` filled in. So nothing of a handler's state has to be kept while a packet waits, and the usual answer,
/// which waits for nothing, allocates nothing.
enum Step: Equatable, Sendable {
    /// The response holds the records of this outcome; finish and send it.
    case done(Outcome)
    /// Not mine, or mine to pass on (`fallthrough`): ask the next handler. The response holds no records.
    case next
    /// `AnswerContext.lookup.wanted` has to be resolved first, through all blocks of this port; then run the chain again.
    case lookup
}

/// A name that a handler cannot resolve from the record table: an ExternalName's target outside the cluster's zones.
struct Lookup: Sendable {
    enum State: Sendable {
        /// Nothing was asked.
        case none
        /// The worker has to resolve `name`.
        case wanted
        /// The whole message that came back. Its code does not matter, only its answer section.
        case answered([UInt8])
        /// No answer came, or none that could be read.
        case failed
    }

    var state = State.none
    var name = DNSName()
    var type = RecordType.a
}

/// What handlers may use besides query and response. One for each worker thread; nothing in it is shared.
struct AnswerContext: ~Copyable {
    /// The cluster, or nil while there is no table: then names in the cluster's zones get SERVFAIL.
    var table: TableReader?
    /// What the table has whole. A name that is not found may exist all the same until that is all that its handler needs.
    private(set) var synced: ClusterResources = []
    /// The serial of the cluster's zones: when the table last followed the cluster, in seconds since 1970.
    private(set) var serial: UInt32 = 0
    /// The look-up of the query at hand. The worker sets it to `Lookup()` before a query's first run.
    var lookup = Lookup()
    /// Room for the records that an answer is made of, kept from query to query.
    var scratch = AnswerScratch()

    init(table: TableReader? = nil, isTrusted: Bool = true) {
        self.table = table
        refresh(isTrusted: isTrusted)
    }

    /// Reads the table's own statements, which a query must not: it allocates. Call it about once a second and after setting `table`.
    /// - Parameter isTrusted: whether the table is known to be what its writer left.
    mutating func refresh(isTrusted: Bool) {
        guard let status = table?.status else {
            synced = []
            return
        }
        synced = isTrusted ? ClusterResources(syncedIn: status) : []
        let latest = status.resources.map(\.wallTime).max() ?? 0
        serial = UInt32(truncatingIfNeeded: latest / 1_000_000_000)
    }
}
