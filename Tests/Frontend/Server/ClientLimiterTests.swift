import ArgumentParser
import Foundation
import MizzenSystem
import Names
import ProcessRuntime
import RecordTable
import RecordTableWriter
import Synchronization
import TestSupport
import Testing

@testable import Frontend

@Suite("What clients may ask")
struct ClientLimiterTests {
    private static let second: Instant = 1_000_000_000

    private func address(_ number: Int) -> IPAddress { .v4(0x0A00_0000 + UInt32(number)) }

    @Test("is a burst at once, and the rate from then on; silence fills the bucket again, and no further")
    func bucket() {
        let limiter = ClientLimiter(.init(rate: 10, burst: 5))
        let start = 7 * Self.second
        let judge = { (moment: Instant) in limiter.judge(address(1), at: moment) == .passes }
        #expect((0..<8).map { _ in judge(start) } == [true, true, true, true, true, false, false, false])
        #expect(!judge(start + 99_000_000))
        #expect(judge(start + 100_000_000))
        #expect(!judge(start + 100_000_001))
        #expect((0..<9).filter { _ in judge(start + 3600 * Self.second) }.count == 5)
        // Another client has a bucket of its own, and so has an address of IPv6.
        #expect(limiter.judge(address(2), at: start) == .passes)
        #expect(limiter.judge(.v6(high: 0, low: 0x0A00_0001), at: start) == .passes)
    }

    @Test("is what a plain token bucket gives, whoever asks when", arguments: 1...10 as ClosedRange<UInt64>)
    func reference(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let (rate, burst) = (Double(Int.random(in: 1...50, using: &random)), Int.random(in: 1...20, using: &random))
        let limiter = ClientLimiter(.init(rate: rate, burst: burst))
        // In nanoseconds' worth, so that both count in whole numbers.
        let interval = Int((1e9 / rate).rounded())
        var tokens: [Int: (level: Int, at: Int)] = [:]
        var now = 1_000_000_000
        for _ in 0..<3000 {
            now += Int.random(in: 0...(interval / 3), using: &random)
            let client = Int.random(in: 0..<6, using: &random)
            var bucket = tokens[client] ?? (burst * interval, now)
            bucket = (min(burst * interval, bucket.level + now - bucket.at), now)
            let passes = bucket.level >= interval
            if passes { bucket.level -= interval }
            tokens[client] = bucket
            #expect(limiter.judge(address(client), at: Instant(now)) == (passes ? .passes : .isOver))
        }
    }

    @Test("lets a flood of addresses crowd nobody out: who is not known passes, who is held stays held")
    func flood() {
        let limiter = ClientLimiter(.init(rate: 1, burst: 1))
        let now = Self.second
        #expect(limiter.judge(address(0), at: now) == .passes)
        var untold = 0
        for client in 1...500_000 where limiter.judge(address(client), at: now) == .isUntold { untold += 1 }
        // 65,536 of them have a place.
        #expect((430_000..<450_000).contains(untold))
        #expect(limiter.judge(address(0), at: now) == .isOver)
        // A moment later nobody's bucket matters any more, and there is room for others.
        #expect((600_000..<600_100).allSatisfy { limiter.judge(address($0), at: now + 2 * Self.second) == .passes })
    }

    private final class Tally: Sendable {
        let count = Atomic<Int>(0)
    }

    @Test("is one bucket for all threads")
    func threads() async throws {
        let limiter = ClientLimiter(.init(rate: 0.001, burst: 1000))
        let passed = Tally()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<50_000 where limiter.judge(.v4(1), at: Self.second) == .passes { passed.count.add(1, ordering: .relaxed) }
                }
            }
        }
        // Two threads that come first at one moment may each take a place; what fails to be exchanged passes untold.
        #expect((1000...4000).contains(passed.count.load(ordering: .relaxed)))
    }

    @Test(
        "options say what they mean, or what is wrong",
        arguments: [
            (["--client-rate", "0"], "--client-rate"), (["--client-rate", "-1"], "--client-rate"),
            (["--client-rate", "nan"], "--client-rate"),
            (["--client-burst", "5"], "--client-rate"), (["--client-rate", "5", "--client-burst", "0"], "--client-burst"),
            (["--client-rate", "5", "--client-excess", "shout"], "client-excess"),
        ])
    func badOptions(words: [String], wanted: String) {
        do {
            _ = try ClientRateOptions.parse(words)
            Issue.record("accepted")
        } catch {
            #expect(ClientRateOptions.message(for: error).contains(wanted))
        }
    }

    @Test("without a burst there are two seconds' worth of it")
    func usualBurst() throws {
        #expect(try ClientRateOptions.parse(["--client-rate", "100"]).settings == .init(rate: 100, burst: 200))
        #expect(
            try ClientRateOptions.parse(["--client-rate", "0.5", "--client-excess", "silence"]).settings
                == .init(rate: 0.5, burst: 20, isSilent: true))
        #expect(try ClientRateOptions.parse([]).settings == nil)
    }

    // MARK: Through sockets

    private static let corefile = """
        .:0 {
            bind 127.0.0.1
            template IN A example.org {
                answer "{{ .Name }} 60 A 192.0.2.1"
            }
        }
        """

    private func codes(_ count: Int, _ frontend: RunningFrontend, from source: UInt32) async throws -> [String] {
        let address = frontend.address
        return try await onThread {
            try (0..<count).map { _ in
                guard let answer = try? TestClient.ask(try TestPacket.query("a.example.org", .a), address, from: source) else {
                    return "silence"
                }
                return try MessageText(answer).code
            }
        }
    }

    @Test("who asks too much is refused and counted by pod, others are answered; over a connection as well")
    func refused() async throws {
        let cluster = try SketchedCluster { (writer) throws(TableError) in
            try writer.upsert(PodRecord(namespace: "shop", name: "noisy", uid: "u", addresses: [.v4(0x7F00_0101)]))
        }
        let frontend = try await RunningFrontend(Self.corefile, table: cluster.path, threads: 2) {
            $0.clients = .init(rate: 0.001, burst: 10)
        }
        #expect(
            try await codes(14, frontend, from: 0x7F00_0101) == Array(repeating: "NOERROR", count: 10)
                + Array(repeating: "REFUSED", count: 4))
        #expect(try await codes(5, frontend, from: 0x7F00_0102) == Array(repeating: "NOERROR", count: 5))
        #expect(try await codes(12, frontend, from: 0x7F00_0103).filter { $0 == "REFUSED" }.count == 2)
        #expect(frontend.metric(#"mizzen_client_limited_queries_total{namespace="shop",pod="noisy"}"#) == 4)
        #expect(frontend.metric(#"mizzen_client_limited_queries_total{namespace="",pod=""}"#) == 2)
        // 127.0.0.1 asks over connections.
        for _ in 0..<10 { #expect(try await frontend.ask("a.example.org", overStream: true).code == "NOERROR") }
        #expect(try await frontend.ask("a.example.org", overStream: true).code == "REFUSED")
        try await frontend.stop()
    }

    @Test("silence is an answer too, but over a connection it is a refusal")
    func silent() async throws {
        let frontend = try await RunningFrontend(Self.corefile) { $0.clients = .init(rate: 0.001, burst: 2, isSilent: true) }
        #expect(try await codes(3, frontend, from: 0x7F00_0104) == ["NOERROR", "NOERROR", "silence"])
        for _ in 0..<2 { #expect(try await frontend.ask("a.example.org", overStream: true).code == "NOERROR") }
        #expect(try await frontend.ask("a.example.org", overStream: true).code == "REFUSED")
        try await frontend.stop()
    }

    @Test("no more than a hundred pods are told by name")
    func manyPods() {
        let pods = LimitedPods()
        for number in 0..<300 { _ = pods.admit(.init(namespace: "n", name: "p\(number)")) }
        #expect(pods.admit(.init(namespace: "n", name: "p5")).pod == .init(namespace: "n", name: "p5"))
        #expect(pods.admit(.init(namespace: "n", name: "p299")) == (.others, false))
    }
}
