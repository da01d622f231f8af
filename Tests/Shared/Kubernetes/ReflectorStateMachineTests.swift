import Testing

@testable import KubernetesClient
@testable import KubernetesObjects

/// What happens in each state at each event, written out.
@Suite("Reflector state machine")
struct ReflectorStateMachineTests {
    typealias Machine = ReflectorStateMachine
    typealias Decision = ReflectorStateMachine.Decision

    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var start: Machine
        var outcome: Machine.Outcome
        var decision: Decision
        var state: Machine.State
        var testDescription: String { name }

        init(
            _ name: String, _ start: Machine, _ outcome: Machine.Outcome, _ decision: Decision, _ state: Machine.State
        ) {
            (self.name, self.start, self.outcome, self.decision, self.state) = (name, start, outcome, decision, state)
        }
    }

    // MARK: Steps as expected with a draw of 0: no jitter, watches of 300 s.

    static func initialWatch(_ start: ListStart, offer: EncodingOffer = .protobufOrJSON) -> Decision {
        Decision(step: .watch(WatchRequest(start: .initialEvents(start), timeout: 300, offer: offer)))
    }

    static func watch(_ version: String, offer: EncodingOffer = .protobufOrJSON, listEnded: Bool = false) -> Decision {
        Decision(
            notices: listEnded ? [.listEnded(resourceVersion: version)] : [],
            step: .watch(WatchRequest(start: .after(version), timeout: 300, offer: offer)))
    }

    static func list(_ page: ListRequest.Page, offer: EncodingOffer = .protobufOrJSON) -> Decision {
        Decision(step: .list(ListRequest(page: page, offer: offer)))
    }

    static func wait(_ duration: Duration = .milliseconds(800), _ fault: ReflectorFault? = nil) -> Decision {
        Decision(notices: fault.map { [.report($0, retryAfter: duration)] } ?? [], step: .wait(duration))
    }

    static func status(_ code: Int, _ reason: String = "", retryAfter: Duration? = nil) -> ReflectorFault {
        .status(APIStatus(code: code, reason: reason, message: "", retryAfter: retryAfter))
    }

    static let tooLarge = ReflectorFault.status(
        APIStatus(code: 504, reason: "Timeout", message: "Too large resource version: 9, current: 5"))

    // MARK: Machines that were led into each state.

    static func driven(
        watchList: Bool = true, _ outcomes: [Machine.Outcome], signals: [Machine.Signal] = []
    ) -> Machine {
        var machine = Machine(usesWatchList: watchList)
        for outcome in outcomes { _ = machine.conclude(outcome, now: .zero, draw: 0) }
        for signal in signals { _ = machine.observe(signal, now: .zero) }
        return machine
    }

    static func page(_ token: String) -> Machine.Outcome {
        .pageEnded(ListMetadata(resourceVersion: "7", continueToken: token))
    }

    static let idle = Machine()
    static let initial = driven([.started])
    static let firstPage = driven(watchList: false, [.started])
    static let secondPage = driven(watchList: false, [.started, page("more")])
    static let wholeList = driven(watchList: false, [.started, page("more"), .failed(status(410))])
    /// Watching from 7, nothing seen yet.
    static let watching = driven(watchList: false, [.started, page("")])
    /// Watching, has seen 9.
    static let progressed = driven(watchList: false, [.started, page("")], signals: [.changed(resourceVersion: "9")])
    static let waitingToBegin = driven([.started, .failed(.connection("refused"))])

    static func isWatching(_ version: String) -> Machine.State {
        .watching(Machine.Watching(resourceVersion: version, opened: .zero))
    }

    static let next = ListRequest.Page.next(token: "more", resourceVersion: "7")

    static let rows: [Row] =
        idleRows + initialRows + listingRows + watchingRows + waitingRows + confirmingRows

    /// Watched up to 9, lost the server, and asks what came back how far it has got.
    static let confirming = {
        var machine = progressed
        _ = machine.conclude(.failed(.connection("refused")), now: .zero, draw: 0)
        _ = machine.conclude(.waited, now: .zero, draw: 0)
        return machine
    }()
    static let confirm9 = Decision(step: .confirm("9"))

    static let confirmingRows = [
        Row(
            "a server that was away is asked how far it has got",
            {
                var machine = progressed
                _ = machine.conclude(.failed(.connection("refused")), now: .zero, draw: 0)
                return machine
            }(), .waited, confirm9, .confirming("9")),
        Row(
            "so is one whose proxy answered for it",
            {
                var machine = progressed
                _ = machine.conclude(.failed(status(503)), now: .zero, draw: 0)
                return machine
            }(), .waited, confirm9, .confirming("9")),
        Row("it has got as far", confirming, .confirmed, watch("9"), isWatching("9")),
        Row("its versions went back", confirming, .failed(.rewound), wait(.milliseconds(800), .rewound), againInitial),
        Row("it is away again", confirming, .failed(.connection("refused")), wait(.milliseconds(1600)), again9),
        Row("it has forgotten", confirming, .failed(status(410)), wait(), relist9),
        Row("it knows no such resource", confirming, .failed(status(404)), wait(.seconds(60), status(404)), againInitial),
    ]

    static let idleRows = [
        Row("idle, started", idle, .started, initialWatch(.mostRecent), .initialEvents(.mostRecent)),
        Row("idle, page ended", idle, page(""), initialWatch(.mostRecent), .initialEvents(.mostRecent)),
        Row("idle, ended", idle, .ended, initialWatch(.mostRecent), .initialEvents(.mostRecent)),
        Row("idle, failed", idle, .failed(.cut), initialWatch(.mostRecent), .initialEvents(.mostRecent)),
        Row("idle, waited", idle, .waited, initialWatch(.mostRecent), .initialEvents(.mostRecent)),
        Row(
            "idle without WatchList, started", Machine(usesWatchList: false), .started, list(.first(.mostRecent)),
            .listing(.first(.mostRecent))),
    ]

    static let againInitial = Machine.State.waiting(.begin(.mostRecent))

    static let initialRows =
        [400, 403, 405, 422].map { code in
            Row(
                "initial events refused with \(code)", initial, .failed(status(code)), list(.first(.mostRecent)),
                .listing(.first(.mostRecent)))
        }
        + [
            Row("initial events, 401", initial, .failed(status(401)), wait(.milliseconds(800), status(401)), againInitial),
            Row("initial events, 404", initial, .failed(status(404)), wait(.seconds(60), status(404)), againInitial),
            Row(
                "initial events, 406", initial, .failed(status(406)), initialWatch(.mostRecent, offer: .jsonOnly),
                .initialEvents(.mostRecent)),
            Row("initial events, 410", initial, .failed(status(410)), wait(), againInitial),
            Row("initial events, too large", initial, .failed(tooLarge), wait(), againInitial),
            Row("initial events, 500", initial, .failed(status(500)), wait(.milliseconds(800), status(500)), againInitial),
            Row(
                "initial events, 429 with Retry-After", initial, .failed(status(429, retryAfter: .seconds(7))),
                wait(.seconds(7), status(429, retryAfter: .seconds(7))), againInitial),
            Row("initial events, ended before their end", initial, .ended, wait(.milliseconds(800), .cut), againInitial),
            Row("initial events, cut", initial, .failed(.cut), wait(.milliseconds(800), .cut), againInitial),
            Row(
                "initial events, connection", initial, .failed(.connection("x")),
                wait(.milliseconds(800), .connection("x")), againInitial),
            Row("initial events, started", initial, .started, wait(), againInitial),
            Row("initial events, page ended", initial, page(""), wait(), againInitial),
            Row("initial events, waited", initial, .waited, wait(), againInitial),
        ]

    static let listingRows = [
        Row("first page ends the list", firstPage, page(""), watch("7", listEnded: true), isWatching("7")),
        Row("first page of more", firstPage, page("more"), list(next), .listing(next)),
        Row(
            "later pages keep the first one's version", secondPage,
            .pageEnded(ListMetadata(resourceVersion: "8", continueToken: "")), watch("7", listEnded: true),
            isWatching("7")),
        Row("expired continue token", secondPage, .failed(status(410)), list(.whole), .listing(.whole)),
        Row("whole list ends", wholeList, page(""), watch("7", listEnded: true), isWatching("7")),
        Row(
            "whole list expired", wholeList, .failed(status(410)), wait(),
            .waiting(.list(.first(.mostRecent)))),
        Row(
            "page without a version", firstPage, .pageEnded(ListMetadata(resourceVersion: "", continueToken: "")),
            wait(.milliseconds(800), .undecodable("the list has no resourceVersion")),
            .waiting(.list(.first(.mostRecent)))),
        Row(
            "second page, connection lost", secondPage, .failed(.connection("x")),
            wait(.milliseconds(800), .connection("x")), .waiting(.list(next))),
        Row(
            "second page, silent", secondPage, .failed(.silent(.seconds(75))),
            wait(.milliseconds(800), .silent(.seconds(75))), .waiting(.list(next))),
        Row("second page, cut", secondPage, .failed(.cut), wait(.milliseconds(800), .cut), .waiting(.list(next))),
        Row("second page, ended", secondPage, .ended, wait(.milliseconds(800), .cut), .waiting(.list(next))),
        Row(
            "second page, not decodable", secondPage, .failed(.undecodable("x")),
            wait(.milliseconds(800), .undecodable("x")), .waiting(.list(.first(.mostRecent)))),
        Row(
            "list, 415", firstPage, .failed(status(415)), list(.first(.mostRecent), offer: .jsonOnly),
            .listing(.first(.mostRecent))),
        Row(
            "list, 403", firstPage, .failed(status(403)), wait(.milliseconds(800), status(403)),
            .waiting(.list(.first(.mostRecent)))),
        Row(
            "list, 404", firstPage, .failed(status(404)), wait(.seconds(60), status(404)),
            .waiting(.list(.first(.mostRecent)))),
        Row("list, too large", firstPage, .failed(tooLarge), wait(), .waiting(.list(.first(.mostRecent)))),
        Row("list, started", firstPage, .started, wait(), .waiting(.begin(.mostRecent))),
        Row("list, waited", firstPage, .waited, wait(), .waiting(.begin(.mostRecent))),
    ]

    static let again9 = Machine.State.waiting(.watch("9"))
    static let relist9 = Machine.State.waiting(.begin(.notOlderThan("9")))

    static let watchingRows =
        [401, 403, 408, 429, 500, 503].map { code in
            Row("watch, \(code)", progressed, .failed(status(code)), wait(.milliseconds(800), status(code)), again9)
        }
        + [
            Row("watch ended early with progress", progressed, .ended, wait(.seconds(1)), again9),
            Row("watch ended at once", watching, .ended, wait(), .waiting(.watch("7"))),
            Row("watch, 410", progressed, .failed(status(410)), wait(), relist9),
            Row("watch, Expired in an ERROR event", progressed, .failed(status(0, "Expired")), wait(), relist9),
            Row("watch, too large", progressed, .failed(tooLarge), wait(), .waiting(.begin(.mostRecent))),
            Row("watch, 400", progressed, .failed(status(400)), wait(.milliseconds(800), status(400)), relist9),
            Row(
                "watch, 404", progressed, .failed(status(404)), wait(.seconds(60), status(404)),
                .waiting(.begin(.mostRecent))),
            Row("watch, 406", progressed, .failed(status(406)), watch("9", offer: .jsonOnly), isWatching("9")),
            Row("watch cut", progressed, .failed(.cut), wait(.milliseconds(800), .cut), again9),
            Row(
                "watch silent", progressed, .failed(.silent(.seconds(90))),
                wait(.milliseconds(800), .silent(.seconds(90))), again9),
            Row(
                "watch, connection", progressed, .failed(.connection("x")), wait(.milliseconds(800), .connection("x")),
                again9),
            Row(
                "watch, a proxy's page", progressed, .failed(.unexpectedContentType("text/html")),
                wait(.milliseconds(800), .unexpectedContentType("text/html")), again9),
            Row(
                "watch not decodable once", progressed, .failed(.undecodable("x")),
                wait(.milliseconds(800), .undecodable("x")), again9),
            Row("watch, started", progressed, .started, wait(), relist9),
            Row("watch, page ended", progressed, page(""), wait(), relist9),
            Row("watch, waited", progressed, .waited, wait(), relist9),
        ]

    static let waitingRows = [Machine.Outcome.started, .waited, .ended, .failed(.cut), page("")].map {
        Row("waiting, \($0)", waitingToBegin, $0, initialWatch(.mostRecent), .initialEvents(.mostRecent))
    }

    @Test("every state answers every outcome as written here", arguments: rows)
    func outcomes(row: Row) {
        var machine = row.start
        #expect(machine.conclude(row.outcome, now: .zero, draw: 0) == row.decision)
        // What a new watch has seen is compared without the moment of its opening, which is zero throughout.
        #expect(machine.state == row.state)
    }
}
