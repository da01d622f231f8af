import Testing

@testable import Frontend

@Suite("RFC 1034 and 1035: domain names", .serialized)
struct RFC1035Tests {
    @Test("section 4: an address answer, octet by octet")
    func wholeMessage() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let message = try await subject.ask("kubernetes.default.svc.cluster.local", .a)
            #expect(
                message.octets
                    == octets(
                        """
                        12 34 85 00 00 01 00 01 00 00 00 00                                ; QR AA RD, NOERROR; one question, one answer
                        0a 6b 75 62 65 72 6e 65 74 65 73 07 64 65 66 61 75 6c 74           ; kubernetes.default
                        03 73 76 63 07 63 6c 75 73 74 65 72 05 6c 6f 63 61 6c 00 00 01 00 01 ; .svc.cluster.local A IN
                        c0 0c 00 01 00 01 00 00 00 1e 00 04 0a 60 00 01                    ; the question's name 30 A 10.96.0.1
                        """))
        }
    }

    @Test("section 4.1.1: id, operation and RD come back, whatever they are; AD and Z do not", arguments: [0x0000, 0x0100, 0x0170, 0x0130])
    func header(flags: UInt16) async throws {
        try await StandardsSubject.with { (subject) async throws in
            for id: UInt16 in [0, 1, 0x8000, 0xFFFF] {
                let message = try await subject.send(try TestPacket.query("kubernetes.default.svc.cluster.local", .a, id: id, flags: flags))
                #expect(message.id == id)
                // RFC 4035 section 3.1.6: CD is copied. AD is not set by a server that validates nothing.
                #expect(message.flags == 0x8400 | flags & 0x0110)
            }
        }
    }

    @Test("section 4.1.1: each operation but QUERY is not implemented, and comes back", arguments: UInt16(1)...15)
    func operations(operation: UInt16) async throws {
        try await StandardsSubject.with { (subject) async throws in
            let packet = try TestPacket.query("cluster.local", .soa, flags: operation << 11)
            let message = try await subject.send(packet)
            #expect(message.flags == 0x8004 | operation << 11)
        }
    }

    @Test("section 4.1.2: the question comes back as it was sent, with every answer and denial", arguments: [QueryTransport.udp, .tcp])
    func question(transport: QueryTransport) async throws {
        try await StandardsSubject.with { (subject) async throws in
            for name in StandardsSubject.addressed + [StandardsSubject.large, StandardsSubject.missing, "example.org.", "."] {
                for type in [RecordType.a, .aaaa, .srv, .soa, .txt, RecordType(rawValue: 65_280)] {
                    let packet = try TestPacket.query(name, type)
                    let message = try await subject.send(packet, transport)
                    #expect(message.question == Array(packet[12...]), "\(name) \(type)")
                }
            }
        }
    }

    @Test("section 2.3.4: a label of 63 octets and a name of 255 are asked for like any other; longer ones are malformed")
    func sizes() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let label = [UInt8(63)] + [UInt8](repeating: 0x61, count: 63)
            let tail: [UInt8] = [7] + Array("cluster".utf8) + [5] + Array("local".utf8) + [0]
            let header: [UInt8] = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
            let end: [UInt8] = [0, 1, 0, 1]
            let fill = [UInt8(47)] + [UInt8](repeating: 0x62, count: 47)
            let longest = label + label + label + fill + tail
            #expect(longest.count == 255)
            #expect(try await subject.send(header + longest + end).code == 3)
            let tooLong = label + label + label + [48] + [UInt8](repeating: 0x62, count: 48) + tail
            #expect(try await subject.send(header + tooLong + end).code == 1)
            #expect(try await subject.send(header + [64] + [UInt8](repeating: 0x61, count: 64) + tail + end).code == 1)
        }
    }

    @Test("section 4.2.1: a datagram has 512 octets at most, TC says that it was cut, and what is there is whole")
    func datagramSize() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let whole = try await subject.ask(StandardsSubject.large, .a, .tcp)
            #expect(whole.answer.count == 200 && !whole.isCut)
            let cut = try await subject.ask(StandardsSubject.large, .a)
            #expect(cut.octets.count <= 512 && cut.isCut)
            #expect(Set(cut.answer).isSubset(of: Set(whole.answer)))
        }
    }

    @Test("section 4.2.2: what fits is the same over TCP as over UDP")
    func transports() async throws {
        try await StandardsSubject.with { (subject) async throws in
            for name in StandardsSubject.addressed + [StandardsSubject.missing] {
                for type in [RecordType.a, .aaaa, .srv, .ptr] {
                    let (datagram, stream) = (try await subject.ask(name, type), try await subject.ask(name, type, .tcp))
                    #expect(datagram.flags == stream.flags, "\(name) \(type)")
                    #expect(Set(datagram.answer) == Set(stream.answer) && Set(datagram.additional) == Set(stream.additional))
                }
            }
        }
    }

    @Test("RFC 1034 section 4.3.2: an address's name is answered with authority, a name outside all zones without")
    func authority() async throws {
        try await StandardsSubject.with { (subject) async throws in
            for name in StandardsSubject.addressed { #expect(try await subject.ask(name, .a).isAuthoritative, "\(name)") }
            let outside = try await subject.ask("example.org", .a)
            #expect(!outside.isAuthoritative && outside.code != 0 && outside.code != 3)
        }
    }

    /// RFC 1034 section 3.6.2 has an alias followed for every type but its own. CoreDNS, and so all captured answers, do it for addresses only: other types
    /// of an ExternalName have no records. Its clients look for addresses, and what they have learned to expect of TXT or MX comes first.
    @Test("RFC 1034 section 3.6.2 holds for addresses of an ExternalName and not for other types, as with CoreDNS")
    func externalNames() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let followed = try await subject.ask("ext-in.s1-prod.svc.cluster.local.", .a)
            #expect(followed.code == 0 && followed.answer.map(\.type) == [5, 1])
            for type in [RecordType.txt, .mx, .srv, .ns, .https] {
                let message = try await subject.ask("ext-in.s1-prod.svc.cluster.local.", type)
                #expect(message.code == 0 && message.answer.isEmpty && message.authority.map(\.type) == [6], "\(type)")
            }
        }
    }
}
