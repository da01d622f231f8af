import MizzenSystem
import Names
import ProcessRuntime
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

@Suite("What the server says of itself")
struct SelfDescriptionTests {
    /// Takes no class but IN, and names of one zone alone.
    private static let corefile = """
        example.org:0 {
            bind 127.0.0.1
            whoami
        }
        """

    private func ask(_ name: String, _ type: RecordType, recordClass: UInt16 = 3, of frontend: RunningFrontend) async throws -> MessageText
    {
        let (packet, address) = (try TestPacket.query(name, type, recordClass: recordClass), frontend.address)
        return try MessageText(try await onThread { try TestClient.ask(packet, address) })
    }

    @Test("version, and how old the table is, under any Corefile; to that question alone")
    func told() async throws {
        let cluster = try SketchedCluster(unsynced: ["pods"]) { writer in
            writer.setStatus(resource: "pods", resourceVersion: "1", isSynced: false, now: 1)
        }
        let frontend = try await RunningFrontend(Self.corefile, table: cluster.path)
        let answer = try await ask("MiZZen", .txt, of: frontend)
        #expect(answer.code == "NOERROR" && answer.answer.count == 1)
        let record = try #require(answer.answer.first)
        for text in ["version \(MizzenVersion.current)", "table-generation ", "table-age ", "incomplete pods"] {
            #expect(record.contains(text), "\(record)")
        }
        for (name, type, recordClass) in [
            ("mizzen", RecordType.txt, UInt16(1)), ("mizzen", .a, 3), ("a.mizzen", .txt, 3), ("version.bind", .txt, 3), ("mizzen", .txt, 4),
        ] {
            #expect(try await ask(name, type, recordClass: recordClass, of: frontend).code == "REFUSED", "\(name) \(type) \(recordClass)")
        }
        try await frontend.stop()
    }

    @Test("that there is no table")
    func noTable() async throws {
        let frontend = try await RunningFrontend(Self.corefile)
        #expect(try await ask("mizzen", .txt, of: frontend).answer.first?.contains("table none") == true)
        try await frontend.stop()
    }
}
