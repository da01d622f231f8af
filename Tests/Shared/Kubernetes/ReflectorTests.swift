import KubernetesClient
import KubernetesObjects
import NIOCore
import NIOHTTP1
import Testing

/// The reflector against a server over real HTTP, with time of its own.
@Suite("Reflector over HTTP", .timeLimit(.minutes(1)))
struct ReflectorTests {
    struct Bench: Sendable {
        let sink = RecordingSink()
        let clock = JumpingClock()
        let observer = CountingObserver()
    }

    /// Runs a reflector of services against `script` while `body` looks on.
    func reflect(
        watchList: Bool = false, resource: Resource = .services, pageSize: Int = 500,
        _ script: @escaping ScriptedServer.Script,
        _ body: @Sendable @escaping (Bench, ScriptedServer) async throws -> Void
    ) async throws {
        let bench = Bench()
        let server = try await ScriptedServer(script)
        let client = try APIClient(ClientConfiguration(server: server.url), logger: quiet)
        var options = Reflector.Options()
        options.usesWatchList = watchList
        options.pageSize = pageSize
        // Silence is the other suites' subject: here the clock jumps over all shorter waits, and no question is due among them.
        let watched = WatchedServer(
            client, limits: SilenceLimits(quiet: .seconds(10_000), answer: .seconds(75)), clock: bench.clock, logger: quiet)
        let reflector = Reflector(
            server: watched, resource: resource, sink: bench.sink, observer: bench.observer, options: options,
            random: { 0 }, logger: quiet)
        let running = Task { await reflector.run() }
        let result = await Task { try await body(bench, server) }.result
        running.cancel()
        await running.value
        try await client.shutdown()
        try await server.stop()
        try result.get()
    }

    static func item(_ name: String, _ version: Int) -> String {
        #"{"metadata":{"name":"\#(name)","namespace":"d","uid":"u-\#(name)","resourceVersion":"\#(version)"}}"#
    }

    static func list(_ items: [String], _ version: Int, next: String = "") -> String {
        #"{"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"\#(version)","continue":"\#(next)"},"#
            + #""items":[\#(items.joined(separator: ","))]}"#
    }

    static func event(_ type: String, _ object: String) -> String { #"{"type":"\#(type)","object":\#(object)}"# + "\n" }

    static func bookmark(_ version: Int, end: Bool = false) -> String {
        let note = end ? #","annotations":{"k8s.io/initial-events-end":"true"}"# : ""
        return event("BOOKMARK", #"{"kind":"Service","metadata":{"resourceVersion":"\#(version)"\#(note)}}"#)
    }

    static func status(_ code: Int, _ reason: String, _ message: String = "no") -> String {
        #"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#
            + #""message":"\#(message)","reason":"\#(reason)","code":\#(code)}"#
    }

    @Test("a list in pages is followed by a watch from its version")
    func pagesThenWatch() async throws {
        try await reflect(pageSize: 2) { request, answer in
            if request.query["watch"] != nil {
                try await answer.head(200, "application/json")
                try await answer.write(Self.event("ADDED", Self.item("c", 8)))
                try await answer.write(Self.event("DELETED", Self.item("a", 9)) + Self.bookmark(12))
                return
            }
            if request.query["continue"] == "next" {
                return try await answer.reply(200, Self.list([Self.item("b", 4)], 5))
            }
            try await answer.reply(200, Self.list([Self.item("a", 3)], 5, next: "next"))
        } _: { bench, server in
            #expect(
                await bench.sink.calls(until: "bookmark 12")
                    == ["list", "+a", "+b", "listed 5", "+c", "-a", "bookmark 12"])
            let requests = server.requests
            #expect(requests.map { $0.query["limit"] } == ["2", "2", nil])
            #expect(requests[2].query["resourceVersion"] == "5")
            #expect(requests[0].headers.first(name: "accept") == "application/vnd.kubernetes.protobuf,application/json")
            #expect(bench.observer["items 2"] == 1)
            #expect(bench.observer["ADDED"] == 1)
            #expect(bench.observer["DELETED"] == 1)
        }
    }

    @Test("initial events come as one list, and the same watch goes on")
    func initialEvents() async throws {
        try await reflect(watchList: true) { request, answer in
            try await answer.head(200, "application/json")
            try await answer.write(Self.event("ADDED", Self.item("a", 3)) + Self.bookmark(5, end: true))
            try await answer.write(Self.event("MODIFIED", Self.item("a", 6)))
        } _: { bench, server in
            #expect(await bench.sink.calls(until: "listed 5") == ["list", "+a", "listed 5"])
            #expect(await bench.sink.calls(until: "+a") == ["+a"])
            #expect(server.requests.count == 1)
            #expect(server.requests[0].query["sendInitialEvents"] == "true")
            #expect(bench.observer["items 1"] == 1)
        }
    }

    @Test("a server without WatchList is asked with lists from then on", arguments: [400, 405, 422])
    func withoutWatchList(code: Int) async throws {
        try await reflect(watchList: true) { request, answer in
            if request.query["sendInitialEvents"] != nil {
                return try await answer.reply(code, Self.status(code, "Invalid"))
            }
            if request.query["watch"] != nil {
                // Gone: a second list is needed.
                return try await answer.reply(410, Self.status(410, "Expired"))
            }
            try await answer.reply(200, Self.list([], 5))
        } _: { bench, server in
            _ = await bench.sink.calls(until: "listed 5")
            _ = await bench.sink.calls(until: "listed 5")
            #expect(server.requests.filter { $0.query["sendInitialEvents"] != nil }.count == 1)
            #expect(server.requests.contains { $0.query["resourceVersionMatch"] == "NotOlderThan" })
        }
    }

    @Test("an expired watch leads to a new list that replaces nothing by itself")
    func expiredMidWatch() async throws {
        let lists = Counter()
        try await reflect { request, answer in
            if request.query["watch"] == nil {
                let number = lists.next()
                return try await answer.reply(200, Self.list([Self.item("a", number)], number * 10))
            }
            try await answer.head(200, "application/json")
            guard request.query["resourceVersion"] == "10" else { return }
            try await answer.write(Self.event("ADDED", Self.item("b", 11)))
            try await answer.write(Self.event("ERROR", Self.status(410, "Expired")))
            try await answer.end()
        } _: { bench, server in
            #expect(
                await bench.sink.calls(until: "listed 20") == ["list", "+a", "listed 10", "+b", "list", "+a", "listed 20"])
            #expect(bench.clock.waits == [.milliseconds(800)])
            #expect(bench.observer["failed expired"] == 1)
            #expect(server.requests[2].query["resourceVersion"] == "11")
        }
    }

    @Test("a watch cut inside an event goes on after the last whole event")
    func cutMidFrame() async throws {
        try await reflect { request, answer in
            if request.query["watch"] == nil { return try await answer.reply(200, Self.list([], 5)) }
            try await answer.head(200, "application/json")
            if request.query["resourceVersion"] == "5" {
                try await answer.write(Self.event("ADDED", Self.item("a", 6)) + #"{"type":"MODIF"#)
                return try await answer.cut()
            }
            try await answer.write(Self.event("MODIFIED", Self.item("a", 7)))
        } _: { bench, server in
            #expect(await bench.sink.calls(until: "+a") == ["list", "listed 5", "+a"])
            #expect(await bench.sink.calls(until: "+a") == ["+a"])
            #expect(server.requests.map { $0.query["resourceVersion"] } == [nil, "5", "6", "6"])
            // Before the second watch the server is asked whether it has got so far.
            #expect(server.requests.map { $0.query["watch"] } == [nil, "true", nil, "true"])
            #expect(server.requests[2].query["limit"] == "1")
        }
    }

    @Test("an answer that ends in good order inside an event counts as cut")
    func endedMidFrame() async throws {
        try await reflect { request, answer in
            if request.query["watch"] == nil { return try await answer.reply(200, Self.list([], 5)) }
            let isFirst = request.query["resourceVersion"] == "5"
            try await answer.head(200, "application/json")
            try await answer.write(Self.event("ADDED", Self.item("a", 6)) + (isFirst ? #"{"type""# : Self.bookmark(9)))
            if isFirst { try await answer.end() }
        } _: { bench, _ in
            _ = await bench.sink.calls(until: "bookmark 9")
            #expect(bench.observer["failed cut"] == 1)
        }
    }

    @Test("Retry-After of a 429 is honoured")
    func throttled() async throws {
        let requests = Counter()
        try await reflect { request, answer in
            if request.query["watch"] != nil { return try await answer.head(200, "application/json") }
            if requests.next() == 1 {
                return try await answer.reply(
                    429, Self.status(429, "TooManyRequests"), "application/json", [("Retry-After", "17")])
            }
            try await answer.reply(200, Self.list([], 5))
        } _: { bench, _ in
            #expect(await bench.sink.calls(until: "listed 5") == ["list", "listed 5"])
            #expect(bench.clock.waits == [.seconds(17)])
            #expect(bench.observer["failed throttled"] == 1)
        }
    }

    @Test("garbage in a watch is a failure, and the watch is opened again")
    func garbage() async throws {
        let watches = Counter()
        try await reflect { request, answer in
            if request.query["watch"] == nil { return try await answer.reply(200, Self.list([], 5)) }
            try await answer.head(200, "application/json")
            try await answer.write(watches.next() == 1 ? "][ garbage\n" : Self.bookmark(6))
        } _: { bench, _ in
            _ = await bench.sink.calls(until: "bookmark 6")
            #expect(bench.observer["failed undecodable"] == 1)
        }
    }

    @Test("an object that cannot be decoded is skipped, and only that one")
    func undecodableObject() async throws {
        try await reflect { request, answer in
            if request.query["watch"] != nil { return try await answer.head(200, "application/json") }
            try await answer.reply(200, Self.list([Self.item("a", 1), #"{"metadata":7}"#, Self.item("b", 2)], 5))
        } _: { bench, _ in
            #expect(await bench.sink.calls(until: "listed 5") == ["list", "+a", "undecodable", "+b", "listed 5"])
        }
    }

    @Test("a page of HTML instead of a list says so")
    func html() async throws {
        let requests = Counter()
        try await reflect { request, answer in
            if request.query["watch"] != nil { return try await answer.head(200, "application/json") }
            if requests.next() == 1 { return try await answer.reply(200, "<html>", "text/html") }
            try await answer.reply(200, Self.list([], 5))
        } _: { bench, _ in
            #expect(await bench.sink.calls(until: "listed 5") == ["list", "listed 5"])
            #expect(bench.observer["failed content_type"] == 1)
        }
    }

    @Test("a server without protobuf is asked for JSON alone", arguments: [406, 415])
    func withoutProtobuf(code: Int) async throws {
        try await reflect { request, answer in
            if request.headers.first(name: "accept") != "application/json" {
                return try await answer.reply(code, Self.status(code, "NotAcceptable"))
            }
            if request.query["watch"] != nil { return try await answer.head(200, "application/json") }
            try await answer.reply(200, Self.list([Self.item("a", 1)], 5))
        } _: { bench, _ in
            #expect(await bench.sink.calls(until: "listed 5") == ["list", "+a", "listed 5"])
            #expect(bench.clock.waits.isEmpty)
        }
    }

    @Test("a silent watch is given up and opened again where it was")
    func silentWatch() async throws {
        let watches = Counter()
        try await reflect { request, answer in
            if request.query["watch"] == nil { return try await answer.reply(200, Self.list([], 5)) }
            try await answer.head(200, "application/json")
            let number = watches.next()
            try await answer.write(Self.bookmark(5 + number))
        } _: { bench, server in
            _ = await bench.sink.calls(until: "bookmark 6")
            // The bookmark is told before the wait for the next bytes begins: time passes until the watchdog has seen it.
            while bench.observer["failed silent"] == 0 {
                bench.clock.wakeSleepers()
                await Task.yield()
            }
            _ = await bench.sink.calls(until: "bookmark 7")
            #expect(server.requests[2].query["resourceVersion"] == "6")
        }
    }

    @Test("a continue token that expired leads to the whole list")
    func expiredContinueToken() async throws {
        try await reflect { request, answer in
            if request.query["watch"] != nil { return try await answer.head(200, "application/json") }
            if request.query["continue"] != nil { return try await answer.reply(410, Self.status(410, "Expired")) }
            let isWhole = request.query["limit"] == nil
            try await answer.reply(200, Self.list([Self.item("a", 1)], isWhole ? 9 : 5, next: isWhole ? "" : "t"))
        } _: { bench, _ in
            #expect(await bench.sink.calls(until: "listed 9") == ["list", "+a", "list", "+a", "listed 9"])
        }
    }

    @Test("a server that is not there yet is found when it is, and what was known stays")
    func connectionRefused() async throws {
        let requests = Counter()
        try await reflect { request, answer in
            if request.query["watch"] != nil { return try await answer.head(200, "application/json") }
            if requests.next() < 4 { return try await answer.cut() }
            try await answer.reply(200, Self.list([], 5))
        } _: { bench, _ in
            #expect(await bench.sink.calls(until: "listed 5") == ["list", "listed 5"])
            #expect(bench.clock.waits == [.milliseconds(800), .milliseconds(1_600), .milliseconds(3_200)])
            #expect(bench.observer["failed connection"] == 3)
        }
    }
}
