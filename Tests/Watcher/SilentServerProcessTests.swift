import Foundation
import KubernetesObjects
import TestSupport
import Testing

/// A watcher process and an API server process, over HTTP/2 and TLS, with short limits.
@Suite("A watcher of a silent server", .timeLimit(.minutes(3)))
struct SilentServerProcessTests {
    private let folder: TemporaryFolder
    private let health = freePort()

    init() throws { folder = try TemporaryFolder() }

    private func startServer() async throws -> RunningProcess {
        // No bookmark within the test: its watches are as quiet as can be.
        let server = try RunningProcess(
            "cluster-simulator",
            [
                "--services", "5", "--pods", "10", "--nodes", "2", "--no-kubelets", "--bookmark-interval", "3600", "--kubeconfig",
                folder.path("kubeconfig"),
            ], in: folder)
        try await eventually("the API server is ready") { server.output.contains("ready kubeconfig=") }
        return server
    }

    private func startWatcher() async throws -> RunningProcess {
        let watcher = try RunningProcess(
            "mizzen-watcher",
            [
                "--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http", "127.0.0.1:\(health)",
                "--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))",
                "--connection-quiet-limit", "1s", "--connection-answer-limit", "1s",
            ], in: folder)
        try await eventually("the watcher has listed everything") {
            guard try await FaultBench.fetch(health, "/readyz") == "ok\n" else { return false }
            return lists(try await metrics()) == Resource.all.count
        }
        return watcher
    }

    private func metrics() async throws -> String { try await FaultBench.fetch(health, "/metrics") }

    /// The sum of a metric's samples, or of those that have a label.
    private func sum(_ name: String, _ label: String? = nil, of metrics: String) -> Int {
        metrics.split(separator: "\n").filter { $0.hasPrefix(name + "{") && (label.map($0.contains) ?? true) }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0) { $0 + Int($1) }
    }

    private func lists(_ metrics: String) -> Int { sum("mizzen_watcher_lists_total", of: metrics) }

    private func errors(_ metrics: String) -> Int { sum("mizzen_watcher_errors_total", of: metrics) }

    private func warnings(_ process: RunningProcess) -> [Substring] {
        process.output.split(separator: "\n").filter { $0.contains("cannot be listed or watched") }
    }

    @Test("quiet watches are left alone, a stopped server is noticed and reported once, and all watches go on when it does")
    func stopped() async throws {
        let server = try await startServer()
        let watcher = try await startWatcher()
        // Several times the limits: PINGs are answered, and nothing else comes.
        let end = ContinuousClock.now + .seconds(6)
        while ContinuousClock.now < end {
            let metrics = try await metrics()
            try #require(errors(metrics) == 0, "\(watcher.output.suffix(1000))")
            try await Task.sleep(for: .milliseconds(50))
        }
        let before = sum("mizzen_watcher_watches_total", of: try await metrics())
        server.signal(SIGSTOP)
        defer { server.signal(SIGCONT) }
        try await eventually("every watch has failed") {
            sum("mizzen_watcher_errors_total", #"cause="silent""#, of: try await metrics()) >= Resource.all.count
        }
        #expect(warnings(watcher).count == 1, "\(warnings(watcher))")
        #expect(warnings(watcher).first?.contains("no answer to a PING") ?? false, "\(warnings(watcher))")
        server.signal(SIGCONT)
        try await eventually("every watch is there again", within: .seconds(60)) {
            sum("mizzen_watcher_watches_total", of: try await metrics()) - before >= Resource.all.count
        }
        // Nothing was listed anew for it.
        #expect(lists(try await metrics()) == Resource.all.count)
        #expect(try await watcher.stop() == 0, "\(watcher.output.suffix(1000))")
        #expect(try await server.stop() == 0)
    }

    @Test("a watcher whose server is stopped ends when it is told to")
    func endsBesideStoppedServer() async throws {
        let server = try await startServer()
        let watcher = try await startWatcher()
        server.signal(SIGSTOP)
        defer { server.signal(SIGCONT) }
        try await eventually("a watch has failed") { errors(try await metrics()) > 0 }
        let told = ContinuousClock.now
        #expect(try await watcher.stop() == 0, "\(watcher.output.suffix(1000))")
        #expect(ContinuousClock.now - told < .seconds(10))
    }
}
