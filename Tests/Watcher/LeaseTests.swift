import ClusterSimulator
import Foundation
import KubernetesClient
import KubernetesObjects
import Logging
import RecordTable
import TestSupport
import Testing

@testable import Watcher

@Suite("Watchers of several hosts with a lease, in separate processes", .serialized)
struct LeaseProcessTests {
    /// What a busy machine may add to a time that is otherwise fixed.
    private static let patience = 5.0

    @Test("when the leader is killed, the other leads after the lease time, and not before")
    func kill() async throws {
        let bench = try await LeaseBench()
        let first = try bench.start(.a)
        try await bench.leads(.a, first)
        let second = try bench.start(.b)
        try await bench.standsBy(.b, second, for: "a")
        #expect(try bench.record()?.leaseTransitions == 0)
        try await first.kill()
        let killed = LeaseBench.now()
        let (before, after) = try await bench.passes(to: "b", within: .seconds(30))
        // As the processes themselves wrote it, so that this test's own delays do not count.
        #expect(try LeaseBench.seconds(from: before.renewTime, to: after.acquireTime) >= 3)
        #expect(try LeaseBench.seconds(from: killed, to: after.acquireTime) <= 3.5 + Self.patience)
        #expect(before.holderIdentity == "a" && after.leaseTransitions == 1 && after.leaseDurationSeconds == 3)
        try bench.add("after", 1)
        try await bench.leads(.b, second)
        try await bench.converge(.b, second)
        #expect(try await bench.fetch(.b, "/metrics").contains("mizzen_watcher_lease_transitions_total 1\n"))
        // Started again, the first finds its identity in nothing and stands by.
        let third = try bench.start(.a)
        try await bench.standsBy(.a, third, for: "b")
        #expect(try await third.stop() == 0, "\(third.output.suffix(1000))")
        #expect(try await second.stop() == 0, "\(second.output.suffix(1000))")
        await bench.end()
    }

    @Test("a leader that is stopped for longer than the lease commits nothing more when it goes on, and ends with 75")
    func stopped() async throws {
        let bench = try await LeaseBench()
        let first = try bench.start(.a)
        try await bench.leads(.a, first)
        try await bench.converge(.a, first)
        let second = try bench.start(.b)
        try await bench.standsBy(.b, second, for: "a")
        try await bench.withSubscriber(of: .a) { subscriber in
            try await eventually("the subscriber has joined") { subscriber.isJoined }
            try bench.add("before", 1)
            try await eventually("the leader commits") { subscriber.held.contains { $0.contains(" before ") } }
            first.signal(SIGSTOP)
            _ = try await bench.passes(to: "b", within: .seconds(30))
            for number in 0..<30 { try bench.add("after-\(number)", number) }
            try bench.simulator.delete(.services, namespace: "default", name: "before")
            try await bench.leads(.b, second)
            // Events that the first has in its sockets by now.
            first.signal(SIGCONT)
            #expect(try await first.exitCode(within: .seconds(30)) == 75)
            #expect(!subscriber.held.contains { $0.contains(" after-") })
            #expect(subscriber.held.contains { $0.contains(" before ") })
        }
        #expect(
            first.output.contains(
                "mizzen-watcher: lease kube-system/mizzen-watcher: b took the lease over: this process has stopped writing"),
            "\(first.output.suffix(1500))")
        let reader = try TableReader(path: bench.table(.a))
        var names: Set<String> = []
        reader.forEachService { names.insert($0.record().name) }
        #expect(names.contains("before") && !names.contains { $0.hasPrefix("after-") })
        try await bench.converge(.b, second)
        // What a supervisor does with 75.
        let restarted = try bench.start(.a)
        try await bench.standsBy(.a, restarted, for: "b")
        #expect(try await restarted.stop() == 0, "\(restarted.output.suffix(1000))")
        #expect(try await second.stop() == 0, "\(second.output.suffix(1000))")
        await bench.end()
    }

    @Test("a leader that is told to end releases the lease, and the other takes over within a retry period")
    func release() async throws {
        let bench = try await LeaseBench()
        let first = try bench.start(.a)
        try await bench.leads(.a, first)
        let second = try bench.start(.b)
        try await bench.standsBy(.b, second, for: "a")
        async let exit = first.stop()
        let (before, after) = try await bench.passes(to: "b", within: .seconds(30))
        #expect(try await exit == 0)
        if before.holderIdentity.isEmpty {
            #expect(before.leaseDurationSeconds == 1)
            // Less than the lease time, and 0.5 s on an idle machine.
            #expect(try LeaseBench.seconds(from: before.renewTime, to: after.acquireTime) < 2.5)
        }
        #expect(first.output.contains("released the lease"))
        #expect(after.leaseTransitions == 1)
        try await bench.leads(.b, second)
        try await bench.converge(.b, second)
        #expect(try await second.stop() == 0, "\(second.output.suffix(1000))")
        #expect(try bench.record()?.holderIdentity == "")
        await bench.end()
    }

    @Test("while the API server does not answer nobody takes over and nobody ends, and afterwards nothing is missing")
    func silence() async throws {
        let bench = try await LeaseBench()
        let first = try bench.start(.a)
        try await bench.leads(.a, first)
        let second = try bench.start(.b)
        try await bench.standsBy(.b, second, for: "a")
        bench.simulator.switchboard.switchOn([Fault(.hang), Fault(.silence)])
        try await bench.watch(first, "the first does not lead any more") {
            try await bench.fetch(.a, "/metrics").contains("mizzen_watcher_leader 0\n")
        }
        try bench.add("meanwhile", 1)
        // Longer than the lease: what would happen has had its time.
        try await throughout(LeaseBench.duration * 2, "nobody takes over, and both run") {
            try bench.record()?.holderIdentity == "a" && first.isRunning && second.isRunning
        }
        // Who joins now is served.
        let tail = try RunningProcess("mizzen-watcher", ["tail", "--once"] + bench.stream(.a), in: bench.folder)
        #expect(try await tail.exitCode(within: .seconds(30)) == 0)
        #expect(first.output.contains("the lease was not renewed in time, so another may take it: changes wait"))
        bench.simulator.switchboard.clear()
        try await bench.leads(.a, first)
        try await bench.converge(.a, first)
        #expect(try bench.record()?.leaseTransitions == 0)
        #expect(first.output.contains("the lease is renewed and was nobody else's meanwhile: changes go on"))
        #expect(try await second.stop() == 0, "\(second.output.suffix(1000))")
        #expect(try await first.stop() == 0, "\(first.output.suffix(1000))")
        await bench.end()
    }

    @Test("changes that come while the lease cannot be renewed wait, in order and without loss, and are committed when it can")
    func waitingCommits() async throws {
        let bench = try await LeaseBench()
        // A watch that does not end meanwhile: whatever is asked below is then a list.
        let first = try bench.start(.a, ["--watch-timeout", "2m"])
        try await bench.leads(.a, first)
        try await bench.converge(.a, first)
        // Watches go on.
        bench.simulator.switchboard.switchOn([
            Fault(.status, resource: "leases", verb: .update, code: 503), Fault(.hang, resource: "leases", verb: .get),
        ])
        try await bench.watch(first, "the first does not lead any more") {
            try await bench.fetch(.a, "/metrics").contains("mizzen_watcher_leader 0\n")
        }
        for number in 0..<100 { try bench.add("waiting-\(number)", number) }
        for number in 0..<50 { try bench.simulator.delete(.services, namespace: "default", name: "waiting-\(number)") }
        try await throughout(LeaseBench.duration, "no change is committed") {
            let reader = try TableReader(path: bench.table(.a))
            var names: [String] = []
            reader.forEachService { names.append($0.record().name) }
            return !names.isEmpty && !names.contains { $0.hasPrefix("waiting-") }
        }
        let lists = bench.simulator.switchboard.requestCount("services")
        bench.simulator.switchboard.clear()
        try await bench.converge(.a, first)
        // By the watch that was there all the time, not by another list.
        #expect(bench.simulator.switchboard.requestCount("services") == lists)
        #expect(try await first.stop() == 0, "\(first.output.suffix(1000))")
        await bench.end()
    }

    @Test("what is not permitted is said with the permission, once, and tried until it is")
    func forbidden() async throws {
        let bench = try await LeaseBench()
        bench.simulator.switchboard.switchOn([Fault(.status, resource: "leases", verb: .get, code: 403)])
        let first = try bench.start(.a)
        try await bench.watch(first, "it says what is missing") {
            first.output.contains(
                "permit get, create and update of leases.coordination.k8s.io in namespace kube-system; what was refused is get")
        }
        try await bench.watch(first, "it stands by, and counts") {
            guard try await bench.fetch(.a, "/readyz").contains("its holder is not known yet") else { return false }
            let line = try await bench.fetch(.a, "/metrics").split(separator: "\n")
                .first { $0.hasPrefix(#"mizzen_watcher_lease_errors_total{cause="forbidden"}"#) }
            return line.flatMap { $0.split(separator: " ").last }.flatMap { Int($0) } ?? 0 >= 3
        }
        #expect(first.output.split(separator: "\n").count { $0.contains("cannot use the lease") } == 1)
        bench.simulator.switchboard.clear()
        bench.simulator.switchboard.switchOn([Fault(.status, resource: "leases", verb: .create, code: 403)])
        try await bench.watch(first, "it says what else is missing") { first.output.contains("what was refused is create") }
        bench.simulator.switchboard.clear()
        try await bench.leads(.a, first)
        #expect(try await first.stop() == 0, "\(first.output.suffix(1000))")
        await bench.end()
    }

    @Test("a leader whose token was rotated leads on with the one that its file holds by then")
    func rotatedToken() async throws {
        let bench = try await LeaseBench(credentials: .tokenFile)
        let first = try bench.start(.a)
        try await bench.leads(.a, first)
        try bench.simulator.perform(.rotateToken("second-token"))
        try await bench.watch(first, "its lease is not renewed any more") {
            guard first.output.contains("cannot use the lease") else { return false }
            return try await bench.fetch(.a, "/metrics").contains("mizzen_watcher_leader 0\n")
        }
        try bench.add("meanwhile", 1)
        try bench.folder.write(Array("second-token".utf8), to: "token")
        try await bench.leads(.a, first)
        try await bench.converge(.a, first)
        #expect(try await bench.fetch(.a, "/metrics").contains(/mizzen_watcher_lease_errors_total\{cause="unauthorized"\} [1-9]/))
        #expect(try bench.record()?.leaseTransitions == 0)
        #expect(try await first.stop() == 0, "\(first.output.suffix(1000))")
        await bench.end()
    }

    @Test("of two watchers on one host, with --standby and a lease, the second waits for the table and then for the lease")
    func oneHost() async throws {
        let bench = try await LeaseBench()
        let first = try bench.start(.a)
        try await bench.leads(.a, first)
        let second = try bench.start(.a, identity: "second", ["--standby", "--http", "127.0.0.1:0"])
        try await bench.watch(second, "it waits for the table") { second.output.contains("standing by table=") }
        #expect(!second.output.contains("lease="))
        try await first.kill()
        let (before, after) = try await bench.passes(to: "second", within: .seconds(30))
        #expect(try LeaseBench.seconds(from: before.renewTime, to: after.acquireTime) >= 3)
        try await bench.watch(second, "it leads") { second.output.contains("synced resource=services") }
        try await bench.converge(.a, second)
        #expect(try await second.stop() == 0, "\(second.output.suffix(1000))")
        await bench.end()
    }

    @Test("a hot standby answers throughout: before, while and after it takes over")
    func hotStandby() async throws {
        let bench = try await LeaseBench()
        let first = try bench.start(.a)
        try await bench.leads(.a, first)
        let fromA = ["--upstream", bench.deltas(.a), "--upstream-snapshots", bench.snapshots(.a)]
        let second = try bench.start(.b, fromA)
        try await bench.standsBy(.b, second, for: "a")
        // The table of b is filled by relaying.
        try await bench.watch(second, "the standby has everything", within: .seconds(60)) { try bench.tableEquals(.b) }
        let port = freePort()
        let frontend = try bench.startFrontend(.b, port: port)
        let probe = DNSProbe(port: port)
        try await eventually("the frontend answers") { probe.addresses(of: "steady-0.default.svc.cluster.local")?.responseCode == 0 }
        let (answers, _) = try await bench.cluster.meanwhile(asking: port) {
            try bench.add("relayed", 50)
            try await eventually("a change is relayed") {
                probe.addresses(of: "relayed.default.svc.cluster.local")?.addresses == ["10.96.201.51"]
            }
            #expect(try bench.record()?.holderIdentity == "a")
            try await first.kill()
            try bench.add("between", 51)
            try await bench.leads(.b, second)
            try await eventually("what came between is there") {
                probe.addresses(of: "between.default.svc.cluster.local")?.addresses == ["10.96.201.52"]
            }
        }
        #expect(answers.asked > 100)
        #expect(answers.wrong.isEmpty, "\(answers.wrong.prefix(3))")
        try await bench.converge(.b, second)
        // And back: a follows b, and leads when b is told to end.
        let third = try bench.start(.a, identity: "a2", ["--upstream", bench.deltas(.b), "--upstream-snapshots", bench.snapshots(.b)])
        try await bench.standsBy(.a, third, for: "b")
        try await bench.watch(third, "the new standby has everything", within: .seconds(60)) { try bench.tableEquals(.a) }
        #expect(try await second.stop() == 0, "\(second.output.suffix(1000))")
        try await bench.leads(.a, third)
        try await bench.converge(.a, third)
        #expect(try await third.stop() == 0, "\(third.output.suffix(1000))")
        #expect(try await frontend.stop() == 0, "\(frontend.output.suffix(1000))")
        await bench.end()
    }

    @Test("of several that want a lease at the same moment exactly one has it, every time")
    func race() async throws {
        let bench = try await LeaseBench()
        var quiet = Logger(label: "test")
        quiet.logLevel = .critical
        let logger = quiet
        let api = try APIClient(ClientConfiguration.kubeconfig(path: bench.folder.path("kubeconfig")), logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            // A few at a time: whoever cannot renew in time on a busy machine does not lead for long.
            for round in 0..<(isSoak ? 300 : 30) {
                if round >= 6 { try await group.next() }
                group.addTask { try await Self.raceOnce(round, bench, api, logger) }
            }
            try await group.waitForAll()
        }
        try await api.shutdown()
        await bench.end()
    }

    /// A third of them create it, a third take it from nobody, a third from one that is gone.
    private static func raceOnce(_ round: Int, _ bench: LeaseBench, _ api: APIClient, _ logger: Logger) async throws {
        let name = LeaseName("default/race-\(round)")!
        if round % 3 != 0 {
            var record = LeaseRecord()
            record.holderIdentity = round % 3 == 1 ? "" : "gone"
            record.leaseDurationSeconds = 1
            let text = LeaseObject.json(namespace: name.namespace, name: name.name, record)
            try bench.simulator.create(.leases, JSONValue(parsing: String(decoding: text, as: UTF8.self)))
        }
        let electors = (0..<3).map { number in
            LeaseElector(
                name,
                LeaseElection.Terms(
                    identity: "racer-\(number)", durationSeconds: 3, renewDeadline: .seconds(2), retryPeriod: .milliseconds(500)),
                api: api, logger: logger)
        }
        for elector in electors { elector.start() }
        for _ in electors {
            var leaders: [LeaseElector] = []
            try await eventually("somebody has \(name)", within: .seconds(60)) {
                leaders = electors.filter { $0.fence.isOpen }
                return !leaders.isEmpty
            }
            #expect(leaders.count == 1)
            let object = try bench.simulator.get(.leases, namespace: name.namespace, name: name.name)
            let holder = object?["spec"]?["holderIdentity"]?.string
            if leaders.first?.fence.isOpen == true { #expect(holder == leaders.first?.identity) }
            // And the others once more.
            await leaders.first?.finish()
        }
        for elector in electors { await elector.finish() }
    }
}
