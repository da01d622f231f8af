import CMizzenSystem
import MizzenSystem
import Names
import Synchronization
import TestSupport
import Testing

@testable import Frontend

/// `forward` against real upstreams on real sockets.
@Suite("Forwarding", .serialized)
struct ForwardTests {
    static let zone = """
        example.com. 300 SOA ns.example.com. host.example.com. 1 2 3 4 60
        one.example.com. 300 A 192.0.2.1
        big.example.com. 300 TXT "\(String(repeating: "a", count: 250))"
        big.example.com. 300 TXT "\(String(repeating: "b", count: 250))"
        big.example.com. 300 TXT "\(String(repeating: "c", count: 250))"
        """

    private func ask(_ frontend: RunningFrontend, _ packet: [UInt8], overStream: Bool = false) async throws
        -> MessageText
    {
        let address = frontend.address
        return try MessageText(
            try await onThread {
                overStream
                    ? try TestClient.askOverStream([packet], address)[0]
                    : try TestClient.ask(packet, address, milliseconds: 9000)
            })
    }

    private func corefile(_ upstreams: [TestUpstream], _ options: String = "", extra: String = "") -> String {
        ".:0 {\n bind 127.0.0.1\n forward . \(upstreams.map { "\($0.address)" }.joined(separator: " ")) {\n\(options)\n }\n\(extra)\n}"
    }

    @Test("an upstream's answer comes back with the client's id, flags and EDNS")
    func answer() async throws {
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(corefile([upstream]))
        let address = frontend.address
        let octets = try await onThread {
            try TestClient.ask(try TestPacket.query("One.example.com", .a, id: 0xBEEF, advertisedSize: 1400), address)
        }
        let text = try MessageText(octets)
        #expect(octets[0] == 0xBE && octets[1] == 0xEF)
        #expect(text.code == "NOERROR" && text.flags == "QR AA RD")
        #expect(text.answer == ["One.example.com. 300 IN A 192.0.2.1"])
        #expect(Array(octets.suffix(11)) == [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0])
        let denied = try await ask(frontend, try TestPacket.query("none.example.com", .a))
        #expect(denied.code == "NXDOMAIN")
        #expect(denied.authority == ["example.com. 60 IN SOA ns.example.com. host.example.com. SERIAL 2 3 4 60"])
        try await frontend.stop()
        upstream.stop()
    }

    @Test("clients that speak EDNS are told that no upstream answered, and that an answer is stale (RFC 8914)")
    func extendedErrors() async throws {
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(corefile([upstream], extra: " cache 1 {\n serve_stale 1h verify\n }"))
        let address = frontend.address
        let ask = { (name: String, size: UInt16?) in
            try await onThread { try TestClient.ask(try TestPacket.query(name, .a, advertisedSize: size), address, milliseconds: 9000) }
        }
        #expect(Array(try await ask("one.example.com", 1232).suffix(2)) == [0, 0])
        upstream.stop()
        try await Task.sleep(for: .milliseconds(1300))
        let stale = try await ask("one.example.com", 1232)
        #expect(try MessageText(stale).code == "NOERROR")
        #expect(stale.suffix(6) == [0, 15, 0, 2, 0, 3])
        let failed = try await ask("two.example.com", 1232)
        #expect(try MessageText(failed).code == "SERVFAIL")
        #expect(failed.suffix(6) == [0, 15, 0, 2, 0, 22])
        // Without EDNS there is nowhere to say it.
        #expect(try await ask("three.example.com", nil).count == Query.headerSize + 23)
        try await frontend.stop()
    }

    @Test("the query's transport is the upstream's, so a cut answer comes whole over a stream")
    func transports() async throws {
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(corefile([upstream]))
        let packet = try TestPacket.query("big.example.com", .init(rawValue: 16))
        #expect(try await ask(frontend, packet).flags == "QR AA TC RD")
        #expect(try await ask(frontend, packet, overStream: true).answer.count == 3)
        #expect(upstream.questions == ["udp big.example.com. TXT", "tcp big.example.com. TXT"])
        try await frontend.stop()
        upstream.stop()
    }

    @Test("force_tcp asks over streams, prefer_udp over datagrams and again when the answer was cut")
    func transportOptions() async throws {
        let upstream = try TestUpstream(Self.zone)
        let forced = try await RunningFrontend(corefile([upstream], "force_tcp"))
        #expect(try await ask(forced, try TestPacket.query("one.example.com", .a)).answer.count == 1)
        try await forced.stop()
        let preferring = try await RunningFrontend(corefile([upstream], "prefer_udp"))
        let packet = try TestPacket.query("big.example.com", .init(rawValue: 16))
        #expect(try await ask(preferring, packet, overStream: true).answer.count == 3)
        try await preferring.stop()
        #expect(
            upstream.questions == ["tcp one.example.com. A", "udp big.example.com. TXT", "tcp big.example.com. TXT"])
        upstream.stop()
    }

    @Test("many queries at once each get their own answer")
    func many() async throws {
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(corefile([upstream]))
        let address = frontend.address
        let answers = try await onThread {
            try TestClient.askOverStream(
                try (1...40).map {
                    try TestPacket.query($0 % 2 == 0 ? "one.example.com" : "none.example.com", .a, id: UInt16($0))
                }, address)
        }
        #expect(Set(answers.map { Int($0[0]) << 8 | Int($0[1]) }) == Set(1...40))
        for answer in answers { #expect(try MessageText(answer).code == (answer[1] % 2 == 0 ? "NOERROR" : "NXDOMAIN")) }
        try await frontend.stop()
        upstream.stop()
    }

    @Test("an answer with another id is not taken")
    func lies() async throws {
        let upstream = try TestUpstream(Self.zone, behaviour: .liesFirst)
        let frontend = try await RunningFrontend(corefile([upstream]))
        let answer = try await ask(frontend, try TestPacket.query("one.example.com", .a))
        #expect(answer.code == "NOERROR" && answer.answer.count == 1)
        try await frontend.stop()
        upstream.stop()
    }

    @Test("a stream that the upstream ended is opened again")
    func endedStreams() async throws {
        let upstream = try TestUpstream(Self.zone, behaviour: .endsStreams)
        let frontend = try await RunningFrontend(corefile([upstream], "force_tcp"))
        for _ in 0..<5 {
            #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).answer.count == 1)
        }
        try await frontend.stop()
        upstream.stop()
    }

    @Test("an upstream that is not there is passed over, and with none left the answer is SERVFAIL")
    func failover() async throws {
        let gone = try TestUpstream(Self.zone)
        gone.stop()
        let upstream = try TestUpstream(Self.zone)
        // A port that nothing listens on any more: bound and let go of.
        let unused = SocketAddress(
            address: .v4(0x7F00_0001),
            port: try Socket.boundPort(try Socket.listening(.datagram, on: .init(address: .v4(0x7F00_0001), port: 0))))
        let both = try await RunningFrontend(
            ".:0 {\n bind 127.0.0.1\n forward . \(unused) \(upstream.address) {\n  policy sequential\n }\n}")
        #expect(try await ask(both, try TestPacket.query("one.example.com", .a)).answer.count == 1)
        try await both.stop()
        let none = try await RunningFrontend(".:0 {\n bind 127.0.0.1\n forward . \(unused)\n}")
        #expect(try await ask(none, try TestPacket.query("one.example.com", .a)).code == "SERVFAIL")
        try await none.stop()
        upstream.stop()
    }

    @Test("a silent upstream is given up after two seconds for the next one")
    func silence() async throws {
        let silent = try TestUpstream(Self.zone, behaviour: .isSilent)
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(corefile([silent, upstream], "policy sequential"))
        #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).answer.count == 1)
        #expect(silent.questions.first == "udp one.example.com. A")
        try await frontend.stop()
        silent.stop()
        upstream.stop()
    }

    @Test("failover asks the next upstream for the codes that it names")
    func failoverCodes() async throws {
        let refusing = try TestUpstream(Self.zone, behaviour: .refuses(5))
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(corefile([refusing, upstream], "policy sequential\nfailover REFUSED"))
        #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).code == "NOERROR")
        try await frontend.stop()
        refusing.stop()
        upstream.stop()
    }

    @Test("next asks the next forward of the block for the codes that it names")
    func nextForward() async throws {
        let empty = try TestUpstream("example.com. 300 SOA ns.example.com. host.example.com. 1 2 3 4 60")
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(
            corefile([empty], "next NXDOMAIN", extra: " forward . \(upstream.address)"))
        #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).answer.count == 1)
        #expect(empty.questions.count == 1)
        try await frontend.stop()
        empty.stop()
        upstream.stop()
    }

    @Test("names outside FROM and inside except are not forwarded")
    func scope() async throws {
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(
            ".:0 {\n bind 127.0.0.1\n forward example.com \(upstream.address) {\n  except inner.example.com\n }\n}")
        #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).code == "NOERROR")
        #expect(try await ask(frontend, try TestPacket.query("x.inner.example.com", .a)).code == "SERVFAIL")
        #expect(try await ask(frontend, try TestPacket.query("example.org", .a)).code == "SERVFAIL")
        #expect(upstream.questions.count == 1)
        try await frontend.stop()
        upstream.stop()
    }

    @Test("more than max_concurrent queries at once are refused")
    func concurrency() async throws {
        let silent = try TestUpstream(Self.zone, behaviour: .isSilent)
        let frontend = try await RunningFrontend(corefile([silent], "max_concurrent 2"))
        let address = frontend.address
        let refused = try await onThread {
            let socket = try TestClient.open(
                address, sending: try (1...5).map { try TestPacket.query("one.example.com", .a, id: UInt16($0)) })
            return try TestClient.read(3, from: socket).map { try MessageText($0).code }
        }
        #expect(refused == ["REFUSED", "REFUSED", "REFUSED"])
        try await frontend.stop()
        silent.stop()
    }

    @Test("an answer that takes longer than two seconds is used, although another upstream was asked meanwhile")
    func lateAnswer() async throws {
        let slow = try TestUpstream(Self.zone, behaviour: .holds)
        let silent = try TestUpstream(Self.zone, behaviour: .isSilent)
        let frontend = try await RunningFrontend(corefile([slow, silent], "policy sequential\nmax_concurrent 1"))
        async let answer = ask(frontend, try TestPacket.query("one.example.com", .a))
        try await eventually("the other one is asked") { !silent.questions.isEmpty }
        slow.release()
        #expect(try await answer.answer == ["one.example.com. 300 IN A 192.0.2.1"])
        // The query is counted out once: max_concurrent has room for the next.
        slow.behaviour.withLock { $0 = .answers }
        #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).code == "NOERROR")
        try await frontend.stop()
        slow.stop()
        silent.stop()
    }

    @Test("where nobody answers, the client gets SERVFAIL when five seconds are over, and the next query is taken")
    func nobodyAnswers() async throws {
        let silent = try [TestUpstream(Self.zone, behaviour: .isSilent), TestUpstream(Self.zone, behaviour: .isSilent)]
        let frontend = try await RunningFrontend(corefile(silent, "max_concurrent 1"))
        let began = ContinuousClock.now
        #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).code == "SERVFAIL")
        let duration = ContinuousClock.now - began
        #expect(duration > .seconds(4.9) && duration < .seconds(8))
        for upstream in silent { upstream.behaviour.withLock { $0 = .answers } }
        #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).code == "NOERROR")
        try await frontend.stop()
        for upstream in silent { upstream.stop() }
    }

    @Test("answers that cannot be read lead to each upstream once, and then to SERVFAIL", arguments: ["", "force_tcp"])
    func unreadableAnswers(option: String) async throws {
        let upstreams = try (0..<3).map { _ in try TestUpstream(Self.zone, behaviour: .garbles) }
        let frontend = try await RunningFrontend(corefile(upstreams, "policy sequential\nmax_fails 0\n\(option)"))
        #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).code == "SERVFAIL")
        #expect(upstreams.map(\.questions.count) == [1, 1, 1])
        upstreams[1].behaviour.withLock { $0 = .answers }
        #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).answer.count == 1)
        #expect(upstreams.map(\.questions.count) == [2, 2, 1])
        try await frontend.stop()
        for upstream in upstreams { upstream.stop() }
    }

    @Test("an upstream that refuses is asked a few times and not for five seconds where failover names its code")
    func failoverEnds() async throws {
        let refusing = try (0..<2).map { _ in try TestUpstream(Self.zone, behaviour: .refuses(5)) }
        let frontend = try await RunningFrontend(corefile(refusing, "failover REFUSED"))
        #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).code == "SERVFAIL")
        #expect(refusing.map(\.questions.count) == [2, 2])
        try await frontend.stop()
        for upstream in refusing { upstream.stop() }
    }

    @Test("a stream whose answer comes after its forward is gone is closed, and its client is answered")
    func reload() async throws {
        let slow = try TestUpstream(Self.zone, behaviour: .holds)
        let frontend = try await RunningFrontend(corefile([slow], "force_tcp"))
        async let answer = ask(frontend, try TestPacket.query("one.example.com", .a))
        try await eventually("it is asked") { !slow.questions.isEmpty }
        try await frontend.rewrite(".:0 {\n bind 127.0.0.1\n hosts /none {\n 192.0.2.9 new.example.com\n }\n}")
        try await eventually("the new Corefile serves") {
            (try? TestClient.ask(TestPacket.query("new.example.com", .a), frontend.address)).map { $0[3] & 0xf == 0 } ?? false
        }
        slow.release()
        #expect(try await answer.code == "NOERROR")
        try await eventually("the stream is closed") { slow.openStreams == 0 }
        try await frontend.stop()
        slow.stop()
    }

    @Test("all threads know of an upstream what one of them has found out, and its failures are counted once")
    func sharedHealth() async throws {
        let upstream = try TestUpstream(Self.zone, behaviour: .isSilent)
        let frontend = try await RunningFrontend(
            corefile([upstream], "max_fails 1\nhealth_check 100ms domain probe.example.com\nfailfast_all_unhealthy_upstreams"), threads: 2)
        let address = frontend.address
        // One thread asks; the other one will know.
        let first = try Socket.connecting(.datagram, to: address)
        let packet = try TestPacket.query("one.example.com", .a)
        _ = try Socket.send(packet.span, on: first)
        let failures = #"coredns_proxy_healthcheck_failures_total{proxy_name="forward",to="\#(upstream.address)"}"#
        try await eventually("two checks have failed") { frontend.metric(failures) ?? 0 >= 2 }
        // One at a time.
        let probes = upstream.questions.filter { $0.contains("probe.example.com.") }.count
        #expect(Double(probes) - (frontend.metric(failures) ?? 0) <= 1)
        // A thread that did not know would ask for five seconds.
        let began = ContinuousClock.now
        for _ in 0..<8 { #expect(try await ask(frontend, packet).code == "SERVFAIL") }
        #expect(ContinuousClock.now - began < .seconds(4))
        upstream.behaviour.withLock { $0 = .answers }
        try await eventually("it is found to live") {
            (try? TestClient.ask(TestPacket.query("one.example.com", .a), address)).map { $0[3] & 0xf == 0 } ?? false
        }
        for _ in 0..<8 { #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).code == "NOERROR") }
        try await frontend.stop()
        upstream.stop()
    }

    @Test("each question goes from another port, of a socket that is used again (RFC 5452 section 9.2)")
    func ports() async throws {
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(corefile([upstream]))
        let count = 100
        for _ in 0..<count { #expect(try await ask(frontend, try TestPacket.query("one.example.com", .a)).code == "NOERROR") }
        let ports = upstream.ports.withLock { $0 }
        #expect(ports.count == count)
        // Of 28,232 ports a hundred draws have no more than five in common, or chance would have to be one of a thousand million.
        #expect(Set(ports).count > count - 6)
        #expect(zip(ports, ports.dropFirst()).allSatisfy { $0 != $1 })
        // They are spread over the range, not one behind the other.
        #expect(zip(ports, ports.dropFirst()).count { abs(Int($0) - Int($1)) < 100 } < count / 10)
        #expect(frontend.metric(#"coredns_proxy_conn_cache_misses_total{proxy_name="forward",to="\#(upstream.address)",proto="udp"}"#) == 1)
        try await frontend.stop()
        upstream.stop()
    }

    private static func send(_ octets: [UInt8], from socket: Descriptor, toPort port: UInt16) throws {
        let host: [UInt8] = [127, 0, 0, 1]
        // Safe: the array lives through the call and its length goes with it.
        _ = unsafe host.withUnsafeBufferPointer { unsafe mz_connect(socket.raw, $0.baseAddress, $0.count, port, 0) }
        _ = try Socket.send(octets.span, on: socket)
    }

    @Test("what has come to a socket's old port is thrown away when it gets another one")
    func oldPort() throws {
        let peer = try Socket.listening(.datagram, on: SocketAddress(address: .v4(0x7F00_0001), port: 0))
        let socket = try Socket.connecting(.datagram, to: SocketAddress(address: .v4(0x7F00_0001), port: try Socket.boundPort(peer)))
        let old = try Socket.boundPort(socket)
        var buffer = [UInt8](repeating: 0, count: 64)
        try Self.send([9, 9], from: peer, toPort: old)
        try Socket.renewPort(of: socket)
        #expect(try Socket.boundPort(socket) != old)
        #expect(try Socket.receive(&buffer, from: socket) == .nothingYet)
        try Self.send([8, 8], from: peer, toPort: try Socket.boundPort(socket))
        #expect(try Socket.receive(&buffer, from: socket) == .count(2))
        #expect(buffer.prefix(2) == [8, 8])
    }
}
