import Foundation
import TestSupport
import Testing

/// A relay below a watcher or another relay.
private struct Relay {
    let system: RunningSystem
    let name: String
    let upstream: String
    let port = freePort()

    var table: String { system.folder.path("\(name)-table") }
    var streamOptions: [String] {
        ["--deltas", "ipc://\(system.folder.path("\(name)-deltas"))", "--snapshots", "ipc://\(system.folder.path("\(name)-snapshots"))"]
    }

    func start(_ more: [String] = []) throws -> RunningProcess {
        let prefix = upstream.isEmpty ? "" : "\(upstream)-"
        return try RunningProcess(
            "mizzen-watcher",
            [
                "--upstream", "ipc://\(system.folder.path("\(prefix)deltas"))", "--upstream-snapshots",
                "ipc://\(system.folder.path("\(prefix)snapshots"))", "--table", table, "--http", "127.0.0.1:\(port)",
            ] + streamOptions + more, in: system.folder)
    }

    func waitUntilReady() async throws {
        try await eventually("relay \(name) is ready", within: .seconds(60)) {
            try await system.fetch("http://127.0.0.1:\(port)/readyz") == "ok\n"
        }
    }
}

@Suite("Relays and standbys, in separate processes", .serialized)
struct RelayProcessTests {
    private static func output(_ name: String, _ arguments: [String], in folder: TemporaryFolder) async throws -> [String] {
        let process = try RunningProcess(name, arguments, in: folder)
        guard try await process.exitCode(within: .seconds(60)) == 0 else {
            throw DidNotHappen(description: "\(name) failed: \(process.output.suffix(500))")
        }
        return process.output.split(separator: "\n").map(String.init).sorted()
    }

    private static func stream(_ options: [String], in folder: TemporaryFolder) async throws -> [String] {
        try await output("mizzen-watcher", ["tail", "--once"] + options, in: folder)
    }

    private static func service(_ number: Int) -> String {
        #"{"apiVersion":"v1","kind":"Service","metadata":{"name":"churn-\#(number)","namespace":"s1-prod"},"#
            + #""spec":{"clusterIP":"10.96.201.\#(number)","ports":[{"name":"http","port":80}]}}"#
    }

    private static func add(_ numbers: ClosedRange<Int>, to system: RunningSystem) async throws {
        for number in numbers { try await system.send("POST", "/api/v1/namespaces/s1-prod/services", service(number)) }
    }

    private static func remove(_ numbers: ClosedRange<Int>, from system: RunningSystem) async throws {
        for number in numbers { try await system.send("DELETE", "/api/v1/namespaces/s1-prod/services/churn-\(number)", "{}") }
    }

    @Test("three levels deep, with the middle and the top killed, every level ends with the same stream, and DNS never forgets a name")
    func threeLevels() async throws {
        let system = try await RunningSystem()
        var top = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        let middle = Relay(system: system, name: "middle", upstream: "")
        let lowest = Relay(system: system, name: "lowest", upstream: "middle")
        var middleProcess = try middle.start()
        let lowestProcess = try lowest.start()
        try await middle.waitUntilReady()
        try await lowest.waitUntilReady()
        let frontend = try RunningProcess(
            "mizzen-frontend", ["--corefile", system.folder.path("Corefile"), "--table", lowest.table, "--threads", "1"],
            in: system.folder)
        try await Self.add(1...20, to: system)
        let first = "churn-1.s1-prod.svc.cluster.local"
        try await eventually("DNS has the service") { system.dns.addresses(of: first)?.addresses == ["10.96.201.1"] }
        func settles(_ name: String, _ number: Int) async throws {
            try await eventually("DNS has \(name)", within: .seconds(60)) {
                if let answer = system.dns.addresses(of: first) { #expect(answer.addresses == ["10.96.201.1"]) }
                return system.dns.addresses(of: "churn-\(number).s1-prod.svc.cluster.local")?.responseCode == 0
            }
            try await expectSameStreams(system, [middle, lowest])
        }
        try await settles("the first changes", 20)
        try await middleProcess.kill()
        try await Self.remove(11...20, from: system)
        try await Self.add(21...30, to: system)
        middleProcess = try middle.start()
        try await settles("what changed without the middle", 30)
        try await top.kill()
        try await Self.remove(21...29, from: system)
        try await Self.add(31...40, to: system)
        top = try system.startWatcher()
        try await settles("what changed without the top", 40)
        #expect(system.dns.addresses(of: "churn-25.s1-prod.svc.cluster.local")?.responseCode == 3)
        #expect(lowestProcess.isRunning && frontend.isRunning)
        for process in [frontend, lowestProcess, middleProcess, top] {
            #expect(try await process.stop() == 0, "\(process.name): \(process.output.suffix(500))")
        }
    }

    /// Each line has stream id, sequence, commit time, resourceVersion and object.
    private func expectSameStreams(_ system: RunningSystem, _ relays: [Relay]) async throws {
        for relay in relays {
            var difference = ""
            do {
                try await eventually("\(relay.name) has the top's stream", within: .seconds(60)) {
                    let top = try await Self.stream(system.streamOptions, in: system.folder)
                    let held = try await Self.stream(relay.streamOptions, in: system.folder)
                    difference = "\(top.count) and \(held.count) objects; \(Set(top).symmetricDifference(held).count) differ"
                    return top == held && top.count > 20
                }
            } catch {
                Issue.record("\(relay.name): \(error); \(difference)")
            }
        }
        let top = try await Self.output("mizzen-frontend", ["table", "--table", system.table], in: system.folder)
        for relay in relays {
            let table = try await Self.output("mizzen-frontend", ["table", "--table", relay.table], in: system.folder)
            #expect(Self.records(table) == Self.records(top), "the table of \(relay.name)")
        }
    }

    /// Without the header, which tells writer and times.
    private static func records(_ lines: [String]) -> [String] {
        lines.filter { !$0.hasPrefix("table ") && !$0.hasPrefix("  written by") && !$0.contains("synced, resource version") }
    }

    @Test("a standby takes over when the leader is killed, and its sockets are bound only then")
    func standby() async throws {
        let system = try await RunningSystem()
        let leader = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        let refused = try RunningProcess("mizzen-watcher", system.watcherOptions + ["--http", "127.0.0.1:0"], in: system.folder)
        #expect(try await refused.exitCode(within: .seconds(20)) == 73)
        let port = freePort()
        let standby = try RunningProcess(
            "mizzen-watcher", system.watcherOptions + ["--standby", "--http", "127.0.0.1:\(port)"], in: system.folder)
        try await eventually("it stands by") {
            try await system.fetch("http://127.0.0.1:\(port)/readyz").contains("standing by")
        }
        #expect(try await system.fetch("http://127.0.0.1:\(port)/metrics").contains("mizzen_watcher_leader 0"))
        try await leader.kill()
        try await eventually("it leads") { try await system.fetch("http://127.0.0.1:\(port)/readyz") == "ok\n" }
        #expect(try await system.fetch("http://127.0.0.1:\(port)/metrics").contains("mizzen_watcher_leader 1"))
        #expect(standby.output.contains("taking over"))
        let second = try RunningProcess(
            "mizzen-watcher", system.watcherOptions + ["--standby", "--http", "127.0.0.1:\(system.watcherPort)"], in: system.folder)
        try await eventually("another stands by") { second.output.contains("standing by") }
        #expect(try await second.stop() == 0)
        #expect(try await standby.stop() == 0)
    }

    @Test("a standby that is told to stop while it takes over ends in good order, whenever that is")
    func stoppedWhileTakingOver() async throws {
        let system = try await RunningSystem()
        let leader = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        #expect(try await leader.stop() == 0)
        for delay in stride(from: 0, through: 500, by: 50) {
            // The lock of a leader that is there until a known moment. Safe: open reads the terminated path.
            let lock = unsafe open(system.table, O_RDWR | O_CLOEXEC)
            #expect(lock >= 0 && flock(lock, LOCK_EX) == 0)
            let standby = try RunningProcess(
                "mizzen-watcher", system.watcherOptions + ["--standby", "--http", "127.0.0.1:0"], in: system.folder)
            try await eventually("it stands by") { standby.output.contains("standing by") }
            close(lock)
            // Moments of its start, one after another: what is tried, not what is waited for.
            try await Task.sleep(for: .milliseconds(delay))
            #expect(try await standby.stop() == 0, "told to stop \(delay) ms after the table was free: \(standby.output)")
        }
    }

    @Test(
        "a relay's command line is refused where it is not clear",
        arguments: [
            (["--upstream", "tcp://127.0.0.1:1"], "--upstream-snapshots"),
            (["--upstream-snapshots", "tcp://127.0.0.1:1"], "needs --upstream"),
            (["--upstream", "tcp://127.0.0.1:1", "--upstream-snapshots", "tcp://127.0.0.1:2", "--in-cluster"], "no credential"),
        ])
    func commandLine(options: [String], message: String) async throws {
        let folder = try TemporaryFolder()
        let process = try RunningProcess("mizzen-watcher", options, in: folder)
        #expect(try await process.exitCode(within: .seconds(20)) == 64)
        #expect(process.output.contains(message))
    }
}
