import Foundation
import TestSupport
import Testing

/// An exporter that counts the states of pods behind a relay.
@Suite("Counters of states behind a relay, in separate processes", .serialized, .timeLimit(.minutes(5)))
struct RelayedStatesProcessTests {
    /// What the exporter has counted by now may be counted on: everything before is known.
    private func begin(_ bench: StateBench) async throws {
        try await eventually("it counts") { try await bench.isCounting(0) }
        try await eventually("what it counts is kept") {
            try bench.createMarker()
            return try await !bench.counters(0).isEmpty
        }
    }

    @Test("a relay that is killed, or stands still, in a flow of changes loses none of them for those below")
    func relayKilled() async throws {
        let bench = try await StateBench()
        // What a relay does not take is lost soon.
        let watcher = try bench.startWatcher(["--subscriber-queue", "64"])
        try await bench.awaitWatcher()
        var relay = try bench.startRelay()
        try await bench.awaitRelay()
        let exporter = try bench.startExporter(0, ["--state-counters-file", bench.folder.path("states")], behindRelay: true)
        try await begin(bench)
        try await bench.living {
            for turn in 0..<(isSoak ? 20 : 3) {
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...1_500)))
                if turn % 3 == 1 {
                    // The upstream's queue for it overflows meanwhile; also what the sockets in between take.
                    try await relay.suspend()
                    try await Task.sleep(for: .seconds(8))
                    try await relay.resume()
                } else {
                    try await relay.kill()
                    relay = try bench.startRelay()
                }
                try await bench.awaitRelay()
            }
        }
        try await bench.awaitTotals([0])
        #expect(try await bench.gaps(0) == 0, "\(exporter.output)")
        #expect(try await bench.watcherMetrics().contains(/mizzen_watcher_replayed_deltas_total [1-9]/))
        #expect(try await bench.relayMetrics().contains(/mizzen_watcher_replayed_deltas_total [1-9]/))
        _ = watcher
    }

    @Test("an upstream that is killed, alone or with its relay, costs no change that it had published and that was known below")
    func upstreamKilled() async throws {
        let bench = try await StateBench()
        var watcher = try bench.startWatcher()
        try await bench.awaitWatcher()
        var relay = try bench.startRelay()
        try await bench.awaitRelay()
        let exporter = try bench.startExporter(0, ["--state-counters-file", bench.folder.path("states")], behindRelay: true)
        try await begin(bench)
        for turn in 0..<(isSoak ? 10 : 2) {
            try await bench.living { try await Task.sleep(for: .seconds(1)) }
            // Nobody can count what happens while nobody watches.
            try await bench.awaitTotals([0])
            try await watcher.kill()
            if turn % 2 == 1 { try await relay.kill() }
            watcher = try bench.startWatcher()
            try await bench.awaitWatcher()
            if turn % 2 == 1 {
                relay = try bench.startRelay()
                try await bench.awaitRelay()
            }
            // A change that comes behind a restart belongs to what is counted on.
            try await eventually("it counts on") { try await bench.isCounting(0) }
        }
        try await bench.living { try await Task.sleep(for: .seconds(1)) }
        try await bench.awaitTotals([0])
        #expect(try await bench.gaps(0) == 0, "\(exporter.output)")
    }

    @Test("where the upstream has no past, an exporter behind a relay that was killed is told that it has missed changes")
    func withoutPast() async throws {
        let bench = try await StateBench()
        let watcher = try bench.startWatcher(["--replay-bytes", "0"])
        try await bench.awaitWatcher()
        var relay = try bench.startRelay()
        try await bench.awaitRelay()
        let exporter = try bench.startExporter(0, ["--state-counters-file", bench.folder.path("states")], behindRelay: true)
        try await begin(bench)
        try bench.create("steady")
        try await eventually("the pod is known") { try await bench.counters(0).contains { $0.key.contains("Running") && $0.value >= 2 } }
        try await relay.kill()
        try bench.set("steady", StateBench.running(3, last: "OOMKilled", id: "i2"))
        relay = try bench.startRelay()
        try await bench.awaitRelay()
        try await eventually("the restarts are counted") { try await bench.total("mizzen_pod_container_restarts_total", [0]) == 3 }
        #expect(try await bench.gaps(0) > 0)
        try await eventually("the log says it") {
            exporter.output.contains("changes of pods were missed that the stream's history does not reach back to")
        }
        _ = watcher
    }
}
