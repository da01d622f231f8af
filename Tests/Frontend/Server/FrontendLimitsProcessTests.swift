import CMizzenSystem
import Foundation
import MizzenSystem
import Names
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

/// A real frontend that runs into the limits of its system, and out of them again.
@Suite("A frontend at its limits", .serialized)
struct FrontendLimitsProcessTests {
    private let folder: TemporaryFolder
    private let port = freePort()
    private let http = freePort()

    init() throws {
        folder = try TemporaryFolder()
        let corefile = """
            .:\(port) {
                bind 127.0.0.1
                prometheus 127.0.0.1:\(http)
                kubernetes cluster.local
                hosts /nonexistent {
                    192.0.2.1 one.example.org
                    fallthrough
                }
            }

            """
        try folder.write(Array(corefile.utf8), to: "Corefile")
    }

    private var address: SocketAddress { SocketAddress(address: .v4(0x7F00_0001), port: port) }

    /// One thread; serving.
    /// - Parameter asNobody: as nobody if this is root, whom no permission stops.
    private func start(asNobody: Bool = false) async throws -> RunningProcess {
        let program = [RunningProcess.folder.appending(path: "mizzen-frontend").path]
        let options = ["--corefile", folder.path("Corefile"), "--table", folder.path("table"), "--threads", "1"]
        let words =
            (asNobody && getuid() == 0 ? ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []) + program + options
        let frontend = try RunningProcess(words[0], Array(words.dropFirst()), in: folder)
        try await eventually("it serves") { DNSProbe(port: port).addresses(of: "one.example.org")?.addresses == ["192.0.2.1"] }
        // Only then does it have all the descriptors that it starts with.
        try await eventually("it has started") { frontend.output.contains(" serving ") }
        return frontend
    }

    private func run(_ program: String, _ words: [String]) async throws -> String {
        let process = try RunningProcess(program, words, in: folder)
        guard try await process.exitCode(within: .seconds(20)) == 0 else { throw DidNotHappen(description: "\(words): \(process.output)") }
        return process.output
    }

    private func metric(_ sample: String) async throws -> Double? {
        try await run("/usr/bin/curl", ["--silent", "--fail", "--max-time", "10", "http://127.0.0.1:\(http)/metrics"])
            .split(separator: "\n").first { $0.hasPrefix(sample + " ") }.flatMap { Double($0.dropFirst(sample.count + 1)) }
    }

    /// No descriptor can be had any more, or as many as before.
    private func limit(_ frontend: RunningProcess, isOut: Bool) async throws {
        let soft = isOut ? "3" : "4096"
        _ = try await run("/usr/bin/prlimit", ["--pid", "\(frontend.identifier)", "--nofile=\(soft):"])
    }

    @Test("a connection that cannot be accepted is counted and said, and is accepted once that is possible")
    func acceptFailures() async throws {
        let frontend = try await start()
        try await limit(frontend, isOut: true)
        let packet = try TestPacket.query("one.example.org", .a)
        let address = address
        let client = try await onThread { try TestClient.open(address, sending: [packet]) }
        try await eventually("it is said") { frontend.output.contains("TCP connections cannot be accepted") }
        #expect(frontend.output.contains("EMFILE") || frontend.output.contains("open files"), "\(frontend.output)")
        try await limit(frontend, isOut: false)
        let answers = try await onThread { try TestClient.read(1, from: client) }
        #expect(try answers.map { try MessageText($0).answer } == [["one.example.org. 3600 IN A 192.0.2.1"]])
        #expect(try await metric("mizzen_dns_accept_failures_total") ?? 0 >= 1)
        #expect(try await frontend.stop() == 0)
    }

    @Test("more queries than 10,000 that wait for upstreams on a thread are failed at once")
    func waitingQueries() async throws {
        let upstream = try Socket.listening(.datagram, on: SocketAddress(address: .v4(0x7F00_0001), port: 0))
        let corefile = try String(decoding: folder.read("Corefile"), as: UTF8.self)
            .replacing(
                "fallthrough\n    }",
                with: "fallthrough\n    }\n    forward . 127.0.0.1:\(try Socket.boundPort(upstream)) {\n prefer_udp\n }")
        try folder.write(Array(corefile.utf8), to: "Corefile")
        let frontend = try await start()
        let packets = try (0..<128).map { try TestPacket.query("two.example.org", .a, id: UInt16($0)) }
        let address = address
        let codes = try await onThread {
            // A connection has up to 128 queries under way, and they are held until the end.
            let full = try (0..<78).map { _ in try TestClient.open(address, sending: packets) }
            let last = try TestClient.open(address, sending: Array(packets[..<19]))
            return try withExtendedLifetime(full) { try TestClient.read(3, from: last).map { try MessageText($0).code } }
        }
        // 78 times 128 and 16 of the 19.
        #expect(codes == ["SERVFAIL", "SERVFAIL", "SERVFAIL"])
        let code = try await frontend.stop()
        #expect(code == 0, "\(frontend.output)")
    }

    enum Obstacle: String, CaseIterable { case descriptors, permission }

    @Test(
        "a generation that cannot be opened is said once with its reason, answers go on, and it is opened when it can be",
        arguments: Obstacle.allCases)
    func generation(obstacle: Obstacle) async throws {
        let writer = try table()
        let frontend = try await start(asNobody: obstacle == .permission)
        func isAnswered() -> Bool { DNSProbe(port: port).addresses(of: "kept.n.svc.cluster.local")?.addresses == ["10.96.0.1"] }
        try await eventually("the table is there") { isAnswered() }
        let (before, next) = (writer.generation, writer.generation + 1)
        if obstacle == .descriptors { try await limit(frontend, isOut: true) }
        try folder.write([], to: "table.\(next)")
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: folder.path("table.\(next)"))
        var number = 0
        while writer.generation == before {
            try writer.upsert(service("s\(number)", padding: 500))
            number += 1
        }
        try #require(writer.generation == next)
        let complaint = "worker threads cannot open the current record table"
        try await eventually("it is said") { frontend.output.contains(complaint) }
        // Meanwhile it is tried three times.
        try await throughout(.seconds(3), "answered") { isAnswered() }
        let lines = frontend.output.split(separator: "\n").filter { $0.contains(complaint) }
        #expect(lines.count == 1, "\(lines)")
        let reason = obstacle == .descriptors ? "Too many open files" : "Permission denied"
        #expect(lines.first?.contains(reason) == true && lines.first?.contains("table.\(next)") == true, "\(lines)")
        try folder.remove("table.\(next)")
        try share(".\(next)")
        if obstacle == .descriptors { try await limit(frontend, isOut: false) }
        try await eventually("it is opened") { frontend.output.contains("all worker threads answer from the current record table") }
        #expect(isAnswered())
        #expect(try await metric(#"mizzen_worker_table_generation{worker="0"}"#) == Double(next))
        #expect(try await frontend.stop() == 0)
    }

    /// A small table, under the name `table` as far as it is shared: the next generation is not there under it.
    private func table() throws -> TableWriter {
        let writer = try TableWriter(
            path: folder.path("written"), identity: "test", now: 1, sizing: TableWriter.Sizing(bucketCount: 64, capacity: 4 << 20))
        try writer.upsert(NamespaceRecord(name: "n"))
        try writer.upsert(service("kept", padding: 0))
        for resource in ["namespaces", "services", "endpointslices", "pods"] {
            writer.setStatus(resource: resource, resourceVersion: "1", isSynced: true, now: 1)
        }
        writer.beat(now: 1)
        try share("")
        try share(".\(writer.generation)")
        return writer
    }

    private func share(_ suffix: String) throws {
        // For nobody, too.
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder.path("written\(suffix)"))
        try FileManager.default.linkItem(atPath: folder.path("written\(suffix)"), toPath: folder.path("table\(suffix)"))
    }

    private func service(_ name: String, padding: Int) -> ServiceRecord {
        ServiceRecord(
            namespace: "n", name: name, kind: .clusterIP, clusterIPs: [.v4(0x0A60_0001)],
            labels: padding > 0 ? ["padding": String(repeating: "x", count: padding)] : [:])
    }
}
