import Foundation
import MizzenSystem
import Names
import TestSupport
import Testing

@testable import Frontend

/// Several frontends on one unchanged Corefile.
@Suite("Frontends that share a Corefile", .serialized)
struct CompanionsProcessTests {
    private let folder: TemporaryFolder
    private let port = freePort()
    private let http = (health: freePort(), ready: freePort(), metrics: freePort())

    init() throws {
        folder = try TemporaryFolder()
        try write()
    }

    private func write(_ more: String = "") throws {
        let corefile = """
            .:\(port) {
                bind 127.0.0.1
                health 127.0.0.1:\(http.health)
                ready 127.0.0.1:\(http.ready)
                prometheus 127.0.0.1:\(http.metrics)
                cache
                template IN A example.org {
                    answer "{{ .Name }} 60 A 192.0.2.1"
                }
                \(more)
            }

            """
        try folder.write(Array(corefile.utf8), to: "Corefile")
    }

    private func start(_ options: [String] = [], serves: Bool = true) async throws -> RunningProcess {
        let frontend = try RunningProcess(
            "mizzen-frontend", ["--corefile", folder.path("Corefile"), "--table", folder.path("table"), "--threads", "2"] + options,
            in: folder)
        if serves { try await eventually("it serves") { frontend.output.contains(" serving ") } }
        return frontend
    }

    /// Asks from as many sockets; a frontend that is killed with a question loses it.
    /// - Returns: how many were answered.
    private func ask(_ count: Int) async throws -> Int {
        let address = SocketAddress(address: .v4(0x7F00_0001), port: port)
        return try await onThread {
            var answered = 0
            for id in 0..<count {
                let octets = try? TestClient.ask(
                    try TestPacket.query("a\(id).example.org", .a, id: UInt16(truncatingIfNeeded: id)), address)
                if octets != nil { answered += 1 }
            }
            return answered
        }
    }

    /// The status and the body of an answer, on a connection of its own; nil while there is none.
    private func get(_ port: UInt16, _ path: String, seconds: Int = 5) async -> (status: Int, body: String)? {
        let words = ["--max-time", "\(seconds)", "--write-out", "\n%{http_code}", "http://127.0.0.1:\(port)\(path)"]
        guard let curl = try? RunningProcess("/usr/bin/curl", ["--silent"] + words, in: folder),
            let code = try? await curl.exitCode(within: .seconds(20)), code == 0
        else { return nil }
        let lines = curl.output.split(separator: "\n", omittingEmptySubsequences: false)
        guard let status = lines.last.flatMap({ Int($0) }) else { return nil }
        return (status, lines.dropLast().joined(separator: "\n"))
    }

    /// Samples of /metrics by name and labels; nil while nobody answers.
    private func scrape() async -> [String: Double]? {
        guard let answer = await get(http.metrics, "/metrics"), answer.status == 200 else { return nil }
        var samples: [String: Double] = [:]
        for line in answer.body.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return samples
    }

    /// Those that may not go down.
    private static func counters(_ samples: [String: Double]) -> [String: Double] {
        samples.filter { name, _ in
            let name = name.prefix { $0 != "{" }
            return name.hasSuffix("_total") || name.hasSuffix("_bucket") || name.hasSuffix("_count") || name.hasSuffix("_sum")
        }
    }

    private static func requests(_ samples: [String: Double]?) -> Double {
        (samples ?? [:]).filter { $0.key.hasPrefix("coredns_dns_requests_total{") }.values.reduce(0, +)
    }

    private static func stop(_ frontends: [RunningProcess]) async throws {
        for frontend in frontends { #expect(try await frontend.stop() == 0, "\(frontend.output)") }
    }

    @Test("each answers for all, and what one has counted stays when it ends, however it does")
    func sums() async throws {
        var frontends = [try await start(), try await start(), try await start()]
        #expect(try await ask(200) == 200)
        for _ in 0..<10 { #expect(Self.requests(await scrape()) == 200) }
        let samples = try #require(await scrape())
        #expect(samples["mizzen_frontends{state=\"ready\"}"] == 3)
        #expect(samples.keys.count { $0.hasPrefix("mizzen_frontend_start_time_seconds") } == 3)
        try await frontends.removeFirst().kill()
        #expect(try await frontends.removeFirst().stop() == 0)
        #expect(Self.requests(await scrape()) == 200)
        #expect(try await ask(50) == 50)
        try await eventually("the ended are added up") { await scrape()?["mizzen_frontends_ended_total"] == 2 }
        #expect(Self.requests(await scrape()) == 250)
        // All of them at once, and somebody anew.
        try await frontends.removeFirst().kill()
        frontends = [try await start()]
        #expect(Self.requests(await scrape()) == 250)
        #expect(try await ask(7) == 7)
        #expect(Self.requests(await scrape()) == 257)
        try await Self.stop(frontends)
    }

    @Test("each tells who asks most of all that live, and what is asked most")
    func tops() async throws {
        let options = ["--top-clients", "3", "--top-names", "3"]
        var frontends = [try await start(options), try await start(options), try await start(options)]
        for _ in 0..<3 { #expect(try await ask(60) == 60) }
        let client = #"mizzen_frontend_top_client_questions{client="127.0.0.1",namespace="",pod="",node=""}"#
        for _ in 0..<10 {
            try await eventually("all have told") { await scrape()?[client] == 180 }
        }
        let samples = try #require(await scrape())
        #expect(samples["mizzen_frontend_top_questions{list=\"names\"}"] == 180)
        #expect(samples.keys.count { $0.hasPrefix("mizzen_frontend_top_name_questions{") } == 3)
        for (name, value) in samples where name.hasPrefix("mizzen_frontend_top_name_questions{") {
            let possible = samples[name.replacingOccurrences(of: "questions{", with: "questions_possible{")] ?? -1
            #expect(value <= 3 && value + possible >= 3)
        }
        // Who has ended is told no more; by a name of the lists' words nobody is.
        try await frontends.removeFirst().kill()
        let rest = try #require(await scrape())
        #expect(try #require(rest[client]) <= 180)
        #expect(!rest.keys.contains { $0.contains("_block") })
        try await Self.stop(frontends)
    }

    @Test("while frontends are killed and started under load, somebody answers within a second, and no counter goes down")
    func killed() async throws {
        var frontends = [try await start(), try await start(), try await start()]
        let watching = Task {
            var (last, falls, longest, scrapes) = ([String: Double](), [String](), Duration.zero, 0)
            var answered = ContinuousClock.now
            while !Task.isCancelled {
                guard let samples = await scrape() else { continue }
                longest = max(longest, .now - answered)
                answered = .now
                scrapes += 1
                let counters = Self.counters(samples)
                for (name, value) in last where counters[name, default: 0] < value {
                    falls.append("\(name): \(value), then \(counters[name].map { "\($0)" } ?? "gone")")
                }
                last = counters
            }
            return (falls, longest, scrapes)
        }
        let asking = Task {
            var answered = 0
            while !Task.isCancelled { answered += try await ask(20) }
            return answered
        }
        var random = SystemRandomNumberGenerator()
        for round in 0..<(isSoak ? 100 : 6) {
            // A random moment of its work: chance, not synchronisation.
            try await Task.sleep(for: .milliseconds(Int.random(in: 50...400, using: &random)))
            if round % 3 == 2 {
                #expect(try await frontends[round % 3].stop() == 0)
            } else {
                try await frontends[round % 3].kill()
            }
            frontends[round % 3] = try await start()
        }
        asking.cancel()
        let answered = try await asking.value
        watching.cancel()
        let (falls, longest, scrapes) = await watching.value
        #expect(falls.isEmpty && scrapes > 5)
        #expect(longest < .seconds(isSoak ? 5 : 3), "a scrape every \(longest); one takes as long as curl's start")
        #expect(Self.requests(await scrape()) >= Double(answered))
        try await Self.stop(frontends)
    }

    @Test("one that stands still is named by the others, and its counts are told")
    func stopped() async throws {
        let frontends = [try await start(), try await start()]
        #expect(try await ask(40) == 40)
        try await frontends[0].suspend()
        try await eventually("the other one tells") {
            guard let health = await get(http.health, "/health", seconds: 1), health.status == 503 else { return false }
            return health.body.contains("frontend \(frontends[0].identifier): no sign of life")
        }
        try await eventually("it is not ready") { await get(http.ready, "/ready", seconds: 1)?.status == 503 }
        try await eventually("its counts are told") { Self.requests(await scrape()) == 40 }
        try await eventually("its state is told") { await scrape()?["mizzen_frontends{state=\"silent\"}"] == 1 }
        frontends[0].signal(SIGCONT)
        try await eventually("all is well") {
            let (health, ready) = (await get(http.health, "/health"), await get(http.ready, "/ready"))
            return health?.status == 200 && ready?.status == 200
        }
        try await Self.stop(frontends)
    }

    @Test("one that waits for the table makes the address wait, one that is stopped does not")
    func readiness() async throws {
        try write("kubernetes cluster.local")
        let frontends = [try await start(), try await start()]
        let answer = try #require(await get(http.ready, "/ready"))
        #expect(answer.status == 503 && answer.body.hasPrefix("kubernetes\nfrontend "))
        try await Self.stop(frontends)
    }

    @Test("strangers do not share an address: another table, no shared counters, another program")
    func strangers() async throws {
        let frontend = try await start()
        for (options, environment) in [(["--table", folder.path("other")], "counters"), ([], "elsewhere"), (["--counters", ""], "")] {
            let stranger = try RunningProcess(
                "mizzen-frontend", ["--corefile", folder.path("Corefile"), "--table", folder.path("table")] + options, in: folder,
                environment: ["MIZZEN_COUNTERS": folder.path(environment)])
            #expect(try await stranger.exitCode(within: .seconds(20)) == 69, "\(stranger.output)")
            // Whichever of the addresses was tried first.
            let addresses = [http.health, http.ready, http.metrics].map { "mizzen-frontend: 127.0.0.1:\($0): cannot serve HTTP here" }
            #expect(environment.isEmpty || stranger.output.contains("--counters and network namespace are the same"))
            #expect(addresses.contains { stranger.output.contains($0) }, "\(stranger.output)")
        }
        #expect(await get(http.ready, "/ready")?.status == 200)
        try await Self.stop([frontend])
    }

    @Test("without a place for counters a frontend says so once and counts for itself")
    func alone() async throws {
        let frontend = try await start(["--counters", folder.path("no/such/folder")])
        #expect(try await ask(5) == 5)
        #expect(Self.requests(await scrape()) == 5)
        #expect(frontend.output.components(separatedBy: "counters cannot be shared").count == 2)
        try await Self.stop([frontend])
    }

    @Test("a reload that moves the addresses takes the counts along")
    func reload() async throws {
        let frontends = [try await start(), try await start()]
        #expect(try await ask(30) == 30)
        let moved = freePort()
        let text = try String(contentsOfFile: folder.path("Corefile"), encoding: .utf8)
        try folder.write(Array(text.replacing(":\(http.metrics)", with: ":\(moved)").utf8), to: "Corefile")
        for frontend in frontends { frontend.signal(SIGHUP) }
        try await eventually("both have moved") { frontends.allSatisfy { $0.output.contains(" reloaded ") } }
        let answer = try #require(await get(moved, "/metrics"))
        let total = answer.body.split(separator: "\n").filter { $0.hasPrefix("coredns_dns_requests_total{") }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
        #expect(total == 30)
        #expect(await get(http.metrics, "/metrics") == nil)
        try await Self.stop(frontends)
    }
}
