import ArgumentParser
import MizzenSystem
import Names
import RecordTable
import RecordTableWriter
import Synchronization
import TestSupport
import Testing

@testable import Frontend

@Suite("The last good answer", .serialized)
struct LastGoodTests {
    private static let zone = """
        example.com. 300 SOA ns.example.com. host.example.com. 1 2 3 4 60
        one.example.com. 300 A 192.0.2.1
        a.cluster.local. 300 A 192.0.2.2
        """

    private func corefile(_ upstreams: [TestUpstream], _ extra: String = "") -> String {
        """
        .:0 {
            bind 127.0.0.1
            \(extra)
            forward . \(upstreams.map { "\($0.address)" }.joined(separator: " ")) {
                policy sequential
            }
        }
        """
    }

    /// What a client is told: the code, or the TTL of the answer, with `stale` where the answer says so.
    private func told(_ frontend: RunningFrontend, _ name: String = "one.example.com") async throws -> (
        code: String, ttl: Int, isStale: Bool
    ) {
        let octets = try await frontend.octets(name, advertisedSize: 1232)
        let text = try MessageText(octets)
        let ttl = text.answer.first.flatMap { Int($0.split(separator: " ")[1]) } ?? -1
        // OPT's last option: code 15, two octets, 3 (RFC 8914).
        return (text.code, ttl, octets.suffix(6) == [0, 15, 0, 2, 0, 3])
    }

    @Test(
        "is served, marked and counted, while an upstream denies in whichever way, and no longer", arguments: [3, 0, 2], ["", "cache 1"])
    func denied(code: UInt8, extra: String) async throws {
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(corefile([upstream], extra)) { $0.lastGoodTime = .seconds(2) }
        let good = try await told(frontend)
        #expect(good.code == "NOERROR" && good.ttl == (extra.isEmpty ? 300 : 1) && !good.isStale)
        upstream.behaviour.withLock { $0 = .refuses(code) }
        let start = ContinuousClock.now
        try await eventually("the cache has let it go") { try await told(frontend).isStale }
        let first = ContinuousClock.now
        let served = try await told(frontend)
        #expect(served.code == "NOERROR" && (0...2).contains(served.ttl))
        let word = ["2": "SERVFAIL", "3": "NXDOMAIN", "0": "NODATA"]["\(code)"] ?? ""
        #expect(try #require(frontend.metric("mizzen_last_good_answers_total{denial=\"\(word)\"}")) >= 2)
        // The denial comes no earlier than the upstream's first one and the time say, and no later.
        try await eventually("the denial stands") { try await told(frontend).ttl == -1 }
        #expect(ContinuousClock.now - start >= .seconds(2))
        #expect(ContinuousClock.now - first < .seconds(6))
        #expect(try await told(frontend).code == (code == 0 ? "NOERROR" : word))
        upstream.behaviour.withLock { $0 = .answers }
        try await eventually("what the upstream says again is served") { try await told(frontend).ttl > 0 }
        #expect(try await !told(frontend).isStale)
        try await frontend.stop()
        upstream.stop()
    }

    @Test("without the option a denial is a denial at once")
    func off() async throws {
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(corefile([upstream]))
        #expect(try await told(frontend).ttl == 300)
        upstream.behaviour.withLock { $0 = .refuses(3) }
        #expect(try await told(frontend).code == "NXDOMAIN")
        try await frontend.stop()
        upstream.stop()
    }

    @Test("of several upstreams another one is asked after a pause")
    func several() async throws {
        let upstreams = [try TestUpstream(Self.zone), try TestUpstream(Self.zone)]
        let frontend = try await RunningFrontend(corefile(upstreams)) { $0.lastGoodTime = .seconds(60) }
        #expect(try await told(frontend).ttl == 300)
        upstreams[0].behaviour.withLock { $0 = .refuses(3) }
        let served = try await told(frontend)
        #expect(served.ttl == 30 && served.isStale)
        try await eventually("the other one is asked", within: .seconds(5)) { try await told(frontend).ttl == 300 }
        try await frontend.stop()
        for upstream in upstreams { upstream.stop() }
    }

    @Test("stays over a reload that keeps the upstreams, and goes with them")
    func reload() async throws {
        let (upstream, other) = (try TestUpstream(Self.zone), try TestUpstream(Self.zone, behaviour: .refuses(3)))
        let frontend = try await RunningFrontend(corefile([upstream])) { $0.lastGoodTime = .seconds(60) }
        #expect(try await told(frontend).ttl == 300)
        upstream.behaviour.withLock { $0 = .refuses(3) }
        try await frontend.rewrite(corefile([upstream], "nsid x"))
        try await eventually("the new Corefile is in use") { frontend.metric("mizzen_corefile_reloads_total") == 1 }
        #expect(try await told(frontend).code == "NOERROR")
        try await frontend.rewrite(corefile([other]))
        try await eventually("another upstream's word is its own") { try await told(frontend).code == "NXDOMAIN" }
        try await frontend.stop()
        for upstream in [upstream, other] { upstream.stop() }
    }

    @Test("is never one of a cluster's name, and never one for a question with other bits")
    func never() async throws {
        let upstream = try TestUpstream(Self.zone)
        let cluster = try SketchedCluster { (_) throws(TableError) in }
        let frontend = try await RunningFrontend(
            corefile([upstream], "kubernetes cluster.local {\n fallthrough\n }"), table: cluster.path
        ) { $0.lastGoodTime = .seconds(60) }
        for name in ["a.cluster.local", "one.example.com"] { #expect(try await told(frontend, name).ttl == 300) }
        upstream.behaviour.withLock { $0 = .refuses(3) }
        #expect(try await told(frontend, "a.cluster.local").code == "NXDOMAIN")
        #expect(try await told(frontend).code == "NOERROR")
        // With CD the answer may be another.
        var packet = try TestPacket.query("one.example.com", .a)
        packet[3] |= 0x10
        let (address, question) = (frontend.address, packet)
        let unchecked = try await onThread { try MessageText(try TestClient.ask(question, address)) }
        #expect(unchecked.code == "NXDOMAIN")
        try await frontend.stop()
        upstream.stop()
    }

    @Test("a flood of names takes no more than its room")
    func flood() throws {
        let answers = LastGoodAnswers()
        for number in 0..<20_000 {
            var query = Query()
            query.ask(try DNSName("n\(number).example.org"), .a)
            let message = try TestPacket.answer(
                to: try TestPacket.query("n\(number).example.org", .a), ["n\(number).example.org. 60 IN A 192.0.2.1"])
            answers.store.put(AnswerStore.Key(query), query, message.span, lifetime: 60, now: 1)
        }
        #expect(answers.store.count <= LastGoodAnswers.capacity)
        #expect(answers.store.octets <= LastGoodAnswers.capacity * AnswerStore.octetsOfEntry)
    }

    @Test("the option's time is between a second and an hour", arguments: ["500ms", "2h"])
    func badTime(time: String) {
        do {
            _ = try FrontendCommand.parse(["--keep-last-good", time])
            Issue.record("accepted")
        } catch {
            #expect(FrontendCommand.message(for: error).contains("--keep-last-good"))
        }
    }
}
