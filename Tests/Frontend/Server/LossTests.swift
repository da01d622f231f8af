import Glibc
import MizzenSystem
import Testing
import TestSupport

@testable import Frontend

/// Each way in which something can be lost between a client or an upstream and the frontend is made to happen, and shows in its counter.
@Suite("Losses", .serialized)
struct LossTests {
    private static let hosts = ".:0 {\n bind 127.0.0.1\n hosts /nonexistent {\n 192.0.2.1 one.example.org\n fallthrough\n }\n}"

    private let packet: [UInt8]

    init() throws { packet = try TestPacket.query("one.example.org", .a) }

    private func send(_ bytes: [UInt8], on socket: Descriptor) throws { _ = try Socket.send(bytes.span, on: socket) }

    private func ask(_ frontend: RunningFrontend) async throws -> [UInt8] {
        let (packet, address) = (packet, frontend.address)
        return try await onThread { try TestClient.ask(packet, address) }
    }

    @Test("what the kernel refuses to hand over is counted, and answered once it does again")
    func receiveErrors() async throws {
        let frontend = try await RunningFrontend(Self.hosts)
        _ = try await ask(frontend)
        let socket = try #require(OpenSockets.datagrams(frontend.address.port))
        // epoll goes on watching the socket, which the copy keeps alive, while its number stands for what is none.
        let kept = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        defer { close(kept) }
        // Safe: a terminated path.
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        try #require(dup2(null, socket) == socket)
        close(null)
        let client = try Socket.connecting(.datagram, to: frontend.address)
        try send(packet, on: client)
        try await eventually("the error is counted") { frontend.metric("mizzen_dns_receive_errors_total") ?? 0 > 0 }
        try #require(dup2(kept, socket) == socket)
        let answer = try await onThread { try TestClient.receive(client) }
        #expect(try MessageText(answer).code == "NOERROR")
        try await frontend.stop()
    }

    @Test("an answer that cannot be sent as a datagram is counted")
    func datagramFailures() async throws {
        let frontend = try await RunningFrontend(Self.hosts)
        let name = #"mizzen_dns_send_failures_total{proto="udp"}"#
        _ = try await ask(frontend)
        #expect(frontend.metric(name) == 0)
        let socket = try #require(OpenSockets.datagrams(frontend.address.port))
        // Says ENOTCONN, and ends the sending half all the same.
        _ = shutdown(socket, Int32(SHUT_WR))
        let client = try Socket.connecting(.datagram, to: frontend.address)
        for _ in 0..<3 { try send(packet, on: client) }
        try await eventually("three answers are counted") { frontend.metric(name) == 3 }
        try await frontend.stop()
    }

    @Test("an answer that cannot be sent on a connection is counted, and the connection closed")
    func streamFailures() async throws {
        let frontend = try await RunningFrontend(Self.hosts)
        let name = #"mizzen_dns_send_failures_total{proto="tcp"}"#
        let (packet, address) = (packet, frontend.address)
        let client = try await onThread { try TestClient.open(address, sending: [packet]) }
        _ = try await onThread { try TestClient.read(1, from: client) }
        #expect(frontend.metric(name) == 0)
        let connection = try #require(OpenSockets.accepted(from: client.raw))
        try #require(shutdown(connection, Int32(SHUT_WR)) == 0)
        try send([0, UInt8(packet.count)] + packet, on: client)
        try await eventually("it is counted") { frontend.metric(name) == 1 }
        try await eventually("the connection is closed") { OpenSockets.accepted(from: client.raw) == nil }
        try await frontend.stop()
    }

    @Test("an upstream at whose port nobody listens is a failed socket, and the query fails", arguments: ["", " force_tcp\n"])
    func upstreams(options: String) async throws {
        let corefile = ".:0 {\n bind 127.0.0.1\n forward . 127.0.0.1:\(freePort()) {\n\(options) }\n}"
        let frontend = try await RunningFrontend(corefile)
        #expect(frontend.metric("mizzen_forward_socket_failures_total") == 0)
        #expect(try MessageText(try await ask(frontend)).code == "SERVFAIL")
        try await eventually("it is counted") { frontend.metric("mizzen_forward_socket_failures_total") ?? 0 > 0 }
        try await frontend.stop()
    }
}
