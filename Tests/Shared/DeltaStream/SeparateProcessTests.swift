import Foundation
import MizzenSystem
import TestSupport
import Testing

/// Publisher and subscribers as processes of their own, which are stopped, flooded, killed and cut off.
@Suite("The stream in separate processes", .serialized)
struct StreamProcessTests {
    private static let all: [String] = []
    private let folder: TemporaryFolder
    private let endpoints: [String]

    init() throws {
        folder = try TemporaryFolder()
        endpoints = ["--deltas", "ipc://\(folder.path("d"))", "--snapshots", "ipc://\(folder.path("s"))"]
    }

    private func publisher(_ options: [String] = [], at endpoints: [String]? = nil) async throws -> RunningProcess {
        let process = try RunningProcess("stream-probe", ["publish"] + (endpoints ?? self.endpoints) + options, in: folder)
        try await eventually("it publishes") { process.output.contains("publishing") }
        return process
    }

    private func subscriber(_ options: [String] = [], at endpoints: [String]? = nil) throws -> RunningProcess {
        try RunningProcess("stream-probe", ["subscribe"] + (endpoints ?? self.endpoints) + options, in: folder)
    }

    private func states(_ process: RunningProcess) -> [Substring] {
        process.output.split(separator: "\n").filter { $0.hasPrefix("joined") || $0.hasPrefix("stale") }
    }

    private func isJoined(_ process: RunningProcess) -> Bool { states(process).last?.hasPrefix("joined") == true }

    /// Waits until the subscriber holds, joined, just what the publisher holds of its share.
    private func expectEqual(
        _ subscriber: RunningProcess, _ publisher: RunningProcess, share: [String] = all
    ) async throws {
        let prefix = (["final"] + share).joined(separator: " ") + " "
        func final() -> String? {
            publisher.output.split(separator: "\n").first {
                $0.hasPrefix(prefix) && $0.dropFirst(prefix.count).first?.isNumber == true
            }.map { String($0.dropFirst(prefix.count)) }
        }
        try await eventually("the publisher is through with its changes", within: .seconds(120)) { final() != nil }
        let wanted = try #require(final())
        #expect(!wanted.hasPrefix("0 "))
        try await eventually("the subscriber holds \(wanted), not \(states(subscriber).last ?? "nothing")", within: .seconds(120)) {
            states(subscriber).last.map(String.init) == "joined \(wanted)"
        }
    }

    /// How many changes the publisher has made, in thousands.
    private func changes(_ publisher: RunningProcess) -> Int {
        publisher.output.split(separator: "\n").last { $0.hasPrefix("changed ") }.flatMap { Int($0.dropFirst(8)) } ?? 0
    }

    /// From its first join on it has never been without objects.
    private func expectAlwaysInUse(_ subscriber: RunningProcess) {
        let counts = states(subscriber).drop { !$0.hasPrefix("joined") }.compactMap { $0.split(separator: " ").dropFirst().first }
        #expect(!counts.isEmpty && !counts.contains("0"), "\(counts)")
    }

    @Test("stopped while its queues run over many times")
    func stopped() async throws {
        let publisher = try await publisher(["--changes", "60000"])
        let subscriber = try subscriber()
        try await eventually("joined") { isJoined(subscriber) }
        try await subscriber.suspend()
        try await eventually("the publisher goes on without it", within: .seconds(120)) { publisher.output.contains("final") }
        subscriber.signal(SIGCONT)
        try await expectEqual(subscriber, publisher)
        expectAlwaysInUse(subscriber)
    }

    @Test("one that never reads costs the publisher a bounded queue, and the others nothing")
    func stuck() async throws {
        // 240 MB through the stream, 4 MB of it alive at any time.
        let options = ["--objects", "100", "--changes", "6000", "--padding", "40000", "--burst", "4", "--queue", "100"]
        let publisher = try await publisher(options)
        let stuck = try subscriber()
        try await eventually("joined") { isJoined(stuck) }
        try await stuck.suspend()
        let before = publisher.residentBytes
        let others = try (0..<2).map { _ in try subscriber() }
        for other in others { try await expectEqual(other, publisher) }
        // A sanitizer's own memory is several times what it watches.
        #if !MIZZEN_SANITIZE
            #expect(before > 0 && publisher.residentBytes - before < 60 << 20, "\(before) bytes, then \(publisher.residentBytes)")
        #else
            _ = before
        #endif
        stuck.signal(SIGCONT)
        try await expectEqual(stuck, publisher)
    }

    @Test("flooded: it takes longer over a delta than the publisher")
    func flooded() async throws {
        let publisher = try await publisher(["--changes", "60000", "--burst", "1000"])
        let subscriber = try subscriber(["--slowness", "200"])
        try await expectEqual(subscriber, publisher)
        expectAlwaysInUse(subscriber)
    }

    @Test("killed and started again, and another that comes late")
    func restarted() async throws {
        let publisher = try await publisher(["--changes", "60000"])
        var subscriber = try subscriber()
        for _ in 0..<3 {
            try await eventually("joined") { isJoined(subscriber) }
            try await subscriber.kill()
            subscriber = try self.subscriber()
        }
        try await expectEqual(subscriber, publisher)
        let late = try self.subscriber()
        try await expectEqual(late, publisher)
    }

    @Test("filtered to one namespace, and to some buckets", arguments: [["--namespace", "team-3"], ["--buckets", "60"]])
    func filtered(share: [String]) async throws {
        let publisher = try await publisher(["--changes", "100000", "--burst", "50"])
        let subscriber = try subscriber(share)
        try await eventually("joined") { isJoined(subscriber) }
        try await subscriber.suspend()
        // So many that it loses what came last in many topics; most are still to come.
        let lost = changes(publisher) + 10_000
        try await eventually("the publisher goes on without it") { changes(publisher) >= lost }
        subscriber.signal(SIGCONT)
        try await expectEqual(subscriber, publisher, share: share)
        expectAlwaysInUse(subscriber)
    }

    @Test("its publisher is killed in the middle of changes, and another takes its place with other objects")
    func publisherKilled() async throws {
        // So few that a sanitizer's build keeps up with the changes while it makes out what it holds.
        let objects = ["--objects", "1500"]
        var publisher = try await publisher(["--changes", "10000000", "--burst", "1"] + objects)
        let subscriber = try subscriber()
        for seed in 2...4 {
            try await eventually("joined") { isJoined(subscriber) }
            try await publisher.kill()
            let changes = seed == 4 ? "1000" : "10000000"
            publisher = try await self.publisher(["--seed", "\(seed)", "--changes", changes, "--burst", "1"] + objects)
        }
        try await expectEqual(subscriber, publisher)
        expectAlwaysInUse(subscriber)
    }

    /// A publisher that keeps the stream's history, of objects that go on changing while it is dead.
    private func lasting(_ options: [String]) async throws -> RunningProcess {
        try await publisher(["--history", folder.path("history"), "--server", folder.path("server")] + options)
    }

    private func counts(_ process: RunningProcess) -> Substring? {
        process.output.split(separator: "\n").last { $0.hasPrefix("counts") }
    }

    @Test("its publisher is killed again and again and goes on with the stream: nobody is told of a new one, and all end equal")
    func killedAndResumed() async throws {
        var publisher = try await lasting(["--away", "4000", "--changes", "10000000", "--burst", "1"])
        let shares = [Self.all, ["--namespace", "team-3"], ["--buckets", "60"]]
        let subscribers = try shares.map { try subscriber($0) }
        for subscriber in subscribers { try await eventually("joined") { isJoined(subscriber) } }
        var random = SeededRandom(seed: 30)
        let lives = isSoak ? 200 : 12
        for life in 1...lives {
            // A random moment is what is wanted here: chance, not synchronisation. Some fall into the next start.
            try await Task.sleep(for: .milliseconds(Int.random(in: 5...250, using: &random)))
            try await publisher.kill()
            if life % 7 == 0 { subscribers[0].signal(SIGSTOP) }
            publisher = try RunningProcess(
                "stream-probe",
                ["publish"] + endpoints + ["--history", folder.path("history"), "--server", folder.path("server"), "--away", "\(life)"]
                    + ["--changes", life == lives ? "2000" : "10000000", "--burst", "1", "--seed", "3"], in: folder)
            if life % 7 == 3 { subscribers[0].signal(SIGCONT) }
            if life % 2 == 0 { try await eventually("it publishes") { publisher.output.contains("publishing") } }
        }
        subscribers[0].signal(SIGCONT)
        #expect(publisher.output.contains("resumed(objects: "))
        for (subscriber, share) in zip(subscribers, shares) {
            try await expectEqual(subscriber, publisher, share: share)
            expectAlwaysInUse(subscriber)
            #expect(counts(subscriber)?.hasPrefix("counts 0 new streams") == true, "\(share): \(counts(subscriber) ?? "")")
        }
    }

    @Test("after a restart only what changed meanwhile is fetched")
    func restartedQuietly() async throws {
        var publisher = try await lasting(["--away", "4000", "--changes", "0"])
        let subscriber = try subscriber()
        try await expectEqual(subscriber, publisher)
        #expect(counts(subscriber)?.contains(", 256 buckets") == true)
        try await publisher.kill()
        publisher = try await lasting(["--away", "5", "--changes", "0"])
        try await expectEqual(subscriber, publisher)
        let fetched = try #require(counts(subscriber)?.split(separator: " ").dropFirst(4).first.flatMap { Int($0) })
        #expect((256...261).contains(fetched), "\(counts(subscriber) ?? "")")
        #expect(counts(subscriber)?.hasPrefix("counts 0 new streams") == true)
    }

    @Test("cut off in the middle of snapshots, again and again")
    func cutOff() async throws {
        let ports = [freePort(), freePort()]
        let there = ["--deltas", "tcp://127.0.0.1:\(ports[0])", "--snapshots", "tcp://127.0.0.1:\(ports[1])"]
        let publisher = try await publisher(["--changes", "30000"], at: there)
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "python/cutting-proxy.py").path
        // 5,000 objects are about 900 kB: an answer of more than a sixth of that ends within a frame.
        let proxy = try RunningProcess("/usr/bin/env", ["python3", script, "\(ports[1])", "4", "150001"], in: folder)
        try await eventually("the proxy listens") { proxy.output.contains("port") }
        let port = try #require(proxy.output.split(separator: "\n").first?.split(separator: " ").last)
        let subscriber = try subscriber(at: [there[0], there[1], "--snapshots", "tcp://127.0.0.1:\(port)"])
        try await expectEqual(subscriber, publisher)
        // After failures it asks for less at a time, so that the last may be too short to be cut.
        #expect(proxy.output.split(separator: "\n").filter { $0 == "cut" }.count >= 3)
        expectAlwaysInUse(subscriber)
    }
}
