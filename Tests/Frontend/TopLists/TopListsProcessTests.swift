import Foundation
import MizzenSystem
import Names
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

@Suite("Who asks, in a process of its own", .serialized)
struct TopListsProcessTests {
    private let folder: TemporaryFolder
    private let port = freePort()

    init() throws { folder = try TemporaryFolder() }

    private func start(_ lines: String, _ options: [String]) async throws -> RunningProcess {
        let corefile = ".:\(port) {\n bind 127.0.0.1\n \(lines)\n}\n"
        try folder.write(Array(corefile.utf8), to: "Corefile")
        let frontend = try RunningProcess(
            "mizzen-frontend", ["--corefile", folder.path("Corefile"), "--threads", "1", "--counters", ""] + options, in: folder)
        try await eventually("it serves") { frontend.output.contains(" serving ") }
        return frontend
    }

    private func ask(_ names: Range<Int>) async throws {
        let address = SocketAddress(address: .v4(0x7F00_0001), port: port)
        try await onThread {
            for name in names { _ = try TestClient.ask(try TestPacket.query("n\(name).example.org", .a), address) }
        }
    }

    @Test("log tells the pod that asks")
    func log() async throws {
        let cluster = try SketchedCluster { (writer) throws(TableError) in
            try writer.upsert(PodRecord(namespace: "shop", name: "web-0", uid: "u", addresses: [.v4(0x7F00_0001)]))
        }
        let frontend = try await start(
            """
            metadata
            log . "{name} by {/kubernetes/client-namespace}/{/kubernetes/client-pod-name} {/kubernetes/client-none}"
            kubernetes cluster.local
            template IN A example.org {
                answer "{{ .Name }} 60 A 192.0.2.1"
            }
            """, ["--table", cluster.path])
        try await ask(0..<1)
        try await eventually("the line is there") { frontend.output.contains("[INFO] n0.example.org. by shop/web-0 -\n") }
        #expect(try await frontend.stop() == 0)
    }
}
