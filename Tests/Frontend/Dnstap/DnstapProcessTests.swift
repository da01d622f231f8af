import MizzenSystem
import Names
import TestSupport
import Testing

@testable import Frontend

/// `dnstap` through a whole frontend, to fstrm_capture of Debian's fstrm-bin.
@Suite("dnstap of a frontend")
struct DnstapProcessTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Threads of Swift's pool block signals, a child inherits that, and fstrm_capture writes its file's end when SIGTERM tells it to.
    private static let unblocking =
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, ()); os.execv(sys.argv[1], sys.argv[1:])"

    private func collector() throws -> RunningProcess {
        try RunningProcess(
            "/usr/bin/python3",
            [
                "-c", Self.unblocking, "/usr/bin/fstrm_capture", "-t", "protobuf:dnstap.Dnstap", "-u", folder.path("tap"), "-w",
                folder.path("file"),
            ], in: folder)
    }

    private func frontend(_ upstream: TestUpstream, _ options: String = "", more: String = "") async throws -> RunningFrontend {
        let frontend = try await RunningFrontend(
            ".:0 {\n bind 127.0.0.1\n dnstap \(folder.path("tap")) full {\n\(options)\n }\n\(more)\n forward . \(upstream.address)\n}")
        try await eventually("the collector is connected") {
            frontend.metric("mizzen_dnstap_connected{endpoint=\"unix://\(folder.path("tap"))\"}") == 1
        }
        return frontend
    }

    /// Of each message: its type, transport, addresses and ports as far as it has them, id and code of the DNS message, and the text that
    /// goes along.
    private func messages() throws -> [String] {
        try FrameStreamText.read(try folder.read("file")).frames.map { frame in
            let outer = try #require(ProtobufField.read(frame))
            var (extra, text) = ("", "")
            for field in outer {
                if case .bytes(3, let bytes) = field { extra = String(decoding: bytes, as: UTF8.self) }
                guard case .bytes(14, let message) = field else { continue }
                for field in try #require(ProtobufField.read(message)) {
                    switch field {
                    case .number(1, let type): text += "type \(type)"
                    case .number(3, let transport): text += " over \(transport)"
                    case .bytes(5, let address): text += " to \(address.map(String.init).joined(separator: "."))"
                    case .number(7, let port): text += ":\(port)"
                    case .bytes(10, let wire): text += " asks \(wire.count)"
                    case .bytes(14, let wire): text += " says \(wire[3] & 0xf)"
                    default: break
                    }
                }
            }
            return extra.isEmpty ? text : "\(text) \(extra)"
        }
    }

    @Test("a forwarded query is told four times, in its order, with its words; one that is answered here twice")
    func forwarded() async throws {
        let collector = try collector()
        let upstream = try TestUpstream(ForwardTests.zone)
        let frontend = try await frontend(
            upstream, "extra \"{name} {rcode} {rsize}\"", more: " hosts /none {\n 192.0.2.9 here.example.com\n fallthrough\n }")
        let address = frontend.address
        try await onThread {
            _ = try TestClient.ask(try TestPacket.query("One.example.com", .a), address)
            _ = try TestClient.askOverStream([try TestPacket.query("here.example.com", .a)], address)
        }
        try await frontend.stop()
        _ = try await collector.stop()
        let port = upstream.address.port
        #expect(
            try messages() == [
                "type 5 over 1 asks 33 one.example.com. - -", "type 7 over 1 to 127.0.0.1:\(port) asks 33 one.example.com. - -",
                "type 8 over 1 to 127.0.0.1:\(port) says 0 one.example.com. - -", "type 6 over 1 says 0 one.example.com. - -",
                "type 5 over 2 asks 34 here.example.com. - -", "type 6 over 2 says 0 here.example.com. - -",
            ])
        upstream.stop()
    }

    @Test("the connection lives on over a reload, and ends with the directive")
    func reload() async throws {
        let collector = try collector()
        let upstream = try TestUpstream(ForwardTests.zone)
        let frontend = try await frontend(upstream)
        let connected = "mizzen_dnstap_connected{endpoint=\"unix://\(folder.path("tap"))\"}"
        try await frontend.rewrite(".:0 {\n bind 127.0.0.1\n dnstap \(folder.path("tap")) full {\n }\n}")
        #expect(frontend.metric(connected) == 1)
        let address = frontend.address
        _ = try await onThread { try TestClient.ask(try TestPacket.query("one.example.com", .a), address) }
        try await frontend.rewrite(".:0 {\n bind 127.0.0.1\n hosts /none {\n 192.0.2.9 here.example.com\n }\n}")
        #expect(frontend.metric(connected) == 0)
        try await frontend.stop()
        _ = try await collector.stop()
        #expect(FrameStreamText.read(try folder.read("file")).controls == ["START protobuf:dnstap.Dnstap", "STOP"])
        #expect(try messages() == ["type 5 over 1 asks 33", "type 6 over 1 says 2"])
        upstream.stop()
    }

    @Test("a collector that never reads slows no answer down")
    func standsStill() async throws {
        let collector = try collector()
        let upstream = try TestUpstream(ForwardTests.zone)
        let frontend = try await frontend(upstream, more: " hosts /none {\n 192.0.2.9 here.example.com\n fallthrough\n }")
        try await collector.suspend()
        let address = frontend.address
        let slowest = try await onThread {
            let socket = try Socket.connecting(.datagram, to: address)
            let packet = try TestPacket.query("here.example.com", .a)
            var slowest = Duration.zero
            // 24,000 messages: more than wait for a collector at most, and more than a socket's buffer holds.
            for _ in 0..<12_000 {
                let began = ContinuousClock.now
                _ = try Socket.send(packet.span, on: socket)
                _ = try TestClient.receive(socket)
                slowest = max(slowest, ContinuousClock.now - began)
            }
            return slowest
        }
        #expect(slowest < .seconds(2))
        #expect(frontend.metric("mizzen_dnstap_dropped_messages_total{endpoint=\"unix://\(folder.path("tap"))\"}") ?? 0 > 0)
        try await frontend.stop()
        try await collector.kill()
        upstream.stop()
    }
}
