import TestSupport
import Testing

@testable import Frontend

@Suite("whoami", .serialized)
struct WhoamiTests {
    @Test("the client learns its address, port and transport")
    func answer() async throws {
        let frontend = try await RunningFrontend(".:0 {\n bind 127.0.0.1\n whoami\n}")
        let address = frontend.address
        let packet = try TestPacket.query("Who.test", .mx)
        let (answer, port) = try await onThread {
            let socket = try Socket.connecting(.datagram, to: address)
            _ = try Socket.send(packet.span, on: socket)
            return (try TestClient.receive(socket), try Socket.boundPort(socket))
        }
        let text = try MessageText(answer)
        #expect(text.code == "NOERROR" && text.flags == "QR AA RD" && text.answer.isEmpty)
        #expect(text.additional == ["Who.test. 0 IN A 127.0.0.1", "_udp.Who.test. 0 IN SRV 0 0 \(port) ."])
        let streamed = try await onThread { try TestClient.askOverStream([packet], address)[0] }
        #expect(try MessageText(streamed).additional.contains { $0.hasPrefix("_tcp.Who.test. 0 IN SRV 0 0 ") })
        try await frontend.stop()
    }

    @Test("a name that leaves no room for a label has its address alone")
    func longName() async throws {
        let label = String(repeating: "a", count: 61)
        let name = "\(label).\(label).\(label).\(label).aaa"
        let frontend = try await RunningFrontend(".:0 {\n bind 127.0.0.1\n whoami\n}")
        let address = frontend.address
        let packet = try TestPacket.query(name, .a)
        let text = try MessageText(try await onThread { try TestClient.ask(packet, address) })
        #expect(text.additional == ["\(name). 0 IN A 127.0.0.1"])
        try await frontend.stop()
    }
}
