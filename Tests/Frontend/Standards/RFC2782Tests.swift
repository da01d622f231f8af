import Testing

@testable import Frontend

@Suite("RFC 2782 and 3596: SRV and AAAA", .serialized)
struct RFC2782Tests {
    @Test("RFC 2782: an SRV answer, octet by octet: the target is not compressed, its addresses are added")
    func wholeMessage() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let message = try await subject.ask("_https._tcp.kubernetes.default.svc.cluster.local", .srv)
            #expect(
                message.octets
                    == octets(
                        """
                        12 34 85 00 00 01 00 01 00 00 00 01                       ; one question, one answer, one further record
                        06 5f 68 74 74 70 73 04 5f 74 63 70                       ; _https._tcp
                        0a 6b 75 62 65 72 6e 65 74 65 73 07 64 65 66 61 75 6c 74  ; .kubernetes.default
                        03 73 76 63 07 63 6c 75 73 74 65 72 05 6c 6f 63 61 6c 00 00 21 00 01
                        c0 0c 00 21 00 01 00 00 00 1e 00 2c 00 00 00 64 01 bb     ; SRV 0 100 443
                        0a 6b 75 62 65 72 6e 65 74 65 73 07 64 65 66 61 75 6c 74  ; kubernetes.default.svc.cluster.local
                        03 73 76 63 07 63 6c 75 73 74 65 72 05 6c 6f 63 61 6c 00
                        c0 18 00 01 00 01 00 00 00 1e 00 04 0a 60 00 01           ; the target 30 A 10.96.0.1
                        """))
        }
    }

    @Test("RFC 2782: targets are whole, and what is added are addresses of targets", arguments: [QueryTransport.udp, .tcp])
    func targets(transport: QueryTransport) async throws {
        try await StandardsSubject.with { (subject) async throws in
            for name in [StandardsSubject.addressed[1], "_http._tcp.\(StandardsSubject.large)"] {
                let message = try await subject.ask(name, .srv, transport, advertisedSize: 1232)
                #expect(!message.answer.isEmpty && !message.answer.contains(where: \.isCompressed))
                let targets = Set(message.answer.flatMap(\.names))
                #expect(message.additional.allSatisfy { [1, 28].contains($0.type) && targets.contains($0.owner) })
                if !message.isCut { #expect(Set(message.additional.map(\.owner)) == targets) }
            }
        }
    }

    @Test("RFC 2782: another service or protocol than there is does not exist")
    func otherProtocol() async throws {
        try await StandardsSubject.with { (subject) async throws in
            for name in ["_https._udp", "_bogus._tcp"] {
                #expect(try await subject.ask("\(name).kubernetes.default.svc.cluster.local", .srv).code == 3, "\(name)")
            }
        }
    }

    @Test("RFC 3596 section 2.2: an IPv6 address is sixteen octets in network order")
    func address() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let message = try await subject.ask("dual.s1-prod.svc.cluster.local", .aaaa)
            #expect(message.answer.map(\.type) == [28])
            #expect(message.answer[0].data == [0xFD, 0, 0, 0x96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x23, 0x71])
        }
    }

    @Test("RFC 3596 section 2.5: an IPv6 address has its name below ip6.arpa, nibble by nibble, in either case of letters")
    func reverse() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let zeros = String(repeating: "0.", count: 20)
            for name in ["1.7.3.2.\(zeros)6.9.0.0.0.0.d.f.ip6.arpa.", "1.7.3.2.\(zeros)6.9.0.0.0.0.D.F.IP6.ARPA."] {
                let message = try await subject.ask(name, .ptr)
                #expect(message.answer.map(\.names) == [["dual.s1-prod.svc.cluster.local."]])
                #expect(message.answer.map(\.owner) == [name])
            }
            // A nibble too few, one too many, and what is no nibble.
            for name in [
                "7.3.2.\(zeros)6.9.0.0.0.0.d.f.ip6.arpa.", "1.1.7.3.2.\(zeros)6.9.0.0.0.0.d.f.ip6.arpa.",
                "g.7.3.2.\(zeros)6.9.0.0.0.0.d.f.ip6.arpa.",
            ] {
                #expect(try await subject.ask(name, .ptr).code == 3, "\(name)")
            }
        }
    }

    @Test("RFC 3596 section 2.1: a name with IPv4 alone has no AAAA, and exists (RFC 4074 section 4.2)")
    func ipv4Alone() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let message = try await subject.ask("kubernetes.default.svc.cluster.local", .aaaa)
            #expect(message.code == 0 && message.answer.isEmpty && message.authority.map(\.type) == [6])
        }
    }
}
