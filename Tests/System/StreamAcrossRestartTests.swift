import Foundation
import TestSupport
import Testing

@Suite("The stream across restarts of the watcher", .serialized)
struct StreamAcrossRestartProcessTests {
    private static func lines(_ tail: RunningProcess) -> [Substring] { tail.output.split(separator: "\n").filter { $0.hasPrefix("{") } }

    private static func service(_ name: String) -> String {
        #"{"apiVersion":"v1","kind":"Service","metadata":{"name":"\#(name)","namespace":"s1-prod"},"spec":{"ports":[{"port":80}]}}"#
    }

    @Test("a killed watcher goes on with its stream: subscribers hear of what changed meanwhile, and fetch nothing else")
    func killed() async throws {
        let system = try await RunningSystem()
        let services = "/api/v1/namespaces/s1-prod/services"
        for name in ["kept", "changed", "removed"] { try await system.send("POST", services, Self.service(name)) }
        var watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        #expect(watcher.output.contains("a new stream begins"))
        let tail = try RunningProcess("mizzen-watcher", ["tail", "--topic", "services/"] + system.streamOptions, in: system.folder)
        try await eventually("it has all services") {
            Self.lines(tail).contains { $0.contains(#""name":"removed""#) } && Self.lines(tail).count > 50
        }
        let before = Self.lines(tail).count
        try await watcher.kill()
        try await system.send("POST", services, Self.service("added"))
        try await system.send(
            "PATCH", "\(services)/changed", #"{"metadata":{"labels":{"round":"two"}}}"#, contentType: "application/merge-patch+json")
        try await system.send("DELETE", "\(services)/removed", "{}")
        watcher = try system.startWatcher()
        try await eventually("the watcher is ready again") { try await system.isWatcherReady() }
        let metrics = try await system.fetch("http://127.0.0.1:\(system.watcherPort)/metrics")
        #expect(metrics.contains("mizzen_watcher_stream_resumed 1") && metrics.contains("mizzen_watcher_stream_history_kept 1"))
        #expect(watcher.output.contains("the stream goes on"))
        try await eventually("it hears of what changed") {
            let news = Self.lines(tail).dropFirst(before)
            return news.contains { $0.contains(#""name":"added""#) }
                && news.contains { $0.contains(#""name":"changed""#) && $0.contains(#""round":"two""#) }
        }
        // A change that the tail hears live shows that it follows again.
        try await system.send("POST", services, Self.service("afterwards"))
        try await eventually("it follows") { Self.lines(tail).last?.contains(#""name":"afterwards""#) == true }
        // A delta that was sent before the tail was back is fetched, with the few other services of its bucket.
        #expect(Self.lines(tail).count - before < 20, "\(Self.lines(tail).count - before) of \(before)")
        #expect(!tail.output.contains("a new stream"))
        #expect(try await watcher.stop() == 0)
        _ = try await tail.stop()
    }

    @Test("a new stream begins where the history is gone, or is of fewer resources than it was of")
    func broken() async throws {
        let system = try await RunningSystem()
        var watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        #expect(try await watcher.stop() == 0)
        watcher = try RunningProcess("mizzen-watcher", system.watcherOptions + ["--resources", "services,pods"], in: system.folder)
        try await eventually("it says why") { watcher.output.contains("are not watched any more") }
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        #expect(try await watcher.stop() == 0)
        try system.folder.remove("table.history")
        watcher = try system.startWatcher()
        try await eventually("it says why") { watcher.output.contains("there is no history of one") }
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        #expect(try await watcher.stop() == 0)
    }
}
