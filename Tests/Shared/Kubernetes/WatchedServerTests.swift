import ClusterSimulator
import KubernetesClient
import KubernetesObjects
import TestSupport
import Testing

/// All watches of one client, over real connections, with short limits.
@Suite("Watches of a silent server", .serialized, .timeLimit(.minutes(2)))
struct WatchedServerTests {
    static let connection = SilenceLimits(quiet: .milliseconds(400), answer: .milliseconds(800))
    static let server = SilenceLimits(quiet: .milliseconds(1_200), answer: .milliseconds(800))

    private func settings() -> ClusterSimulator.Configuration {
        var settings = ClusterSimulator.Configuration(generated: .init(services: 3, pods: 6, nodes: 2))
        // No bookmark within the test: its watches are as quiet as can be.
        settings.bookmarks = .every(.seconds(3_600))
        return settings
    }

    private func port(_ url: String?) throws -> Int { try #require(url?.split(separator: ":").last.flatMap { Int($0) }) }

    @Test("a dead HTTP/2 connection is one warning for all its watches, and all of them come back")
    func deadConnection() async throws {
        let bench = try await WatchedClusterBench(settings())
        let proxy = try await SwallowingProxy(to: port(bench.simulator.secureURL))
        try await bench.watch("https://127.0.0.1:\(proxy.port)", connection: Self.connection, server: Self.server) {
            try await bench.isWatching()
            let before = bench.observer.counts
            #expect(proxy.accepted == 1)
            proxy.swallow()
            try await eventually("every watch has failed") { bench.observer.counts.failures["silent"] ?? 0 >= Resource.all.count }
            proxy.passOn()
            try await eventually("every watch is there again") {
                bench.observer.counts.watches - before.watches >= Resource.all.count
            }
            // Neither listed again, nor a connection each.
            #expect(bench.observer.counts.lists == before.lists)
            #expect(proxy.accepted <= 3)
            #expect(bench.log.warnings.count == 1, "\(bench.log.warnings)")
            #expect(bench.log.warnings.first?.contains("no answer to a PING") ?? false)
        }
        try await proxy.stop()
    }

    @Test("quiet watches of a server that answers are left alone, HTTP/1.1 or HTTP/2", arguments: [true, false])
    func quietServer(isSecure: Bool) async throws {
        let bench = try await WatchedClusterBench(settings())
        let url = try #require(isSecure ? bench.simulator.secureURL : bench.simulator.plainURL)
        try await bench.watch(url, connection: Self.connection, server: Self.server) {
            try await bench.isWatching()
            let before = bench.observer.counts
            let end = ContinuousClock.now + (Self.server.quiet + Self.server.answer) * 3
            while ContinuousClock.now < end {
                try #require(bench.observer.counts.failures.isEmpty, "\(bench.log.warnings)")
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(bench.observer.counts.watches == before.watches)
            #expect(bench.log.warnings.isEmpty, "\(bench.log.warnings)")
        }
    }

    @Test("a hung server behind HTTP/1.1 is asked, given up, and reported once")
    func hungServer() async throws {
        let bench = try await WatchedClusterBench(settings())
        let proxy = try await SwallowingProxy(to: port(bench.simulator.plainURL))
        try await bench.watch("http://127.0.0.1:\(proxy.port)", connection: Self.connection, server: Self.server) {
            try await bench.isWatching()
            proxy.swallow()
            let hung = ContinuousClock.now
            try await eventually("every watch has failed") { bench.observer.counts.failures["silent"] ?? 0 >= Resource.all.count }
            #expect(ContinuousClock.now - hung < .seconds(8))
            #expect(bench.log.warnings.count == 1, "\(bench.log.warnings)")
            #expect(bench.log.warnings.first?.contains("GET /livez") ?? false, "\(bench.log.warnings)")
        }
        try await proxy.stop()
    }

    @Test("a proxy that answers PINGs for a server that is gone is found out", arguments: [502, 503, 504])
    func goneBehindProxy(code: Int) async throws {
        let bench = try await WatchedClusterBench(settings())
        let url = try #require(bench.simulator.secureURL)
        try await bench.watch(url, connection: Self.connection, server: Self.server) {
            try await bench.isWatching()
            bench.simulator.switchboard.switchOn([Fault(.unwell, code: code)])
            try await eventually("every watch has failed") { bench.observer.counts.failures["silent"] ?? 0 >= Resource.all.count }
            #expect(bench.log.warnings.count == 1, "\(bench.log.warnings)")
            #expect(bench.log.warnings.first?.contains("was answered with \(code)") ?? false, "\(bench.log.warnings)")
        }
    }

    @Test(
        "watches whose server has ended its half of the connection are opened anew at once, HTTP/1.1 or HTTP/2", arguments: [true, false])
    func halfClosed(isSecure: Bool) async throws {
        let bench = try await WatchedClusterBench(settings())
        let proxy = try await SwallowingProxy(to: port(isSecure ? bench.simulator.secureURL : bench.simulator.plainURL))
        // The limits of silence are those of real life: it must not take them to notice.
        try await bench.watch("\(isSecure ? "https" : "http")://127.0.0.1:\(proxy.port)") {
            try await bench.isWatching()
            try await eventually("every watch is open") { bench.observer.counts.watches >= Resource.all.count }
            let before = bench.observer.counts
            try await proxy.endSending()
            try await eventually("every watch is there again", within: .seconds(20)) {
                bench.observer.counts.watches - before.watches >= Resource.all.count
            }
            #expect(bench.observer.counts.lists == before.lists)
            #expect(bench.observer.counts.failures["silent"] == nil)
            #expect(bench.log.warnings.count <= 1, "\(bench.log.warnings)")
        }
        try await proxy.stop()
    }

    @Test("a server that comes back from a backup is listed anew, and that is one warning", arguments: [true, false])
    func restored(isSecure: Bool) async throws {
        let bench = try await WatchedClusterBench(settings())
        let url = isSecure ? bench.simulator.secureURL : bench.simulator.plainURL
        try await bench.watch(url ?? "") {
            try await bench.isWatching()
            try await eventually("every watch is open") { bench.observer.counts.watches >= Resource.all.count }
            // Versions that the server will have forgotten.
            for number in 0..<100 {
                try bench.simulator.apply(
                    yaml: "{apiVersion: v1, kind: ConfigMap, metadata: {name: later, labels: {number: '\(number)'}}}")
            }
            try await eventually("the last is seen") { bench.observer.counts.events >= 100 }
            let before = bench.observer.counts
            try bench.simulator.perform(.restartVersions)
            try await eventually("the watch that had got so far lists anew", within: .seconds(20)) {
                bench.observer.counts.failures["rewound"] ?? 0 > 0 && bench.observer.counts.lists > before.lists
            }
            #expect(bench.log.warnings.filter { $0.contains("versions went back") }.count == 1, "\(bench.log.warnings)")
        }
    }
}
