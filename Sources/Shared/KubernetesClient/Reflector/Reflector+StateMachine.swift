import KubernetesObjects

/// What a reflector does next, decided without doing it: a value that is told what happened and answers with what to do.
///
/// Its task is to list a resource, watch it from there, and go on doing so whatever the server or the network does, in a
/// way that never goes back in time and never forgets what is known before a new list has replaced it.
struct ReflectorStateMachine: Hashable, Sendable {
    enum State: Hashable, Sendable {
        case idle
        /// The list arrives as events of a watch; `accepted` when the server has answered with 2xx.
        case initialEvents(ListStart)
        case listing(ListRequest.Page)
        /// The server is asked whether it has got as far as this version before a watch goes on there.
        case confirming(String)
        case watching(Watching)
        case waiting(Resumption)
    }

    struct Watching: Hashable, Sendable {
        /// Where the next watch goes on.
        var resourceVersion: String
        /// Of the reflector's clock.
        var opened: Duration
        /// Whether it brought anything.
        var progressed = false

        /// Forward only, where versions can be compared: events may arrive out of order.
        mutating func advance(to version: String) {
            if let old = UInt64(resourceVersion), let new = UInt64(version), new < old { return }
            resourceVersion = version
        }
    }

    /// What follows a wait.
    enum Resumption: Hashable, Sendable {
        case begin(ListStart)
        case list(ListRequest.Page)
        case watch(String)
    }

    /// What happens while an answer arrives.
    enum Signal: Hashable, Sendable {
        /// The answer began with 2xx.
        case accepted
        case changed(resourceVersion: String)
        case bookmark(resourceVersion: String)
        case initialEventsEnded(resourceVersion: String)
    }

    /// How a step ended.
    enum Outcome: Hashable, Sendable {
        case started
        case pageEnded(ListMetadata)
        /// The server has got as far as was asked.
        case confirmed
        /// The server ended the watch in good order.
        case ended
        case failed(ReflectorFault)
        case waited
    }

    /// What others are to be told, in order.
    enum Notice: Hashable, Sendable {
        case listBegan
        case listEnded(resourceVersion: String)
        case bookmark(resourceVersion: String)
        /// A fault that was not reported since things last went well.
        case report(ReflectorFault, retryAfter: Duration)
    }

    enum Step: Hashable, Sendable {
        case list(ListRequest)
        /// Asks whether the server has got as far as this resourceVersion.
        case confirm(String)
        case watch(WatchRequest)
        case wait(Duration)
    }

    struct Decision: Hashable, Sendable {
        var notices: [Notice] = []
        var step: Step
    }

    /// Servers that lack a resource are asked again after this long.
    static let missingResourceInterval: Duration = .seconds(60)
    /// A server may ask for patience, up to here.
    static let longestRetryAfter: Duration = .seconds(300)
    /// An empty watch that ends sooner counts as a failure, or else a server that ends all of them would be asked without pause.
    static let shortestWatch: Duration = .seconds(1)
    /// After so many initial lists by watch that never came to their end, lists are used instead.
    static let unfinishedInitialEventsLimit = 2

    private(set) var state: State = .idle
    private(set) var offer: EncodingOffer = .protobufOrJSON
    private(set) var usesWatchList: Bool
    private let watchSeconds: Int
    private var backoff = Backoff()
    /// Of versions that the server says have expired. It is then there and answers: what its absence has added to the wait is no reason to
    /// wait on, and a server that was started again forgets the versions of all resources.
    private var expiryBackoff = Backoff()
    private var reportedCause: String?
    private var unfinishedInitialEvents = 0
    /// Whether the server was away since it was last heard. What comes back may be another one, with its store restored from a backup, and
    /// a server takes a watch from a version that it has not reached, and sends nothing until it has (`getAllEventsSinceLocked` in
    /// apiserver's storage/cacher): all changes before that would be missed.
    private var hasBeenAway = false
    /// Where a watch last ended with bytes that could not be decoded.
    private var undecodableAt: String?

    /// - Parameter watchTimeout: of a watch at least, and less than twice that; rounded to whole seconds.
    init(usesWatchList: Bool = true, watchTimeout: Duration = .seconds(300)) {
        self.usesWatchList = usesWatchList
        watchSeconds = Int(clamping: max(1, watchTimeout.components.seconds))
    }
}

// MARK: - While an answer arrives

extension ReflectorStateMachine {
    mutating func observe(_ signal: Signal, now: Duration) -> [Notice] {
        switch state {
        case .idle, .waiting, .confirming:
            // Nothing is under way; a late signal changes nothing.
            return []
        case .initialEvents:
            switch signal {
            case .accepted:
                reportedCause = nil
                return [.listBegan]
            case .changed, .bookmark:
                // Part of the list, which has no resourceVersion of its own before its end.
                return []
            case .initialEventsEnded(let version):
                unfinishedInitialEvents = 0
                state = .watching(Watching(resourceVersion: version, opened: now, progressed: true))
                return [.listEnded(resourceVersion: version)]
            }
        case .listing(let page):
            switch signal {
            case .accepted:
                reportedCause = nil
                switch page {
                case .first, .whole: return [.listBegan]
                case .next: return []
                }
            case .changed, .bookmark, .initialEventsEnded:
                return []
            }
        case .watching(var watching):
            switch signal {
            case .accepted:
                reportedCause = nil
                return []
            case .changed(let version):
                watching.advance(to: version)
                watching.progressed = true
                state = .watching(watching)
                return []
            case .bookmark(let version), .initialEventsEnded(let version):
                watching.advance(to: version)
                watching.progressed = true
                state = .watching(watching)
                return [.bookmark(resourceVersion: version)]
            }
        }
    }
}

// MARK: - When a step has ended

extension ReflectorStateMachine {
    /// - Parameters:
    ///   - now: of the reflector's clock.
    ///   - draw: random, 0 ..< 1, for whatever is to be spread.
    mutating func conclude(_ outcome: Outcome, now: Duration, draw: Double) -> Decision {
        let moment = Moment(now: now, draw: draw)
        switch state {
        case .idle:
            switch outcome {
            case .started, .pageEnded, .confirmed, .ended, .failed, .waited: return resume(.begin(.mostRecent), moment)
            }
        case .waiting(let resumption):
            switch outcome {
            case .started, .pageEnded, .confirmed, .ended, .failed, .waited: return resume(resumption, moment)
            }
        case .confirming(let version):
            switch outcome {
            case .confirmed:
                hasBeenAway = false
                reportedCause = nil
                return resume(.watch(version), moment)
            case .failed(.rewound):
                // It is there and answers, as one that has forgotten a version.
                hasBeenAway = false
                reportedCause = ReflectorFault.rewound.cause
                let wait = waitForList(.mostRecent, moment)
                return Decision(notices: [.report(.rewound, retryAfter: wait)], step: .wait(wait))
            case .failed(let fault): return watchingFailed(fault, version, moment)
            case .started, .pageEnded, .ended, .waited: return later(.watch(version), moment)
            }
        case .initialEvents(let start):
            switch outcome {
            case .ended: return initialEventsUnfinished(.cut, start, moment)
            case .failed(let fault): return initialEventsFailed(fault, start, moment)
            case .started, .pageEnded, .confirmed, .waited: return later(.begin(start), moment)
            }
        case .listing(let page):
            switch outcome {
            case .pageEnded(let metadata): return pageEnded(metadata, page, moment)
            case .failed(let fault): return listingFailed(fault, page, moment)
            case .ended: return listingFailed(.cut, page, moment)
            case .started, .confirmed, .waited: return later(.begin(.mostRecent), moment)
            }
        case .watching(let watching):
            switch outcome {
            case .ended:
                let again = Resumption.watch(watching.resourceVersion)
                let lived = now - watching.opened
                if lived >= Self.shortestWatch { return resume(again, moment) }
                guard watching.progressed else { return later(again, moment) }
                // No failure, but servers that end each watch after an event are not asked more often either.
                state = .waiting(again)
                return Decision(step: .wait(Self.shortestWatch - lived))
            case .failed(let fault): return watchingFailed(fault, watching.resourceVersion, moment)
            case .started, .pageEnded, .confirmed, .waited: return later(.begin(.notOlderThan(watching.resourceVersion)), moment)
            }
        }
    }

    private struct Moment {
        var now: Duration
        var draw: Double
    }

    private mutating func resume(_ resumption: Resumption, _ moment: Moment) -> Decision {
        switch resumption {
        case .begin(let start):
            // Either the newest state is asked for, or a version that the server refuses if it has not reached it.
            hasBeenAway = false
            guard usesWatchList else { return resume(.list(.first(start)), moment) }
            state = .initialEvents(start)
            return Decision(step: .watch(watchRequest(.initialEvents(start), moment)))
        case .list(let page):
            state = .listing(page)
            return Decision(step: .list(ListRequest(page: page, offer: offer)))
        case .watch(let version):
            if hasBeenAway {
                state = .confirming(version)
                return Decision(step: .confirm(version))
            }
            state = .watching(Watching(resourceVersion: version, opened: moment.now))
            return Decision(step: .watch(watchRequest(.after(version), moment)))
        }
    }

    /// The server ends the watch when it is asked to; spread, so that not all come back at once.
    private func watchRequest(_ start: WatchRequest.Start, _ moment: Moment) -> WatchRequest {
        WatchRequest(start: start, timeout: watchSeconds + Int(Double(watchSeconds) * moment.draw), offer: offer)
    }

    /// Waits as the back-off says, or as the server asks.
    private mutating func later(
        _ resumption: Resumption, _ moment: Moment, after fault: ReflectorFault? = nil
    ) -> Decision {
        var wait = backoff.failed(now: moment.now, draw: moment.draw)
        if case .status(let status) = fault {
            if status.code == 404 { wait = Self.missingResourceInterval * (1 + moment.draw / 10) }
            if let asked = status.retryAfter { wait = max(wait, min(asked, Self.longestRetryAfter)) }
        }
        state = .waiting(resumption)
        var decision = Decision(step: .wait(wait))
        if let fault, fault.cause != reportedCause {
            reportedCause = fault.cause
            decision.notices.append(.report(fault, retryAfter: wait))
        }
        return decision
    }

    /// Waits a little for a list from a server that answers, but has no use for the version that is known.
    private mutating func waitForList(_ start: ListStart, _ moment: Moment) -> Duration {
        state = .waiting(.begin(start))
        return expiryBackoff.failed(now: moment.now, draw: moment.draw)
    }

    /// Whether the server refused protobuf and JSON alone is still to be tried.
    private mutating func fallsBackToJSON(_ status: APIStatus) -> Bool {
        guard status.code == 406 || status.code == 415, offer == .protobufOrJSON else { return false }
        offer = .jsonOnly
        return true
    }
}

// MARK: - Failures, state by state

extension ReflectorStateMachine {
    private mutating func initialEventsFailed(
        _ fault: ReflectorFault, _ start: ListStart, _ moment: Moment
    ) -> Decision {
        switch fault {
        case .status(let status):
            if status.isExpired || status.isResourceVersionTooLarge {
                return later(.begin(.mostRecent), moment)
            }
            if fallsBackToJSON(status) { return resume(.begin(start), moment) }
            switch status.code {
            case 400, 405, 422:
                // The server does not know this kind of watch.
                usesWatchList = false
                return resume(.list(.first(start)), moment)
            case 403:
                // It does not allow it, or not yet: a server that starts refuses what it will allow when it has read its roles.
                return resume(.list(.first(start)), moment)
            default: return later(.begin(start), moment, after: fault)
            }
        case .connection, .unresponsive: return later(.begin(start), moment, after: fault)
        case .silent, .overdue, .cut, .undecodable, .unexpectedContentType, .unmarkedInitialEvents:
            return initialEventsUnfinished(fault, start, moment)
        case .disordered, .drifted, .rewound: return later(.begin(.mostRecent), moment, after: fault)
        }
    }

    /// A server or proxy in between that takes the request for an ordinary watch never sends the end of the list.
    private mutating func initialEventsUnfinished(
        _ fault: ReflectorFault, _ start: ListStart, _ moment: Moment
    ) -> Decision {
        unfinishedInitialEvents += 1
        if unfinishedInitialEvents >= Self.unfinishedInitialEventsLimit { usesWatchList = false }
        return later(.begin(start), moment, after: fault)
    }

    private mutating func pageEnded(
        _ metadata: ListMetadata, _ page: ListRequest.Page, _ moment: Moment
    ) -> Decision {
        let version: String
        switch page {
        case .first, .whole: version = metadata.resourceVersion
        case .next(_, let first): version = first
        }
        guard !version.isEmpty else {
            return listingFailed(.undecodable("the list has no resourceVersion"), page, moment)
        }
        guard metadata.continueToken.isEmpty else {
            return resume(.list(.next(token: metadata.continueToken, resourceVersion: version)), moment)
        }
        var decision = resume(.watch(version), moment)
        decision.notices = [.listEnded(resourceVersion: version)]
        return decision
    }

    private mutating func listingFailed(
        _ fault: ReflectorFault, _ page: ListRequest.Page, _ moment: Moment
    ) -> Decision {
        switch fault {
        case .status(let status):
            if status.isExpired {
                switch page {
                // Too slow for the token's life; one answer has no token that could age.
                case .next: return resume(.list(.whole), moment)
                case .first, .whole: return later(.list(.first(.mostRecent)), moment)
                }
            }
            if status.isResourceVersionTooLarge { return later(.list(.first(.mostRecent)), moment) }
            if fallsBackToJSON(status) { return resume(.list(page), moment) }
            if status.code == 404 { return later(.list(.first(.mostRecent)), moment, after: fault) }
            return later(.list(page), moment, after: fault)
        case .connection, .silent, .overdue, .unresponsive, .cut, .unexpectedContentType:
            return later(.list(page), moment, after: fault)
        case .undecodable, .disordered, .drifted, .rewound, .unmarkedInitialEvents:
            return later(.list(.first(.mostRecent)), moment, after: fault)
        }
    }

    private mutating func watchingFailed(
        _ fault: ReflectorFault, _ version: String, _ moment: Moment
    ) -> Decision {
        switch fault {
        case .status(let status):
            if status.isExpired {
                return Decision(step: .wait(waitForList(.notOlderThan(version), moment)))
            }
            if status.isResourceVersionTooLarge { return later(.begin(.mostRecent), moment) }
            if fallsBackToJSON(status) { return resume(.watch(version), moment) }
            switch status.code {
            case 401, 403, 408, 429: return later(.watch(version), moment, after: fault)
            case 500...599:
                // From whatever stands in front of a server that is not there.
                hasBeenAway = true
                return later(.watch(version), moment, after: fault)
            case 404: return later(.begin(.mostRecent), moment, after: fault)
            default: return later(.begin(.notOlderThan(version)), moment, after: fault)
            }
        case .connection, .unresponsive:
            hasBeenAway = true
            return later(.watch(version), moment, after: fault)
        case .silent, .overdue, .cut, .unexpectedContentType: return later(.watch(version), moment, after: fault)
        // The server's newest state, not its cache's: the versions that a cache could be asked for are in doubt.
        case .disordered, .drifted, .rewound, .unmarkedInitialEvents:
            return later(.begin(.mostRecent), moment, after: fault)
        case .undecodable:
            // Once may be a fault of the network; twice at one place is in the data, and a list goes around it.
            let isSecond = undecodableAt == version
            undecodableAt = isSecond ? nil : version
            return later(isSecond ? .begin(.notOlderThan(version)) : .watch(version), moment, after: fault)
        }
    }
}
