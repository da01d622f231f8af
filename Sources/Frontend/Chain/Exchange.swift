import MizzenSystem

/// Where the answer to a query goes.
enum ReplyPath {
    /// A datagram of the batch at hand.
    case slot(Int, Listener)
    /// A datagram whose batch is gone.
    case datagram(DatagramPeer, Listener)
    case stream(Connection)
    /// Another exchange waits for it.
    case exchange(Exchange)
    /// A directive began it by itself (`DirectiveHandler.refreshed`).
    case handler(DirectiveHandler)
    /// Nobody waits: a client that there is not asks, to see what would become of its query.
    case paper(client: SocketAddress, local: SocketAddress)
    /// The exchange is not in use. It holds no listener, whose sockets would stay open, and no other exchange.
    case nobody
}

/// One query on its way through a server: the question, how far it has come, and what the directives have noted of it.
///
/// A worker has one for the query at hand and takes another when that one has to wait, so the usual query allocates none.
final class Exchange {
    /// The question as directives see it; `rewrite` changes it on the way in, and back on the way out.
    var query = Query()
    /// Set before `run`.
    var server: WorkerServer
    var path: ReplyPath
    /// When the query came.
    var began: Instant = 0
    /// When nobody waits for the answer any more; the same for what is asked on this one's behalf.
    var deadline = Instant.max

    // MARK: The way through the chain

    /// The zone that took the query, and the chain of its block; nil for a query that no zone takes.
    var zone: WorkerServer.Zone?
    /// Index of the handler that has the query.
    var position = 0
    /// Which handlers have asked to see the answer: bit n for the handler at n.
    var reviewers: UInt64 = 0
    /// Whose `takeLate` is outstanding.
    var deferred: Int?
    /// The question that `deferred` has seen, if it was changed since.
    var deferredQuery: Question?
    /// Look-ups on behalf of look-ups.
    var depth = 0
    var lookup = Lookup()
    /// The answer under review, while that waits for `lookup`, and its response code.
    var reviewed: [UInt8]?
    var reviewedCode: UInt16 = 0
    /// The response code of the message that the handler waited for, if it came from this server.
    var replyCode: UInt16 = 0
    /// Whether `rewrite` has given this query another name, or the one on whose behalf it is a look-up: no name is rewritten twice.
    var isRewritten = false
    var request: UpstreamRequest?
    /// What handlers keep of this exchange, by their position.
    private var notes: [(position: Int, note: AnyObject)] = []

    // MARK: What came of it

    /// The rank of the directive that wrote the answer, as CoreDNS's `plugin` label says it: the outermost that reviewed it, else the one that
    /// answered. 0 where none did.
    var writer = 0
    /// Whether a directive answered; what a server says by itself is a code only.
    var isWritten = false
    /// The response code, extended ones whole.
    var code: UInt16 = 0
    /// Why the query failed, for the error log.
    var failure: String?
    /// Whether that was a directive's own mistake, which no query and no network excuses.
    var isMistake = false
    /// Whether records come from the record table, which has them always current: nobody keeps such an answer.
    var isFromTable = false
    /// Whether the answer is made for this one client, and nobody may keep it for others.
    var isPersonal = false
    /// Whether the answer is one that `forward` has kept, while upstreams deny the name: nobody else keeps it.
    var isLastGood = false
    /// Whether the answer came from an upstream as it is, with an OPT record of that hop.
    var hasUpstreamOPT = false
    /// The wildcard of a zone that the answer was made from: `zone/wildcard` among the metadata.
    var wildcard: DNSName?
    /// Options for the OPT record of the answer, ready to be sent.
    var options: [UInt8] = []
    /// The upstream that answered last.
    var upstream: SocketAddress?
    /// Octets of the query and of its answer, as they travelled. 0 for an answer that there is not.
    var requestSize = 0
    var responseSize = 0
    /// When the answer was ready; set only where somebody keeps books.
    var ended: Instant = 0

    init(server: WorkerServer, path: ReplyPath) {
        self.server = server
        self.path = path
    }

    /// Forgets all that a directive may have said. The question is the caller's to set.
    @inline(__always)
    func begin(_ server: WorkerServer, _ path: ReplyPath) {
        if self.server !== server { self.server = server }
        self.path = path
        deadline = .max
        if zone != nil { zone = nil }
        position = 0
        reviewers = 0
        deferred = nil
        if deferredQuery != nil { deferredQuery = nil }
        depth = 0
        if reviewed != nil { reviewed = nil }
        replyCode = 0
        isRewritten = false
        if request != nil { request = nil }
        if !notes.isEmpty { notes = [] }
        writer = 0
        isWritten = false
        code = 0
        if failure != nil { failure = nil }
        isMistake = false
        isFromTable = false
        isPersonal = false
        isLastGood = false
        hasUpstreamOPT = false
        if wildcard != nil { wildcard = nil }
        if !options.isEmpty { options = [] }
        if upstream != nil { upstream = nil }
        responseSize = 0
    }

    var chain: Chain? { zone?.chain }

    /// The exchange that a client (or a handler) began, and on whose behalf this one is.
    var root: Exchange {
        var root = self
        while case .exchange(let parent) = root.path { root = parent }
        return root
    }

    // MARK: For handlers

    /// What the handler at hand has kept of this exchange.
    func note<Note: AnyObject>(_ type: Note.Type) -> Note? {
        for entry in notes where entry.position == position { return entry.note as? Note }
        return nil
    }

    /// Keeps something until the handler at hand sees the exchange again.
    func keep(_ note: some AnyObject) {
        notes.removeAll { $0.position == position }
        notes.append((position, note))
    }

    /// Forgets the note of the handler at hand.
    func forgetNote() { notes.removeAll { $0.position == position } }

    /// Changes the question. Whoever does so says `nextAndReview` and changes it back in `review` and `abandon`.
    func ask(_ question: Question, _ bench: Workbench?) {
        if deferred != nil, deferredQuery == nil { deferredQuery = query.question }
        query.question = question
        if let bench { bench.begin(query, whole: chain?.wantsWholeAnswers ?? true) }
    }

    /// Adds an option to the OPT record of the answer, which has one if the query has.
    func addOption(_ code: UInt16, _ data: [UInt8]) {
        for word in [code, UInt16(clamping: data.count)] { options += [UInt8(word >> 8), UInt8(truncatingIfNeeded: word)] }
        options += data.prefix(Int(UInt16.max))
    }

    /// What this one's answer is made of is kept (`isLastGood`).
    func noteLastGood() {
        guard !isLastGood else { return }
        isLastGood = true
        addExtendedError(.staleAnswer)
    }

    /// A query that failed, for `return`.
    func fail(_ reason: String, _ outcome: Outcome = .serverFailure) -> Step {
        failure = reason
        return .fail(outcome)
    }

    /// Asks for a name to be resolved through all blocks of this port, for `return`.
    func look(up name: DNSName, _ type: RecordType) -> Step {
        lookup = Lookup(state: .wanted, name: name, type: type)
        return .lookup
    }

    /// Asks for a name to be resolved in the midst of a review; `DirectiveHandler.resumeReview` goes on with it.
    func lookUpInReview(_ name: DNSName, _ type: RecordType, _ bench: Workbench) {
        lookup = Lookup(state: .wanted, name: name, type: type)
        (reviewed, reviewedCode) = (bench.messageBytes, bench.code)
    }

    /// The query came over a connection.
    var isOverStream: Bool { query.transport != .udp }

    /// Who asks; nil for an exchange that no client began.
    var client: SocketAddress? {
        switch path {
        case .slot(let slot, let listener): listener.batch?.client(slot)
        case .datagram(let peer, _): peer.address
        case .stream(let connection): connection.peer
        case .paper(let client, _): client
        case .exchange(let parent): parent.client
        case .handler, .nobody: nil
        }
    }

    /// The address that the query came to, and its port.
    var local: SocketAddress? {
        switch path {
        case .slot(_, let listener), .datagram(_, let listener): listener.address
        case .stream(let connection): connection.listener.address
        case .paper(_, let local): local
        case .exchange(let parent): parent.local
        case .handler, .nobody: nil
        }
    }

    /// What directives say under `NAME/LABEL`; nil for what none knows, and where the Corefile does not say `metadata`.
    func metadata(_ label: String) -> String? {
        guard chain?.metadataZones.containZone(of: query.name) == true, let slash = label.firstIndex(of: "/") else { return nil }
        // Of several directives that answer from zones, so no one's own.
        if label == "zone/wildcard" { return wildcard?.description }
        for handler in chain?.all ?? [] where Directive.name(ofRank: handler.rank) == label[..<slash] {
            if let value = handler.metadata(label[label.index(after: slash)...], self) { return value }
        }
        return nil
    }

    /// The query was answered where IPv6 is spoken.
    var isV6: Bool {
        switch path {
        case .slot(_, let listener), .datagram(_, let listener): listener.address.isV6
        case .stream(let connection): connection.isV6
        case .paper(_, let local): local.isV6
        case .exchange(let parent): parent.isV6
        case .handler, .nobody: false
        }
    }
}
