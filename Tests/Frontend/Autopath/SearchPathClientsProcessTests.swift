import Glibc
import MizzenSystem
import Names
import ProcessRuntime
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

/// How many questions real resolvers in a pod ask for an outside name, with and without `--complete-search-paths`.
@Suite("Questions along a search path", .serialized)
struct SearchPathClientsProcessTests {
    private static let isRoot = geteuid() == 0
    private static let name = "one.example.com"

    /// The pod is 127.0.0.1: from there the kernel asks any address of the loopback network.
    private struct Bench {
        let frontend: RunningFrontend
        let programs: PodPrograms
        private let cluster: SketchedCluster
        private let upstream: TestUpstream

        init(isOn: Bool) async throws {
            cluster = try SketchedCluster { (writer) throws(TableError) in
                try writer.upsert(NamespaceRecord(name: "alpha"))
                try writer.upsert(PodRecord(namespace: "alpha", name: "a", uid: "1", addresses: [.v4(0x7F00_0001)]))
            }
            upstream = try .besideHostDomains()
            let address = PodPrograms.nameserver()
            frontend = try await RunningFrontend(
                """
                .:53 {
                 bind \(address)
                 prometheus 127.0.0.1:\(freePort())
                 kubernetes cluster.local
                 forward . \(upstream.address)
                }
                """, table: cluster.path
            ) { $0.completesSearchPaths = isOn }
            programs = try PodPrograms(in: frontend.folder, nameserver: address, namespace: "alpha", options: "ndots:5")
        }

        /// Questions that have come so far.
        var questions: Int {
            String(decoding: frontend.control.metrics.registry.render(), as: UTF8.self).split(separator: "\n")
                .filter { $0.hasPrefix("coredns_dns_requests_total{") }
                .reduce(0) { $0 + (Int($1.split(separator: " ").last ?? "") ?? 0) }
        }

        func stop() async throws {
            upstream.stop()
            try await frontend.stop()
        }
    }

    @Test(
        "programs with glibc and musl, and one that asks as Go does, ask 2 instead of 8",
        .enabled(if: isRoot, "only root may listen on port 53 and bind over /etc/resolv.conf"), arguments: [(true, 2), (false, 8)])
    func questions(isOn: Bool, expected: Int) async throws {
        let bench = try await Bench(isOn: isOn)
        let getent = try await bench.programs.run(try PodPrograms.path(of: "getent"), ["ahosts", Self.name])
        #expect(
            getent.code == 0 && getent.text.hasPrefix("192.0.2.1 ") && bench.questions == expected, "\(bench.questions): \(getent.text)")

        let before = bench.questions
        let musl = try await bench.programs.run(try await bench.programs.musl(), [Self.name])
        #expect(musl.text == "192.0.2.1\n" && bench.questions - before == expected, "\(bench.questions - before): \(musl.text)")

        let asked = bench.questions
        let address = bench.frontend.address
        let found = try await onThread { try Self.askAsGo(address) }
        #expect(found == ["192.0.2.1"] && bench.questions - asked == expected, "\(bench.questions - asked): \(found)")
        try await bench.stop()
    }

    /// As the resolver of Go's standard library (package net, goLookupIPCNAMEOrder): for one name after another both families, until one of
    /// them has an address.
    private static func askAsGo(_ address: SocketAddress) throws -> [String] {
        let search = ["alpha.svc.cluster.local", "svc.cluster.local", "cluster.local"]
        for candidate in search.map({ "\(name).\($0)" }) + [name] {
            var found: [String] = []
            for type in [RecordType.a, .aaaa] {
                let answer = try MessageText(try TestClient.ask(try TestPacket.query(candidate, type, advertisedSize: 1232), address))
                found += answer.answer.filter { $0.contains(" IN \(type) ") }.compactMap { $0.split(separator: " ").last.map(String.init) }
            }
            if !found.isEmpty { return found }
        }
        return []
    }
}
