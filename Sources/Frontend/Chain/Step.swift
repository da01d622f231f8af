import MizzenSystem

/// What a directive did with a query on its way in; the runner does what follows from it.
enum Step: Equatable, Sendable {
    /// Not mine, or mine to pass on (`fallthrough`): ask the next handler. The response holds no records.
    case next
    /// The same, and `DirectiveHandler.review` has to see the answer that comes back.
    case nextAndReview
    /// Look at the query again behind the directives that answer from the record table (`DirectiveHandler.takeLate`), and review.
    case nextAndDefer
    /// The response holds the records of this outcome.
    case done(Outcome)
    /// `Workbench.memory` holds a whole message of `Workbench.count` octets, with the question in front and without OPT.
    case message
    /// There is no message: the client gets this outcome's code, and no directive reviews it.
    case fail(Outcome)
    /// The client gets nothing.
    case drop
    /// `Exchange.lookup` has to be resolved first, through all blocks of this port; then `DirectiveHandler.resume`.
    case lookup
    /// The directives behind this one have to answer the query first; then `DirectiveHandler.resume`.
    case below
    /// `Exchange.request` has to be asked first; then `DirectiveHandler.resume`.
    case ask
}

/// A name that a handler needs resolved: an ExternalName's target, what a CNAME of a template or a zone points to.
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

/// What came of what a handler waited for.
enum Reply: Sendable {
    /// A whole message. An upstream's has been checked to be readable.
    case message([UInt8])
    /// No answer; why, for people.
    case failed(String)
    /// More queries under way than `max_concurrent` allows.
    case limited
}

/// A question to upstreams.
struct UpstreamRequest {
    let group: UpstreamGroup
    /// With any id: each exchange with an upstream gets its own.
    let message: [UInt8]
    /// Who has denied the name of late, to be asked last.
    var denier: SocketAddress?
}
