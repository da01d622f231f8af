import ClusterSimulator
import KubernetesObjects
import MizzenSystem
import TestSupport
import Testing

@testable import Watcher

@Suite("Relays under load, in separate processes, over tcp with keys", .serialized)
struct RelayUnderLoadProcessTests {
    /// Which levels are killed, one after another.
    private static let below: [RelayBench.Level] =
        isSoak ? [.middle, .lowest, .middle, .middle, .middle, .lowest, .middle, .middle] : [.middle, .lowest, .middle]
    private static let everywhere: [RelayBench.Level] =
        isSoak
        ? [.top, .middle, .middle, .top, .lowest, .middle, .middle, .top, .middle, .lowest, .middle]
        : [.top, .middle, .lowest, .top, .middle]

    @Test("three levels are killed at random moments while objects change: nobody below misses a name, and one watch serves them all")
    func kills() async throws {
        let bench = try await RelayBench()
        try bench.start(.top)
        try await bench.waitUntilReady(.top)
        let ofOneStart = bench.requests
        try bench.start(.middle)
        try bench.start(.lowest)
        try await bench.waitUntilReady(.lowest)
        let frontend = try bench.startFrontend()
        try await bench.withSubscriber {
            try await eventually("the subscriber has joined", within: .seconds(60)) { bench.consumer.isJoined }
            try await killed(bench, seed: 1, Self.below)
            // Nothing that a relay has gone through cost the API server a request.
            #expect(bench.requests == ofOneStart)
            try await killed(bench, seed: 2, Self.everywhere)
            for (now, once) in zip(bench.requests, ofOneStart) { #expect(now <= 4 * once) }
            #expect(bench.consumer.missed == [])
            let (applied, replaced) = bench.consumer.counts
            // Both ways of hearing of changes were taken.
            #expect(applied >= 500 && replaced > SteadyCluster.resources.count * 256, "\(applied) applied, \(replaced) replaced")
        }
        for level in [RelayBench.Level.middle, .lowest] {
            let lines = try await bench.metrics(level).split(separator: "\n")
            let asked = lines.filter { $0.hasPrefix("mizzen_watcher_watches_total{") || $0.hasPrefix("mizzen_watcher_lists_total{") }
            #expect(!asked.isEmpty && asked.allSatisfy { $0.hasSuffix(" 0") }, "\(level): \(asked)")
        }
        #expect(frontend.isRunning)
        #expect(try await frontend.stop() == 0)
        for level in RelayBench.Level.allCases { #expect(try await bench.process(level).stop() == 0) }
        await bench.simulator.stop()
    }

    /// Kills these one after another while everything changes, and looks at the lowest level when all is quiet again.
    private func killed(_ bench: RelayBench, seed: UInt64, _ levels: [RelayBench.Level]) async throws {
        var random = SeededRandom(seed: seed)
        let before = bench.consumer.counts.applied
        let (answers, changes) = try await bench.meanwhile {
            for level in levels {
                // A random moment of the load: chance, not synchronisation.
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...5_000, using: &random)))
                try await bench.replace(level)
            }
            // On a busy machine it takes longer until what changes is heard of one by one again.
            try await eventually("deltas arrive", within: .seconds(120)) { bench.consumer.counts.applied >= before + 250 }
        }
        #expect(answers.wrong == [])
        #expect(answers.asked > 100 && changes > 100)
        try await bench.converge()
    }
}
