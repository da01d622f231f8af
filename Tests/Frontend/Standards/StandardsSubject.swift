import Foundation
import Names
import RecordTable
import TestSupport
import Testing

@testable import Frontend

/// The server that the standards are held against: a frontend with the captured cluster, or the one that `DNS_TEST_SUBJECT=host:port`
/// names. That has to serve the cluster of `Tests/Fixtures/cluster-a` under `corefile`, on another port.
struct StandardsSubject {
    static let corefile = """
        .:0 {
            bind 127.0.0.1
            kubernetes cluster.local in-addr.arpa ip6.arpa {
                pods insecure
                ttl 30
            }
        }
        """

    /// Runs `body` with a subject that stops afterwards. Each exchange has a thread of its own, so that no wait keeps one of Swift's pool.
    static func with(_ body: (Asker) async throws -> Void) async throws {
        if let client = SubjectClient() {
            return try await body(Asker { client.ask($0, $1) })
        }
        let cluster = try CapturedCluster()
        let frontend = try await RunningFrontend(corefile, table: cluster.table.path)
        let address = frontend.address
        try await body(
            Asker { packet, transport in
                transport == .udp ? try? TestClient.ask(packet, address) : try? TestClient.askOverStream([packet], address).first
            })
        try await frontend.stop()
    }

    /// Asks the subject, and reads strictly.
    struct Asker {
        let exchange: @Sendable ([UInt8], QueryTransport) -> [UInt8]?

        /// - Throws: where no answer comes, or one that breaks RFC 1035, 2181 or 6891 by its form.
        func send(_ packet: [UInt8], _ transport: QueryTransport = .udp) async throws -> StrictMessage {
            let answer = try await onThread { [exchange] in exchange(packet, transport) }
            return try StrictMessage(try #require(answer, "no answer"))
        }

        func ask(
            _ name: String, _ type: RecordType, _ transport: QueryTransport = .udp, advertisedSize: UInt16? = nil
        ) async throws -> StrictMessage {
            let packet = try TestPacket.query(name, type, advertisedSize: advertisedSize)
            let message = try await send(packet, transport)
            #expect(message.id == 0x1234)
            return message
        }
    }

    /// Names that have addresses, some of each kind.
    static let addressed = [
        "kubernetes.default.svc.cluster.local.", "dual.s1-prod.svc.cluster.local.",
        "172-21-10-10.headless-big.s1-prod.svc.cluster.local.", "10-1-2-3.s1-prod.pod.cluster.local.",
    ]
    /// With 200 endpoints.
    static let large = "headless-big.s1-prod.svc.cluster.local."
    static let missing = "nothere.default.svc.cluster.local."
}
