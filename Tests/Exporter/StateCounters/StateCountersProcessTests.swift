import Foundation
import KubernetesObjects
import TestSupport
import Testing

@testable import ClusterSimulator

/// A simulated cluster in which pods live fast, a watcher and exporters that count, which are killed.
@Suite("Counters of states, in separate processes", .serialized)
struct StateCountersProcessTests {
    @Test("exporters killed in the middle of a flow of changes count every one of them once, each shard its own")
    func killed() async throws {
        let bench = try await StateBench()
        let watcher = try bench.startWatcher()
        try await bench.awaitWatcher()
        let shards = (0..<2).map {
            ["--shard", "\($0)", "--total-shards", "2", "--state-counters-file", bench.folder.path("states-\($0)")]
        }
        var exporters = try shards.enumerated().map { try bench.startExporter($0, $1) }
        for shard in 0...1 { try await eventually("it counts") { try await bench.isCounting(shard) } }
        // What is served has been kept: from here on nothing may be missing.
        for shard in 0...1 {
            try await eventually("what it counts is kept") {
                try bench.createMarker()
                return try await !bench.counters(shard).isEmpty
            }
        }
        var random = SystemRandomNumberGenerator()
        try await bench.living {
            for _ in 0..<(isSoak ? 60 : 6) {
                let one = Int.random(in: 0...1, using: &random)
                let before = try await bench.counters(one)
                // When in the flow it dies is drawn at random.
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...1_500, using: &random)))
                try await exporters[one].kill()
                exporters[one] = try bench.startExporter(one, shards[one])
                try await eventually("it serves again") { try await !bench.counters(one).isEmpty }
                let after = try await bench.counters(one)
                // A scrape never sees a counter that goes back, which would count as one that began anew.
                for (series, value) in before { #expect(after[series] ?? 0 >= value, "\(series)") }
            }
        }
        try await bench.awaitTotals([0, 1])
        for shard in 0...1 {
            let own = try await bench.telemetry(shard)
            #expect(own.contains("mizzen_exporter_state_counters_gaps_total 0\n"))
            #expect(own.contains("mizzen_exporter_state_counters_kept 1\n"))
        }
        #expect(try await bench.watcherMetrics().contains(/mizzen_watcher_replayed_deltas_total [1-9]/))
        _ = watcher
    }

    @Test("options that change while changes flow lose no change and count none twice; the last second is kept at the end")
    func reloaded() async throws {
        let bench = try await StateBench()
        let watcher = try bench.startWatcher()
        try await bench.awaitWatcher()
        func configure(_ resources: String) throws { try bench.folder.write(Array(resources.utf8), to: "options.yaml") }
        try configure("resources: {pods: {}}")
        let options = ["--config", bench.folder.path("options.yaml"), "--state-counters-file", bench.folder.path("states")]
        var exporter = try bench.startExporter(0, options)
        try await eventually("it counts") { try await bench.isCounting(0) }
        try await bench.living {
            for turn in 0..<4 {
                try configure("resources: {pods: {}\(turn % 2 == 0 ? ", services: {}" : "")}")
                try await eventually("the change is taken") {
                    exporter.output.components(separatedBy: "what was prepared is served now").count == turn + 2
                }
            }
        }
        // Whatever of the last changes it has had by now: the next process has the rest from the stream.
        #expect(try await exporter.stop() == 0)
        exporter = try bench.startExporter(0, options)
        try await bench.awaitTotals([0])
        #expect(try await bench.telemetry(0).contains("mizzen_exporter_state_counters_gaps_total 0\n"))
        #expect(exporter.output.contains("counting of states goes on"))
        _ = watcher
    }

    @Test("where the history does not reach, what pods still show is counted, and the gap is told; without changes there is none")
    func gap() async throws {
        let bench = try await StateBench()
        var watcher = try bench.startWatcher(["--replay-bytes", "0"])
        try await bench.awaitWatcher()
        let options = ["--state-counters-file", bench.folder.path("states")]
        var exporter = try bench.startExporter(0, options)
        try await eventually("it counts") { try await bench.isCounting(0) }
        try bench.create("steady")
        try await eventually("the pod is known") { try await bench.total("mizzen_pod_phase_entries_total", [0]) == 1 }
        let since = try await bench.since(0)

        // Watcher and exporter are started again, and nothing has changed meanwhile.
        #expect(try await exporter.stop() == 0)
        try await watcher.kill()
        watcher = try bench.startWatcher(["--replay-bytes", "0"])
        try await bench.awaitWatcher()
        exporter = try bench.startExporter(0, options)
        try await eventually("it counts on") { try await bench.since(0) == since }
        #expect(try await bench.telemetry(0).contains("mizzen_exporter_state_counters_gaps_total 0\n"))

        // Now something does: three ends, of which the last is shown, and a pod that comes and goes.
        try await exporter.kill()
        try bench.set("steady", StateBench.running(3, last: "OOMKilled", id: "i2"))
        try bench.create("short")
        try bench.simulator.delete(.pods, namespace: "default", name: "short")
        exporter = try bench.startExporter(0, options)
        try await eventually("the restarts are counted") { try await bench.total("mizzen_pod_container_restarts_total", [0]) == 3 }
        #expect(try await bench.total("mizzen_pod_container_terminations_total", [0]) == 3)
        #expect(try await bench.total("mizzen_pod_phase_entries_total", [0]) == 1)
        let own = try await bench.telemetry(0)
        #expect(own.contains(/mizzen_exporter_state_counters_gaps_total [1-9]/))
        try await eventually("the log says it") {
            exporter.output.contains("changes of pods were missed that the stream's history does not reach back to")
        }
        #expect(try await bench.since(0) > since)
        _ = watcher
    }

    @Test("a new stream counts nothing again that was counted in the old one, while its watcher lists and after")
    func newStream() async throws {
        let bench = try await StateBench()
        var watcher = try bench.startWatcher()
        try await bench.awaitWatcher()
        let exporter = try bench.startExporter(0, ["--state-counters-file", bench.folder.path("states")])
        try await eventually("it counts") { try await bench.isCounting(0) }
        for number in 0..<40 {
            try bench.create("p\(number)")
            try bench.set("p\(number)", StateBench.running(2, last: "Error", id: "i\(number)"))
        }
        try await eventually("all is counted") { try await bench.total("mizzen_pod_container_restarts_total", [0]) == 80 }
        let before = try await bench.counters(0)
        for _ in 0..<(isSoak ? 10 : 2) {
            try await watcher.kill()
            try FileManager.default.removeItem(atPath: bench.folder.path("table.history"))
            let gaps = try await bench.gaps(0)
            watcher = try bench.startWatcher()
            try await eventually("all of the new stream is followed") {
                let (now, isCounting) = (try await bench.gaps(0), try await bench.isCounting(0))
                return now == gaps + 256 && isCounting
            }
            #expect(try await bench.counters(0) == before)
        }
        try bench.set("p7", StateBench.running(3, last: "Error", id: "i7-2"))
        try await eventually("counting goes on") { try await bench.total("mizzen_pod_container_restarts_total", [0]) == 81 }
        #expect(try await bench.total("mizzen_pod_container_terminations_total", [0]) == 81)
        _ = exporter
    }

    @Test("without a place to keep them, counters are counted all the same, and log and metrics say what a restart will cost")
    func unkept() async throws {
        let bench = try await StateBench()
        let watcher = try bench.startWatcher()
        try await bench.awaitWatcher()
        let exporter = try bench.startExporter(0, ["--state-counters-file", bench.folder.path("no/such/folder/states")])
        try await eventually("it counts") { try await bench.isCounting(0) }
        try bench.create("steady")
        try await eventually("the pod is known") { try await bench.total("mizzen_pod_phase_entries_total", [0]) == 1 }
        try await eventually("the log says it") { exporter.output.contains("counters of states cannot be kept") }
        let own = try await bench.telemetry(0)
        #expect(own.contains("mizzen_exporter_state_counters_kept 0\n"))
        #expect(own.contains(/mizzen_exporter_state_counters_file_failures_total [1-9]/))
        let idle = try bench.startExporter(1, ["--metric-opt-in-list=", "--metric-denylist=mizzen_.*", "--state-counters-file", "x"])
        try await eventually("who gives a file and serves no such family is told") {
            idle.output.contains("--state-counters-file has no effect")
        }
        _ = watcher
    }
}
