import Foundation
import KubernetesClient
import KubernetesObjects
import Testing

extension ReflectorTests {
    /// The captured answers of a real API server.
    static func captured(_ path: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Fixtures/cluster-a")
        return [UInt8](try Data(contentsOf: folder.appendingPathComponent(path)))
    }

    static let protobuf = "application/vnd.kubernetes.protobuf"

    @Test("captured lists arrive whole in either encoding", arguments: ["json", "pb"])
    func capturedList(suffix: String) async throws {
        let body = try Self.captured("lists/v1_services.\(suffix)")
        try await reflect { request, answer in
            let type = suffix == "pb" ? Self.protobuf : "application/json"
            try await answer.head(200, type)
            if request.query["watch"] != nil { return }
            // In awkward pieces.
            var rest = body[...]
            while !rest.isEmpty {
                try await answer.write(Array(rest.prefix(4_093)))
                rest = rest.dropFirst(4_093)
            }
            try await answer.end()
        } _: { bench, _ in
            var calls = await bench.sink.calls(until: "listed 1665")
            #expect(calls.removeFirst() == "list")
            #expect(calls.removeLast() == "listed 1665")
            #expect(calls.count == 52)
            #expect(bench.sink.object("kubernetes")?.object.encoding == (suffix == "pb" ? .protobuf : .json))
        }
    }

    @Test("captured WatchLists arrive whole in either encoding", arguments: ["json", "pb"])
    func capturedWatchList(suffix: String) async throws {
        let body = try Self.captured("watch/services.watchlist.\(suffix)")
        try await reflect(watchList: true) { _, answer in
            try await answer.head(200, suffix == "pb" ? "\(Self.protobuf);stream=watch" : "application/json")
            try await answer.write(body)
        } _: { bench, _ in
            let calls = await bench.sink.calls(until: "listed 1788")
            #expect(calls.first == "list")
            #expect(calls.count == 54)
            #expect(await bench.sink.calls(until: "bookmark 1794") == ["+late", "+late", "-late", "bookmark 1794"])
            #expect(bench.sink.object("kubernetes")?.identity.namespace == "default")
        }
    }

    @Test("a captured 410 leads to a new list in either encoding", arguments: ["json", "pb"])
    func capturedExpired(suffix: String) async throws {
        let body = try Self.captured("watch/services.expired.\(suffix)")
        let watches = Counter()
        try await reflect { request, answer in
            if request.query["watch"] == nil { return try await answer.reply(200, Self.list([], 5)) }
            try await answer.head(200, suffix == "pb" ? "\(Self.protobuf);stream=watch" : "application/json")
            if watches.next() == 1 {
                try await answer.write(body)
                try await answer.end()
            }
        } _: { bench, _ in
            _ = await bench.sink.calls(until: "listed 5")
            #expect(await bench.sink.calls(until: "listed 5") == ["list", "listed 5"])
            #expect(bench.observer["failed expired"] == 1)
        }
    }

    @Test("nothing secret passes through")
    func secrets() async throws {
        let body = try Self.captured("lists/v1_secrets.pb")
        try await reflect(resource: .secrets) { request, answer in
            try await answer.head(200, Self.protobuf)
            if request.query["watch"] != nil { return }
            try await answer.write(body)
            try await answer.end()
        } _: { bench, _ in
            let calls = await bench.sink.calls(until: "listed 1665")
            let names = calls.filter { $0.hasPrefix("+") }.map { String($0.dropFirst()) }
            #expect(names.count == 12)
            for name in names {
                let text = String(decoding: bench.sink.object(name)?.object.bytes ?? [], as: UTF8.self)
                #expect(!text.contains("TOP-SECRET"))
                #expect(!text.contains("VE9QLVNFQ1JFVC"))
            }
        }
    }
}
