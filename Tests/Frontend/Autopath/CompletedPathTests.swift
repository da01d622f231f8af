import MizzenSystem
import Names
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

/// `--complete-search-paths` over sockets, with pods at addresses of 127.0.0.0/8 that the questions come from.
@Suite("search paths completed", .serialized)
struct CompletedPathTests {
    private static let alpha: UInt32 = 0x7F00_000B
    private static let node: UInt32 = 0x7F00_000D
    private static let nobody: UInt32 = 0x7F00_0001
    private static let outside = "one.example.com.alpha.svc.cluster.local"

    private let folder: TemporaryFolder
    private let writer: TableWriter
    private let upstream: TestUpstream

    init() throws {
        folder = try TemporaryFolder()
        writer = try TableWriter(
            path: folder.path("table"), identity: "test", now: 1, sizing: .init(bucketCount: 64, capacity: 1 << 20))
        for name in ["alpha", "beta"] { try writer.upsert(NamespaceRecord(name: name)) }
        try writer.upsert(
            ServiceRecord(
                namespace: "beta", name: "db", kind: .clusterIP, clusterIPs: [.v4(0x0A60_0002)],
                ports: [PortRecord(name: "http", protocol: .tcp, number: 80)]))
        try writer.upsert(PodRecord(namespace: "alpha", name: "a", uid: "1", addresses: [.v4(Self.alpha)]))
        try writer.upsert(PodRecord(namespace: "alpha", name: "n", uid: "3", addresses: [.v4(Self.node)], isHostNetwork: true))
        for resource in SketchedCluster.resources { writer.setStatus(resource: resource, resourceVersion: "1", isSynced: true, now: 1) }
        writer.beat(now: 1)
        upstream = try .besideHostDomains()
    }

    private func frontend(_ pods: String, _ directives: [String], isOn: Bool = true) async throws -> RunningFrontend {
        try await RunningFrontend(
            """
            .:0 {
             bind 127.0.0.1
             \(directives.joined(separator: "\n "))
             kubernetes cluster.local {
              pods \(pods)
             }
             forward . \(upstream.address)
            }
            """, table: folder.path("table")
        ) { $0.completesSearchPaths = isOn }
    }

    private func ask(_ frontend: RunningFrontend, _ name: String, _ type: RecordType = .a, from source: UInt32) async throws -> [String] {
        let address = frontend.address
        let text = try MessageText(
            try await onThread { try TestClient.ask(try TestPacket.query(name, type, advertisedSize: 1232), address, from: source) })
        return [text.code] + text.answer.map { $0.replacing(" IN ", with: " ") }
    }

    @Test(
        "each mode of pods, with a cache and with autopath named: the pod's path, and nobody else's",
        arguments: ["disabled", "insecure", "verified"], [[], ["cache"], ["autopath @kubernetes"]])
    func modes(pods: String, directives: [String]) async throws {
        let frontend = try await frontend(pods, directives)
        for _ in 0..<2 {
            #expect(
                try await ask(frontend, Self.outside, from: Self.alpha) == [
                    "NOERROR", "one.example.com. 300 A 192.0.2.1", "\(Self.outside). 300 CNAME one.example.com.",
                ])
            #expect(try await ask(frontend, Self.outside, from: Self.node) == ["NXDOMAIN"])
            #expect(try await ask(frontend, Self.outside, from: Self.nobody) == ["NXDOMAIN"])
            #expect(try await ask(frontend, "one.example.com.beta.svc.cluster.local", from: Self.alpha) == ["NXDOMAIN"])
        }
        // Both families come to the service, which has one of them.
        #expect(
            try await ask(frontend, "db.beta.alpha.svc.cluster.local", from: Self.alpha).last == "db.beta.svc.cluster.local. 5 A 10.96.0.2")
        #expect(try await ask(frontend, "db.beta.alpha.svc.cluster.local", .aaaa, from: Self.alpha).first == "NOERROR")
        upstream.stop()
        try await frontend.stop()
    }

    @Test("other types, finished pods and frontends without the option are left as they are")
    func untouched() async throws {
        let frontend = try await frontend("insecure", [])
        for type in [RecordType.txt, .srv, .ptr] {
            #expect(try await ask(frontend, Self.outside, type, from: Self.alpha) == ["NXDOMAIN"])
        }
        // What the watcher does with a pod that has finished.
        try writer.removePod(namespace: "alpha", name: "a")
        #expect(try await ask(frontend, Self.outside, from: Self.alpha) == ["NXDOMAIN"])
        try await frontend.stop()
        try writer.upsert(PodRecord(namespace: "alpha", name: "a", uid: "1", addresses: [.v4(Self.alpha)]))
        let plain = try await self.frontend("insecure", [], isOn: false)
        #expect(try await ask(plain, Self.outside, from: Self.alpha) == ["NXDOMAIN"])
        upstream.stop()
        try await plain.stop()
    }
}
