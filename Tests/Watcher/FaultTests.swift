import ClusterSimulator
import Foundation
import KubernetesObjects
import TestSupport
import Testing

/// One way of misbehaving, and what the watcher is to make of it.
struct FaultCase: Sendable, CustomTestStringConvertible {
    var name: String
    var faults: [Fault] = []
    var actions: [FaultAction] = []
    /// One of these labels `cause` of `mizzen_watcher_errors_total`; empty where nothing fails.
    var causes: [String] = []
    /// Part of a metric's line that must be there.
    var metric: String?
    /// Part of the log.
    var log: String?
    /// So many are made meanwhile: requests that come too fast would show.
    var changes = 40
    /// Of the watcher.
    var options: [String] = []
    var testDescription: String { name }

    /// Ends a running watch, so that the watcher has to ask again and meets the fault.
    private static let disturbance = Fault(.expired, resource: "services", count: 1)

    private static func answer(_ name: String, _ fault: Fault, causes: [String], log: String) -> FaultCase {
        FaultCase(name: name, faults: [disturbance, fault], causes: causes, log: log)
    }

    static let all: [FaultCase] = [
        answer(
            "requests hang", Fault(.hang, resource: "services", count: 1), causes: ["silent"],
            log: "nothing arrived for 4 s, though an answer was due"),
        answer(
            "connections close in place of an answer", Fault(.disconnect, resource: "services", count: 2),
            causes: ["connection"], log: "no answer from the API server"),
        answer(
            "429 with Retry-After", Fault(.status, resource: "services", count: 2, code: 429, retryAfter: 2),
            causes: ["throttled"], log: "429 TooManyRequests"),
        answer("500", Fault(.status, resource: "services", count: 2, code: 500), causes: ["server"], log: "500 InternalError"),
        answer("503", Fault(.status, resource: "services", count: 2, code: 503), causes: ["server"], log: "503 ServiceUnavailable"),
        FaultCase(
            name: "a watch is cut in the middle of a frame", faults: [Fault(.cut, resource: "services", verb: .watch, count: 2)],
            causes: ["cut", "connection"], log: "trying again"),
        FaultCase(
            name: "a list is cut in the middle of an object",
            faults: [disturbance, Fault(.withoutWatchList), Fault(.cut, resource: "services", verb: .list, count: 2)],
            causes: ["cut", "connection", "undecodable"], log: "trying again"),
        FaultCase(
            name: "a watch is silent while its connection lives", faults: [Fault(.silence, resource: "services", count: 1)],
            causes: ["silent"], log: "nothing arrived for 2 s after the server was to end the watch",
            options: ["--watch-timeout", "2s", "--watch-silence-limit", "2s"]),
        FaultCase(
            name: "410 in the middle of a watch", faults: [Fault(.expired, resource: "services", count: 2)], causes: ["expired"],
            log: "has forgotten where this watch or list stood"),
        FaultCase(name: "bookmarks are skipped", faults: [Fault(.skipBookmarks)]),
        FaultCase(
            name: "initial events have no end", faults: [disturbance, Fault(.endlessInitialEvents, resource: "services")],
            causes: ["initial_events", "silent"], log: "does not know WatchList"),
        FaultCase(
            name: "events change places", faults: [Fault(.reorder)],
            metric: #"mizzen_watcher_events_total{resource="services",type="MODIFIED"}"#),
        FaultCase(
            name: "events come twice", faults: [Fault(.duplicate)], metric: "mizzen_watcher_repeated_events_total",
            log: "sent an event twice or late"),
        FaultCase(
            name: "garbage in place of a frame", faults: [Fault(.garbage, resource: "services", count: 2)],
            causes: ["undecodable"], log: "an event was expected"),
        FaultCase(
            name: "a server without WatchList", faults: [Fault(.withoutWatchList), disturbance], causes: ["refused"]),
        FaultCase(
            name: "a server that stops offering protobuf", faults: [Fault(.withoutProtobuf), disturbance], causes: ["expired"]),
        FaultCase(
            name: "a server that refuses protobuf", faults: [Fault(.refuseProtobuf), disturbance], causes: ["not_acceptable"]),
        FaultCase(
            name: "a server that forgets its history", faults: [Fault(.cut, verb: .watch, count: 4)], actions: [.forgetHistory],
            causes: ["expired", "cut", "connection"]),
        // A watch that is asked for again when the new versions have overtaken the old ones cannot tell: the comparison can.
        FaultCase(
            name: "a server that comes back with other versions", actions: [.restartVersions],
            causes: ["connection", "cut"], options: ["--drift-check-interval", "2s", "--drift-settle-time", "1s"]),
        FaultCase(
            name: "an object of 20 MB",
            actions: [.enlarge(resource: "services", namespace: "default", name: "steady-0", bytes: 20_000_000)],
            // Every fifth is one of this object, for which the simulator takes its time.
            changes: 6),
    ]
}

/// While the API server misbehaves and objects change, no name is lost; afterwards table and stream are the server's state.
@Suite("Faults of the API server", .serialized)
struct FaultProcessTests {
    /// docs/operations.md, "Faults of the API server".
    static let requestsASecond = 3

    @Test("the watcher ends with the server's state, and DNS never denies a name that exists", arguments: FaultCase.all)
    func heals(fault: FaultCase) async throws {
        let bench = try await FaultBench(options: fault.options)
        bench.simulator.switchboard.forgetRequests()
        let answers = try await bench.meanwhile {
            for action in fault.actions { try bench.simulator.perform(action) }
            bench.simulator.switchboard.switchOn(fault.faults)
            try await bench.cluster.change(isSoak ? 10 * fault.changes : fault.changes)
            try await waitUntilExplained(bench, fault)
            bench.simulator.switchboard.clear()
            // An event of each kind pushes out what a fault held back.
            try await bench.cluster.change(6)
        }
        try await bench.converge()
        #expect(answers.asked > 50)
        #expect(answers.wrong.isEmpty, "\(answers.wrong.prefix(3))")
        for resource in SteadyCluster.resources {
            #expect(bench.simulator.switchboard.busiestSecond(resource.plural) <= Self.requestsASecond, "\(resource)")
        }
        #expect(try await bench.stop() == 0)
    }

    /// Waits until each fault was met, as often as it is there, and metrics and log say what they are to say of it.
    private func waitUntilExplained(_ bench: FaultBench, _ fault: FaultCase) async throws {
        var missing = ""
        do {
            try await eventually("the fault is explained") {
                missing = try await Self.missing(bench, fault) ?? ""
                return missing.isEmpty
            }
        } catch {
            throw DidNotHappen(description: "\(error): \(missing)")
        }
    }

    private static func missing(_ bench: FaultBench, _ fault: FaultCase) async throws -> String? {
        for (fault, hits) in bench.simulator.switchboard.hits where hits < fault.count ?? 1 {
            return "\(fault.kind) was met \(hits) times"
        }
        let lines = try await bench.metrics().split(separator: "\n")
        let errors = lines.filter { $0.hasPrefix("mizzen_watcher_errors_total") }
        let isCounted = errors.contains { line in fault.causes.contains { line.contains(#"cause="\#($0)""#) } }
        guard fault.causes.isEmpty || isCounted else { return "none of \(fault.causes) in \(errors)" }
        if let metric = fault.metric, !lines.contains(where: { $0.contains(metric) }) { return "no metric \(metric)" }
        if let log = fault.log, !bench.watcher.output.contains(log) { return "no '\(log)' in \(bench.watcher.output.suffix(1500))" }
        return nil
    }

    @Test("a rotated token is read from its file as soon as the old one is refused")
    func rotatedToken() async throws {
        let bench = try await FaultBench(credentials: .tokenFile)
        let answers = try await bench.meanwhile {
            try bench.simulator.perform(.rotateToken("second-token"))
            bench.simulator.switchboard.switchOn([Fault(.expired, resource: "services", count: 1)])
            try await eventually("the old token is refused") {
                try await bench.metrics().contains(#"cause="unauthorized""#)
            }
            #expect(bench.watcher.output.contains("renew the token or certificate"))
            try bench.folder.write(Array("second-token".utf8), to: "token")
        }
        try await bench.converge()
        #expect(answers.wrong.isEmpty, "\(answers.wrong.prefix(3))")
        #expect(try await bench.stop() == 0)
    }

    @Test("an expired client certificate is replaced by the one that its file holds by then")
    func expiredCertificate() async throws {
        let bench = try await FaultBench(credentials: .certificateFiles)
        let answers = try await bench.meanwhile {
            try bench.simulator.perform(.expireCertificates)
            bench.simulator.switchboard.switchOn([Fault(.expired, resource: "services", count: 1)])
            try await eventually("the old certificate is refused") {
                try await bench.metrics().contains(#"cause="unauthorized""#)
            }
            try FaultBench.renewCertificate(bench.simulator, bench.folder)
        }
        try await bench.converge()
        #expect(answers.wrong.isEmpty, "\(answers.wrong.prefix(3))")
        #expect(try await bench.stop() == 0)
    }

    @Test("events that the server swallowed are found by the drift check, counted and healed")
    func drift() async throws {
        let bench = try await FaultBench(options: ["--drift-check-interval", "2s", "--drift-settle-time", "1s"])
        let answers = try await bench.meanwhile {
            bench.simulator.switchboard.switchOn([Fault(.lose, resource: "services", count: 12)])
            try await eventually("events were swallowed") { bench.simulator.switchboard.hits.allSatisfy { $0.hits == 12 } }
        }
        // A creation, a change and a deletion of which no event tells.
        bench.simulator.switchboard.switchOn([Fault(.lose, resource: "services")])
        try bench.cluster.apply("unseen", address: "10.96.202.1", port: 1)
        try bench.cluster.apply("steady-1", address: "10.96.200.2", port: 9999)
        if try bench.simulator.get(.services, namespace: "default", name: "churn-0") != nil {
            try bench.simulator.delete(.services, namespace: "default", name: "churn-0")
        }
        try await bench.converge()
        #expect(answers.wrong.isEmpty)
        let metrics = try await bench.metrics()
        #expect(metrics.contains(#"mizzen_watcher_drift_objects_total{resource="services",kind="missing"}"#), "\(metrics)")
        #expect(bench.watcher.output.contains("what is held differs from what the API server has"))
        #expect(try await bench.stop() == 0)
    }
}
