import Foundation
import TestSupport
import Testing

/// The subscriber that was written from docs/delta-stream.md alone, in Python, beside a real watcher.
@Suite("A subscriber in another language, on a live watcher", .serialized)
struct LiveSubscriberProcessTests {
    private static let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Shared/DeltaStream/python/subscriber.py").path

    private struct Held: Decodable {
        var namespace: String
        var name: String
        var uid: String
        var resourceVersion: String
    }

    private struct ServiceList: Decodable {
        struct Item: Decodable { var metadata: Held }
        var items: [Item]
    }

    private static func text(_ object: Held) -> String {
        "\(object.namespace)/\(object.name)/\(object.uid)@\(object.resourceVersion)"
    }

    private static func service(_ name: String, port: Int = 80) -> String {
        #"{"apiVersion":"v1","kind":"Service","metadata":{"name":"\#(name)","namespace":"s1-prod"},"#
            + #""spec":{"ports":[{"name":"http","port":\#(port)}]}}"#
    }

    @Test("it ends with the API server's state, though the watcher is killed while objects change")
    func equalState() async throws {
        let system = try await RunningSystem()
        let services = "/api/v1/namespaces/s1-prod/services"
        var watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        let subscriber = try RunningProcess(
            "/usr/bin/env",
            ["python3", Self.script] + system.streamOptions + ["--plural", "services", "--until", "the-end", "--timeout", "120"],
            in: system.folder)
        for number in 0..<40 { try await system.send("POST", services, Self.service("live-\(number)")) }
        for number in 0..<40 where number % 3 == 0 { try await system.send("DELETE", "\(services)/live-\(number)", "{}") }
        try await watcher.kill()
        // Nobody tells the subscriber of these, nor of those that go.
        for number in 40..<50 { try await system.send("POST", services, Self.service("live-\(number)")) }
        try await system.send("DELETE", "\(services)/live-1", "{}")
        watcher = try system.startWatcher()
        try await eventually("the watcher is ready again") { try await system.isWatcherReady() }
        for number in 0..<40 where number % 3 == 2 {
            try await system.send(
                "PATCH", "\(services)/live-\(number)", #"{"metadata":{"labels":{"round":"two"}}}"#,
                contentType: "application/merge-patch+json")
        }
        try await system.send("POST", services, Self.service("the-end"))
        #expect(try await subscriber.exitCode(within: .seconds(120)) == 0, "\(subscriber.output.suffix(1000))")

        let held = try subscriber.output.split(separator: "\n").filter { $0.hasPrefix("{") }.map {
            Self.text(try JSONDecoder().decode(Held.self, from: Data($0.utf8)))
        }
        let list = try await system.fetch(
            "http://127.0.0.1:\(system.apiPort)/api/v1/services", ["--header", "Authorization: Bearer \(try system.token())"])
        let wanted = try JSONDecoder().decode(ServiceList.self, from: Data(list.utf8)).items.map { Self.text($0.metadata) }
        #expect(held.sorted() == wanted.sorted())
        #expect(wanted.contains { $0.contains("/live-49/") } && !wanted.contains { $0.contains("/live-1/") })
        #expect(try await watcher.stop() == 0)
    }
}
