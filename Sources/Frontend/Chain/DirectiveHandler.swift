import MizzenSystem

/// A directive at work: what it does with queries and answers, on one thread and for one server block.
///
/// A subclass overrides the moments it has something to do at. A query passes the handlers of its block in the order of execution
/// (`take`); the first that answers ends that. Then the answer passes those that asked for it, backwards (`review`). When it has been made
/// ready to be sent, the handlers that keep books see the exchange once (`conclude`). A handler keeps nothing of an exchange in itself: while
/// one waits for an upstream, others pass.
class DirectiveHandler {
    /// The directive's place in the order of execution.
    final var rank = 0

    init() {}

    // MARK: A query

    /// Whether `take` does anything; the chain passes over those for which it does not.
    var takesQueries: Bool { true }

    /// The zones of what it answers from the record table, so that what it knows of them is always current.
    var tableZones: [DNSName] { [] }

    /// Whether it may give a query another name.
    var renames: Bool { false }

    /// Whether a query on behalf of one that was rewritten (`Exchange.isRewritten`) is answered otherwise than a client's, so that neither may
    /// be given the other's answer.
    func treatsLookupsOtherwise(_ exchange: Exchange) -> Bool { false }

    /// Whether `review` may make an answer of the record table longer or shorter.
    var changesSizes: Bool { false }

    /// Whether `review` leaves out the additional section of every answer with records and without error, so that nobody has to make it.
    var leavesOutAdditional: Bool { false }

    /// The query on its way in.
    func take(_ exchange: Exchange, _ bench: Workbench) -> Step { .next }

    /// The query that `take` deferred, behind the directives that answer from the record table, none of which has answered it. The question
    /// is what it was then.
    func takeLate(_ exchange: Exchange, _ bench: Workbench) -> Step { .next }

    /// What the handler waited for has come. The response is empty again.
    func resume(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) -> Step { .fail(.serverFailure) }

    /// The answer on its way out, in `Workbench.memory`, and the end of what `take` changed of the query.
    func review(_ exchange: Exchange, _ bench: Workbench) {}

    /// What `review` has asked to be looked up (`Exchange.lookUpInReview`) has come; the answer is in `Workbench.memory` again.
    func resumeReview(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) {}

    /// Instead of `review` where there is no message: the end of what `take` changed of the query.
    func abandon(_ exchange: Exchange) {}

    // MARK: Its end

    /// Whether `conclude` does anything.
    var concludes: Bool { false }

    /// The exchange has ended: called once for each query that a client sent.
    func conclude(_ exchange: Exchange, _ bench: Workbench) {}

    /// A refresh that this handler began has come to its end: with a message in `Workbench.memory`, or without (`isWritten`).
    func refreshed(_ exchange: Exchange, _ bench: Workbench) {}

    // MARK: Upstreams

    /// Whether `saw` does anything.
    var watchesUpstreams: Bool { false }

    /// A message went to an upstream for this exchange, or came from one. `message` is as it travelled.
    func saw(_ hop: UpstreamHop, _ message: Span<UInt8>, _ exchange: Exchange) {}

    // MARK: Besides queries

    /// For the names of which zones directives are asked for metadata because of this one.
    var metadataZones: [DNSName] { [] }

    /// What the directive has to say about an exchange under `NAME/LABEL` (the words of `metadata`); nil for nothing.
    func metadata(_ label: Substring, _ exchange: Exchange) -> String? { nil }

    /// About once a second.
    func everySecond(_ now: Instant, _ worker: Worker) {}

    /// The handler is not used any more.
    func retire(_ worker: Worker) {}
}
