import MizzenSystem
import Glibc
import Logging
import Names
import ProcessRuntime
import Testing
import TestSupport

@testable import Frontend

/// A frontend on real sockets, asked byte by byte.
@Suite("Serving", .serialized)
struct ServerTests {
    private static let hosts = """
        .:0 {
            bind 127.0.0.1
            hosts /nonexistent {
                192.0.2.1 one.example.org
                192.0.2.2 one.example.org
                2001:db8::1 one.example.org
                \((1...60).map { "192.0.2.\($0) many.example.org" }.joined(separator: "\n        "))
                ttl 60
            }
        }
        """

    /// What `body` returns from a frontend with `corefile`, asked on a thread of its own.
    private func with(
        _ corefile: String = hosts, threads: Int = 1, _ body: @escaping @Sendable (SocketAddress) throws -> [[UInt8]]
    ) async throws -> [[UInt8]] {
        let frontend = try await RunningFrontend(corefile, threads: threads)
        let address = frontend.address
        let result = try await onThread { () throws -> [[UInt8]] in try body(address) }
        try await frontend.stop()
        return result
    }

    @Test("a datagram is answered, letters as asked")
    func datagram() async throws {
        let answer = try await with { [try TestClient.ask(try TestPacket.query("ONE.example.org", .a), $0)] }[0]
        let text = try MessageText(answer)
        #expect(text.code == "NOERROR")
        #expect(text.flags == "QR AA RD")
        #expect(text.answer == ["ONE.example.org. 60 IN A 192.0.2.1", "ONE.example.org. 60 IN A 192.0.2.2"])
        #expect(answer[0] == 0x12 && answer[1] == 0x34)
    }

    @Test("an answer to EDNS has EDNS, one without has none")
    func edns() async throws {
        let answers = try await with { address in
            let with = try TestClient.ask(try TestPacket.query("one.example.org", .aaaa, advertisedSize: 4096), address)
            let without = try TestClient.ask(try TestPacket.query("one.example.org", .aaaa), address)
            return [with, without]
        }
        let (with, without) = (answers[0], answers[1])
        #expect(with.count == without.count + 11)
        #expect(Array(with.suffix(11)) == [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0])
    }

    @Test("an answer is cut to what the client takes, and comes whole over a stream")
    func truncation() async throws {
        let answers = try await with { address in
            let small = try TestClient.ask(try TestPacket.query("many.example.org", .a), address)
            let large = try TestClient.ask(try TestPacket.query("many.example.org", .a, advertisedSize: 4096), address)
            let whole = try TestClient.askOverStream([try TestPacket.query("many.example.org", .a)], address)[0]
            return [small, large, whole]
        }
        let (small, large, whole) = (answers[0], answers[1], answers[2])
        #expect(small.count <= 512)
        #expect(try MessageText(small).flags == "QR AA TC RD")
        #expect(try MessageText(large).answer.count == 60)
        #expect(try MessageText(whole).answer.count == 60)
        #expect(try MessageText(whole).flags == "QR AA RD")
    }

    @Test("queries sent at once over one stream are all answered")
    func pipelining() async throws {
        let answers = try await with { address in
            try TestClient.askOverStream(
                try (1...200).map { try TestPacket.query("one.example.org", .a, id: UInt16($0)) }, address)
        }
        #expect(answers.map { Int($0[0]) << 8 | Int($0[1]) } == Array(1...200))
    }

    @Test("a query that comes in pieces over a stream is answered once it is whole")
    func pieces() async throws {
        let answers = try await with { address in
            let packet = try TestPacket.query("one.example.org", .a)
            let octets = [0, UInt8(packet.count)] + packet
            let socket = try TestClient.open(address, sending: [])
            for octet in octets { _ = try Socket.send([octet].span, on: socket) }
            return try TestClient.read(1, from: socket)
        }
        #expect(try MessageText(answers[0]).answer.count == 2)
    }

    @Test("a client that ends its side still gets its answers")
    func halfClosed() async throws {
        let answers = try await with { address in
            let packet = try TestPacket.query("one.example.org", .a)
            let socket = try TestClient.open(address, sending: [packet, packet])
            shutdown(socket.raw, Int32(SHUT_WR))
            return try TestClient.read(3, from: socket)
        }
        #expect(answers.count == 2)
    }

    struct Garbage: Sendable, CustomTestStringConvertible {
        var name: String
        var packet: [UInt8]
        /// Nil for silence.
        var code: String?
        var testDescription: String { name }
    }

    static let header: [UInt8] = [0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]
    static let question: [UInt8] = [
        3, 0x6f, 0x6e, 0x65, 7, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 3, 0x6f, 0x72, 0x67, 0, 0, 1, 0, 1,
    ]

    static let packets: [Garbage] = [
        Garbage(name: "nothing at all", packet: []),
        Garbage(name: "less than a header", packet: Array(header.prefix(11))),
        Garbage(name: "an answer", packet: [0x12, 0x34, 0x81, 0x80] + Array(header[4...]) + question),
        Garbage(name: "a header alone", packet: header, code: "FORMERR"),
        Garbage(name: "no question", packet: [0x12, 0x34, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0], code: "FORMERR"),
        Garbage(
            name: "two questions", packet: [0x12, 0x34, 0x01, 0, 0, 2, 0, 0, 0, 0, 0, 0] + question + question,
            code: "FORMERR"),
        Garbage(name: "a label that goes beyond the packet", packet: header + [63, 0x61], code: "FORMERR"),
        Garbage(name: "a name that points at itself", packet: header + [0xC0, 12, 0, 1, 0, 1], code: "FORMERR"),
        Garbage(name: "another operation", packet: [0x12, 0x34, 0x28, 0x00] + Array(header[4...]) + question, code: "NOTIMP"),
        Garbage(name: "another class", packet: header + Array(question.dropLast()) + [3], code: "REFUSED"),
        Garbage(
            name: "a later EDNS", packet: Array(header.dropLast()) + [1] + question + [0, 0, 41, 16, 0, 0, 1, 0, 0, 0, 0],
            code: "BADVERS"),
    ]

    @Test("what is no query gets an error or silence, and the server goes on", arguments: packets)
    func notAQuery(example: Garbage) async throws {
        let answers = try await with { address in
            let socket = try Socket.connecting(.datagram, to: address)
            _ = try Socket.send(example.packet.span, on: socket)
            // Silence is seen by the next query's answer coming first.
            let next = try TestPacket.query("one.example.org", .a, id: 0x7777)
            _ = try Socket.send(next.span, on: socket)
            let first = try TestClient.receive(socket)
            if first[0] == 0x77 { return [first] }
            return [first, try TestClient.receive(socket)]
        }
        let after = answers[answers.count - 1]
        let code = answers.count == 2 ? try MessageText(answers[0]).code : nil
        #expect(code == example.code)
        #expect(try MessageText(after).code == "NOERROR")
    }

    @Test("random octets never end the server")
    func fuzz() async throws {
        let answers = try await with { address in
            var random = SeededRandom(seed: 1)
            let socket = try Socket.connecting(.datagram, to: address)
            for round in 0..<2000 {
                var packet = Self.header + Self.question
                for _ in 0..<Int.random(in: 0...6, using: &random) {
                    packet[Int.random(in: 2..<packet.count, using: &random)] = .random(in: 0...255, using: &random)
                }
                if round % 3 == 0 { packet = Array(packet.prefix(Int.random(in: 0...packet.count, using: &random))) }
                _ = try Socket.send(packet.span, on: socket)
            }
            let stream = try TestClient.open(
                address, sending: (0..<50).map { _ in (0..<30).map { _ in .random(in: 0...255, using: &random) } })
            withExtendedLifetime(stream) {}
            return [try TestClient.ask(try TestPacket.query("one.example.org", .a), address)]
        }
        #expect(try MessageText(answers[0]).answer.count == 2)
    }

    @Test("a name goes to the longest zone of its port, and to none elsewhere")
    func zones() async throws {
        let corefile = """
            example.org:0 {
                bind 127.0.0.1
                hosts /nonexistent {
                    192.0.2.1 a.sub.example.org a.example.org
                }
            }
            sub.example.org:0 {
                bind 127.0.0.1
                hosts /nonexistent {
                    192.0.2.2 a.sub.example.org
                }
            }
            empty.org:0 {
                bind 127.0.0.1
            }
            """
        let names = [
            "a.example.org", "a.sub.example.org", "A.SUB.EXAMPLE.ORG", "other.org", "x.empty.org", "b.example.org",
        ]
        let answers = try await with(corefile) { address in
            var answers: [[UInt8]] = []
            for name in names { answers.append(try TestClient.ask(try TestPacket.query(name, .a), address)) }
            return answers
        }
        let texts = try answers.map { octets in try MessageText(octets) }
        #expect(texts.map(\.code) == ["NOERROR", "NOERROR", "NOERROR", "REFUSED", "REFUSED", "SERVFAIL"])
        #expect(texts[0].answer == ["a.example.org. 3600 IN A 192.0.2.1"])
        #expect(texts[1].answer == ["a.sub.example.org. 3600 IN A 192.0.2.2"])
    }

    @Test("an answer leaves from the address that the query came to, on a socket for all addresses")
    func wildcard() async throws {
        let frontend = try await RunningFrontend(".:0 {\n hosts /nonexistent {\n  192.0.2.1 one.example.org\n }\n}")
        let addresses = frontend.control.addresses
        let port = try #require(addresses.first?.port)
        // A connected socket takes nothing from another address.
        for text in ["127.0.0.1", "127.1.2.3"] + (addresses.contains(where: \.isV6) ? ["::1"] : []) {
            let target = SocketAddress(address: try #require(IPAddress(text)), port: port)
            let answer = try await onThread { try TestClient.ask(try TestPacket.query("one.example.org", .a), target) }
            #expect(try MessageText(answer).answer == ["one.example.org. 3600 IN A 192.0.2.1"], "\(text)")
        }
        try await frontend.stop()
    }

    @Test("two frontends serve one port, and one goes on when the other stops")
    func sharedPort() async throws {
        let first = try await RunningFrontend(Self.hosts, threads: 2)
        let address = first.address
        let second = try await RunningFrontend(Self.hosts.replacing(":0 {", with: ":\(address.port) {"), threads: 2)
        let ask: @Sendable () throws -> Int = {
            // Different source ports are spread over all sockets of the port.
            try (0..<100).filter { _ in
                try MessageText(try TestClient.ask(try TestPacket.query("one.example.org", .a), address)).answer.count
                    == 2
            }.count
        }
        #expect(try await onThread(ask) == 100)
        func served(_ frontend: RunningFrontend) -> String {
            String(decoding: frontend.control.metrics.render(), as: UTF8.self)
        }
        try await first.stop()
        #expect(try await onThread(ask) == 100)
        try await second.stop()
    }

    @Test("a port that another program has is refused by name")
    func portInUse() throws {
        let folder = try TemporaryFolder()
        let taken = Descriptor(socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0))
        let free = try Socket.listening(.datagram, on: SocketAddress(address: .v4(0x7F00_0001), port: 0))
        let port = try Socket.boundPort(free)
        withExtendedLifetime((taken, free)) {}
        // A stream socket without SO_REUSEPORT keeps the port to itself.
        let other = try exclusiveListener(port)
        try folder.write(Array(".:\(port) {\n bind 127.0.0.1\n}".utf8), to: "Corefile")
        let error = #expect(throws: ProcessError.self) {
            try FrontendControl(
                options: .init(corefile: folder.path("Corefile"), table: "", threads: 1),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }
        #expect(error?.place == "\(folder.path("Corefile")):1")
        #expect(
            error?.message
                == "cannot listen for DNS on 127.0.0.1:\(port): another program has this port; stop it, or choose another port or a 'bind' address in the Corefile"
        )
        withExtendedLifetime(other) {}
    }

    private func exclusiveListener(_ port: UInt16) throws -> Descriptor {
        let descriptor = Descriptor(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // Safe: the pointer is to this frame's struct, for the call.
        let result = unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor.raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        #expect(result == 0)
        #expect(listen(descriptor.raw, 1) == 0)
        return descriptor
    }

    @Test("an interface that the host lacks is refused by name")
    func noInterface() throws {
        let configuration = try parse(".:0 {\n bind nosuch0\n}")
        let error = #expect(throws: ProcessError.self) {
            try ServingPlan(
                configuration, metrics: FrontendMetrics(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }
        #expect(
            error?.description
                == "Corefile:1: bind: expected an IP address or an interface of this host, found 'nosuch0'")
    }

    @Test("without a record table the cluster's names are SERVFAIL and others are answered")
    func noTable() async throws {
        let corefile =
            ".:0 {\n bind 127.0.0.1\n hosts /nonexistent {\n  192.0.2.1 one.example.org\n  fallthrough\n }\n kubernetes cluster.local\n}"
        let answers = try await with(corefile) { address in
            let hosts = try TestClient.ask(try TestPacket.query("one.example.org", .a), address)
            let cluster = try TestClient.ask(try TestPacket.query("kubernetes.default.svc.cluster.local", .a), address)
            return [hosts, cluster]
        }
        let codes = try answers.map { octets in try MessageText(octets).code }
        #expect(codes == ["NOERROR", "SERVFAIL"])
    }

    @Test("a reload changes what is served, a broken Corefile changes nothing")
    func reload() async throws {
        let frontend = try await RunningFrontend(Self.hosts)
        let address = frontend.address
        func answer() async throws -> [String] {
            try MessageText(
                try await onThread { try TestClient.ask(try TestPacket.query("one.example.org", .a), address) }
            ).answer
        }
        let fixed = Self.hosts.replacing(":0 {", with: ":\(address.port) {")
        try await frontend.rewrite(fixed.replacing("192.0.2.2 one", with: "192.0.2.9 one"))
        // The worker takes the new plan up when it has answered what it is at.
        try await eventually("the reload is in force") {
            try await answer() == ["one.example.org. 60 IN A 192.0.2.1", "one.example.org. 60 IN A 192.0.2.9"]
        }
        try await frontend.rewrite(fixed + "\nbroken {")
        #expect(try await answer() == ["one.example.org. 60 IN A 192.0.2.1", "one.example.org. 60 IN A 192.0.2.9"])
        let metrics = String(decoding: frontend.control.metrics.render(), as: UTF8.self)
        #expect(metrics.contains("mizzen_corefile_reloads_total 1\n"))
        #expect(metrics.contains("coredns_reload_failed_total 1\n"))
        try await frontend.stop()
    }

    @Test("queries are counted with CoreDNS's names and labels")
    func metrics() async throws {
        let corefile = Self.hosts.replacing("bind 127.0.0.1", with: "bind 127.0.0.1\n    prometheus 127.0.0.1:0")
        let frontend = try await RunningFrontend(corefile)
        let address = frontend.address
        _ = try await onThread { () throws -> Void in
            _ = try TestClient.ask(try TestPacket.query("one.example.org", .a, advertisedSize: 1232), address)
            _ = try TestClient.ask(try TestPacket.query("none.example.org", .aaaa), address)
            _ = try TestClient.askOverStream([try TestPacket.query("one.example.org", .a)], address)
        }
        try await frontend.stop()
        let text = String(decoding: frontend.control.metrics.render(), as: UTF8.self)
        let server = #"server="dns://127.0.0.1:0",zone=".",view="""#
        for line in [
            "coredns_dns_requests_total{\(server),proto=\"udp\",family=\"1\",type=\"A\"} 1",
            "coredns_dns_requests_total{\(server),proto=\"udp\",family=\"1\",type=\"AAAA\"} 1",
            "coredns_dns_requests_total{\(server),proto=\"tcp\",family=\"1\",type=\"A\"} 1",
            "coredns_dns_responses_total{\(server),rcode=\"NOERROR\",plugin=\"hosts\"} 2",
            "coredns_dns_responses_total{\(server),rcode=\"SERVFAIL\",plugin=\"\"} 1",
            "coredns_dns_request_duration_seconds_count{\(server)} 3",
            "coredns_dns_request_size_bytes_count{\(server),proto=\"udp\"} 2",
            "coredns_dns_response_size_bytes_bucket{\(server),proto=\"tcp\",le=\"100\"} 1",
            "coredns_plugin_enabled{\(server),name=\"hosts\"} 1",
            "coredns_panics_total 0",
        ] {
            #expect(text.contains(line + "\n"), "\(line)")
        }
    }
}
