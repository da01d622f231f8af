import Testing

@testable import KubernetesClient
@testable import KubernetesObjects

extension ReflectorStateMachineTests {
    @Test("signals tell the sink about lists and bookmarks, and move the version")
    func signals() {
        var machine = Self.initial
        #expect(machine.observe(.accepted, now: .zero) == [.listBegan])
        #expect(machine.observe(.changed(resourceVersion: "3"), now: .zero) == [])
        #expect(machine.observe(.bookmark(resourceVersion: "4"), now: .zero) == [])
        #expect(
            machine.observe(.initialEventsEnded(resourceVersion: "5"), now: .zero) == [.listEnded(resourceVersion: "5")])
        #expect(machine.observe(.accepted, now: .zero) == [])
        #expect(machine.observe(.changed(resourceVersion: "6"), now: .zero) == [])
        #expect(machine.observe(.bookmark(resourceVersion: "8"), now: .zero) == [.bookmark(resourceVersion: "8")])
        #expect(machine.conclude(.ended, now: .seconds(1), draw: 0) == Self.watch("8"))
        #expect(
            machine.observe(.initialEventsEnded(resourceVersion: "9"), now: .zero) == [.bookmark(resourceVersion: "9")])
    }

    @Test("a list begins with its first page and not with the next ones")
    func listBegins() {
        var machines = [Self.firstPage, Self.wholeList, Self.secondPage]
        #expect(machines[0].observe(.accepted, now: .zero) == [.listBegan])
        #expect(machines[1].observe(.accepted, now: .zero) == [.listBegan])
        #expect(machines[2].observe(.accepted, now: .zero) == [])
        for signal in [
            Machine.Signal.changed(resourceVersion: "1"), .bookmark(resourceVersion: "1"),
            .initialEventsEnded(resourceVersion: "1"),
        ] {
            #expect(machines[0].observe(signal, now: .zero) == [])
        }
    }

    @Test("late signals in idle and waiting states change nothing")
    func lateSignals() {
        for machine in [Self.idle, Self.waitingToBegin] {
            for signal in [
                Machine.Signal.accepted, .changed(resourceVersion: "1"), .bookmark(resourceVersion: "1"),
                .initialEventsEnded(resourceVersion: "1"),
            ] {
                var copy = machine
                #expect(copy.observe(signal, now: .zero) == [])
                #expect(copy == machine)
            }
        }
    }

    @Test("a refused WatchList is remembered when a list is needed again")
    func remembersRefusal() {
        var machine = Self.initial
        _ = machine.conclude(.failed(Self.status(422)), now: .zero, draw: 0)
        _ = machine.conclude(Self.page(""), now: .zero, draw: 0)
        _ = machine.conclude(.failed(Self.status(410)), now: .zero, draw: 0)
        #expect(machine.conclude(.waited, now: .zero, draw: 0) == Self.list(.first(.notOlderThan("7"))))
    }

    @Test("initial events that never come to their end twice give way to lists")
    func unfinishedInitialEvents() {
        var machine = Self.initial
        _ = machine.conclude(.failed(.silent(.seconds(90))), now: .zero, draw: 0)
        #expect(machine.conclude(.waited, now: .zero, draw: 0) == Self.initialWatch(.mostRecent))
        _ = machine.conclude(.ended, now: .zero, draw: 0)
        #expect(machine.conclude(.waited, now: .zero, draw: 0) == Self.list(.first(.mostRecent)))
    }

    @Test("a watch that cannot be decoded twice at one place is replaced by a list")
    func undecodableTwice() {
        var machine = Self.progressed
        _ = machine.conclude(.failed(.undecodable("x")), now: .zero, draw: 0)
        #expect(machine.conclude(.waited, now: .zero, draw: 0) == Self.watch("9"))
        _ = machine.conclude(.failed(.undecodable("x")), now: .zero, draw: 0)
        #expect(machine.conclude(.waited, now: .zero, draw: 0) == Self.list(.first(.notOlderThan("9"))))
    }

    @Test("a fault is reported once until an answer is good again")
    func reportsOnce() {
        var machine = Self.initial
        #expect(!machine.conclude(.failed(Self.status(404)), now: .zero, draw: 0).notices.isEmpty)
        _ = machine.conclude(.waited, now: .zero, draw: 0)
        #expect(machine.conclude(.failed(Self.status(404)), now: .zero, draw: 0).notices.isEmpty)
        _ = machine.conclude(.waited, now: .zero, draw: 0)
        _ = machine.observe(.accepted, now: .zero)
        #expect(!machine.conclude(.failed(Self.status(404)), now: .zero, draw: 0).notices.isEmpty)
    }

    @Test("waits double from 0.8 s to 26 s with jitter and start anew after two healthy minutes")
    func backoff() {
        var backoff = Backoff()
        var now: Duration = .zero
        var waits: [Duration] = []
        for _ in 0..<7 {
            let wait = backoff.failed(now: now, draw: 0)
            waits.append(wait)
            now += wait
        }
        #expect(
            waits == [
                .milliseconds(800), .milliseconds(1_600), .milliseconds(3_200), .milliseconds(6_400),
                .milliseconds(12_800), .seconds(13), .seconds(13),
            ])
        #expect(backoff.failed(now: now, draw: 0.999) <= .seconds(26))
        #expect(backoff.failed(now: now + .seconds(200), draw: 0.5) == .milliseconds(1_200))
    }

    @Test("what an outage has added to the wait does not delay the list that a server needs which was started again; an endless 410 does")
    func expiryAfterOutage() {
        var machine = Self.progressed
        var now: Duration = .zero
        for _ in 0..<8 {
            guard case .wait(let wait) = machine.conclude(.failed(Self.status(503)), now: now, draw: 0.5).step else { break }
            now += wait
            _ = machine.conclude(.waited, now: now, draw: 0)
        }
        #expect(machine.conclude(.failed(Self.status(410)), now: now, draw: 0.999).step == .wait(.milliseconds(800) * 1.999))
        var waits: [Duration] = []
        for _ in 0..<8 {
            _ = machine.conclude(.waited, now: now, draw: 0)
            _ = machine.conclude(Self.page(""), now: now, draw: 0)
            guard case .wait(let wait) = machine.conclude(.failed(Self.status(410)), now: now, draw: 0).step else { break }
            waits.append(wait)
            now += wait
        }
        #expect(waits.count == 8 && waits.last == Backoff.last)
    }

    @Test("a server that refuses the first watch is asked for a list, and for such a watch again the next time")
    func forbiddenAtFirst() {
        var machine = Self.initial
        #expect(machine.conclude(.failed(Self.status(403)), now: .zero, draw: 0) == Self.list(.first(.mostRecent)))
        _ = machine.conclude(Self.page(""), now: .zero, draw: 0)
        _ = machine.conclude(.failed(Self.status(410)), now: .zero, draw: 0)
        #expect(machine.conclude(.waited, now: .zero, draw: 0) == Self.initialWatch(.notOlderThan("7")))
    }

    @Test("a server's wish for patience is bounded")
    func boundedRetryAfter() {
        var machine = Self.initial
        let decision = machine.conclude(.failed(Self.status(429, retryAfter: .seconds(86_400))), now: .zero, draw: 0)
        #expect(decision.step == .wait(.seconds(300)))
    }

    @Test("watches ask for 5 to 10 minutes", arguments: [(0.0, 300), (0.5, 450), (0.999, 599)])
    func watchTimeout(draw: Double, seconds: Int) {
        var machine = Machine()
        #expect(
            machine.conclude(.started, now: .zero, draw: draw).step
                == .watch(
                    WatchRequest(start: .initialEvents(.mostRecent), timeout: seconds, offer: .protobufOrJSON)))
    }

    @Test("an empty watch that lasted is followed at once by the next")
    func quietWatch() {
        var machine = Self.watching
        guard case .watch(let request) = machine.conclude(.ended, now: .seconds(300), draw: 0).step else {
            Issue.record("no watch")
            return
        }
        #expect(request.start == .after("7"))
    }

    @Test("requests spell their queries as the API server reads them")
    func queries() {
        func text(_ query: [(name: String, value: String)]) -> String {
            query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        }
        func page(_ page: ListRequest.Page) -> String {
            text(ListRequest(page: page, offer: .jsonOnly).query(pageSize: 500))
        }
        func watch(_ start: WatchRequest.Start) -> String {
            text(WatchRequest(start: start, timeout: 321, offer: .jsonOnly).query)
        }
        #expect(page(.first(.mostRecent)) == "limit=500")
        #expect(page(.first(.notOlderThan("5"))) == "limit=500&resourceVersion=5&resourceVersionMatch=NotOlderThan")
        #expect(page(.next(token: "abc", resourceVersion: "5")) == "limit=500&continue=abc")
        #expect(page(.whole) == "")
        let common = "watch=true&allowWatchBookmarks=true&timeoutSeconds=321"
        #expect(watch(.after("5")) == "\(common)&resourceVersion=5")
        #expect(
            watch(.initialEvents(.mostRecent)) == "\(common)&sendInitialEvents=true&resourceVersionMatch=NotOlderThan")
        #expect(
            watch(.initialEvents(.notOlderThan("5")))
                == "\(common)&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=5")
    }

    @Test("config maps are asked for as metadata, everything else whole")
    func accept() {
        let offer = EncodingOffer.protobufOrJSON
        #expect(offer.accept(for: .pods, list: true) == "application/vnd.kubernetes.protobuf,application/json")
        #expect(EncodingOffer.jsonOnly.accept(for: .pods, list: false) == "application/json")
        #expect(
            offer.accept(for: .configMaps, list: true)
                == "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
                + "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json")
        #expect(
            EncodingOffer.jsonOnly.accept(for: .configMaps, list: false)
                == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json")
    }
}
