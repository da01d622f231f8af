import Foundation
import MizzenSystem
import Names
import Testing

@testable import Frontend

@Suite("Responses")
struct ResponseWriterTests {
    /// The message that `body` writes as an answer to `packet`.
    static func message(
        _ packet: [UInt8], _ transport: QueryTransport = .udp, _ outcome: Outcome = .answered, room: Int = 65_535,
        _ body: (borrowing Query, inout ResponseWriter) -> Void
    ) -> [UInt8] {
        var query = Query()
        _ = query.read(packet.span, transport: transport)
        var response = ResponseWriter()
        var memory = [UInt8](repeating: 0xEE, count: room)
        var size = 0
        // Safe: the memory outlives the closure's use of it.
        unsafe memory.withUnsafeMutableBytes { memory in
            unsafe response.begin(query, in: memory)
            body(query, &response)
            size = response.finish(query, outcome)
        }
        return Array(memory.prefix(size))
    }

    @Test("an address record points to the question, whose letters are as asked")
    func address() throws {
        let packet = try TestPacket.query("Web.local", .a, flags: 0x0110)
        let message = Self.message(packet) { query, response in
            response.address(.answer, .question, .v4(0x0A60_0001), ttl: 5, of: query)
        }
        let wanted = octets(
            """
            12 34 85 10                          ; QR AA RD CD
            00 01 00 01 00 00 00 00
            03 57 65 62 05 6C 6F 63 61 6C 00     ; Web.local.
            00 01 00 01
            C0 0C 00 01 00 01 00 00 00 05 00 04  ; to offset 12, A IN, 5 s
            0A 60 00 01
            """)
        #expect(message == wanted)
    }

    @Test(
        "records out of section order make the whole answer a failure, whatever else was written",
        arguments: [
            (PacketReader.Section.additional, PacketReader.Section.answer), (.authority, .answer), (.additional, .authority),
        ])
    func sectionOrder(first: PacketReader.Section, second: PacketReader.Section) throws {
        let packet = try TestPacket.query("a", .a, advertisedSize: 1232)
        let message = Self.message(packet) { query, response in
            response.address(first, .question, .v4(1), ttl: 5, of: query)
            let isEarly = response.isMisordered
            response.address(second, .question, .v4(2), ttl: 5, of: query)
            let isLate = response.isMisordered
            #expect(!isEarly && isLate)
            response.address(first, .question, .v4(3), ttl: 5, of: query)
        }
        let wanted = Self.message(packet, .udp, .serverFailure) { _, _ in }
        #expect(message == wanted)
        #expect(message[3] & 0x0F == 2)
    }

    @Test("a message after a misordered one is whole again")
    func afterMisorder() throws {
        let text = try MessageText(Self.second(after: try TestPacket.query("a", .a)))
        #expect(text.code == "NOERROR")
        #expect(text.answer == ["a. 5 IN A 0.0.0.2"])
    }

    /// The second of two answers to `packet` that one writer makes, the first of them misordered.
    private static func second(after packet: [UInt8]) -> [UInt8] {
        var query = Query()
        _ = query.read(packet.span, transport: .udp)
        var response = ResponseWriter()
        let memory = ScratchMemory(count: 512)
        // Safe (both): the memory lives as long as its owner.
        unsafe response.begin(query, in: memory.buffer)
        response.address(.additional, .question, .v4(1), ttl: 5, of: query)
        response.address(.answer, .question, .v4(2), ttl: 5, of: query)
        _ = response.finish(query, .answered)
        unsafe response.begin(query, in: memory.buffer)
        response.address(.answer, .question, .v4(2), ttl: 5, of: query)
        let size = response.finish(query, .answered)
        return memory.bytes(size)
    }

    @Test("OPT comes last, with the client's size and DO, and no options")
    func opt() throws {
        let packet = try TestPacket.query("a", .a, advertisedSize: 1232)
        let message = Self.message(packet, .udp, .nameError) { _, _ in }
        #expect(Array(message.suffix(11)) == octets("00 00 29 04 D0 00 00 00 00 00 00"))
        #expect(message[3] & 0x0F == 3)
        #expect(message[11] == 1)
    }

    @Test("an unknown EDNS version gets BADVERS, its upper bits in OPT")
    func badVersion() throws {
        var packet = try TestPacket.query("a", .a, advertisedSize: 1232)
        packet[packet.count - 5] = 1
        var query = Query()
        let intake = query.read(packet.span, transport: .udp)
        #expect(intake == .reply(.badVersion))
        let message = Self.message(packet, .udp, .badVersion) { _, _ in }
        #expect(message[3] & 0x0F == 0)
        #expect(Array(message.suffix(6)) == octets("01 00 00 00 00 00"))
        #expect(try MessageText(message).code == "BADVERS")
    }

    @Test("SRV targets are written in full, and later names point into them")
    func compression() throws {
        let packet = try TestPacket.query("web.svc.x", .srv)
        let target = try DNSName("a.web.svc.x")
        let message = Self.message(packet) { query, response in
            response.service(target: target, port: 80, priority: 0, weight: 100, ttl: 5, of: query)
            response.address(.additional, name: target, .v4(0x0A00_0001), ttl: 5, of: query)
        }
        let wanted = octets(
            """
            12 34 85 00 00 01 00 01 00 00 00 01
            03 77 65 62 03 73 76 63 01 78 00 00 21 00 01    ; 12: web.svc.x. SRV IN
            C0 0C 00 21 00 01 00 00 00 05 00 13             ; 27
            00 00 00 64 00 50                               ; priority 0, weight 100, port 80
            01 61 03 77 65 62 03 73 76 63 01 78 00          ; 45: a.web.svc.x. in full
            C0 2D 00 01 00 01 00 00 00 05 00 04 0A 00 00 01 ; owner at 45
            """)
        #expect(message == wanted)
    }

    @Test("compression never changes letters")
    func letterCase() throws {
        let packet = try TestPacket.query("WEB.svc.x", .cname)
        let target = try DNSName("web.SVC.x")
        let message = Self.message(packet) { query, response in
            response.pointing(.answer, .question, .cname, to: target, ttl: 5, of: query)
        }
        #expect(try MessageText(message).answer == ["WEB.svc.x. 5 IN CNAME web.SVC.x."])
    }

    @Test("what does not fit is left out whole, with all behind it, and TC says so", arguments: [512, 600, 1232])
    func truncation(size: Int) throws {
        let packet = try TestPacket.query("a.b", .a, advertisedSize: UInt16(size))
        let message = Self.message(packet) { query, response in
            for index in 0..<200 { response.address(.answer, .question, .v4(UInt32(index)), ttl: 5, of: query) }
            response.address(.additional, .question, .v4(1), ttl: 5, of: query)
        }
        let fitting = (size - 12 - 9 - 11) / 16
        let text = try MessageText(message)
        #expect(text.flags == "QR AA TC RD")
        #expect(text.answer.count == fitting)
        #expect(text.additional.isEmpty)
        #expect(message.count == 12 + 9 + 11 + 16 * fitting)
    }

    @Test("the caller's room is a limit too")
    func smallRoom() throws {
        let packet = try TestPacket.query("a.b", .a)
        let message = Self.message(packet, .tcp, room: 60) { query, response in
            for index in 0..<10 { response.address(.answer, .question, .v4(UInt32(index)), ttl: 5, of: query) }
        }
        #expect(message.count == 12 + 9 + 2 * 16)
        #expect(message[2] & 0x02 != 0)
    }

    @Test("starting over leaves nothing of what was written")
    func removal() throws {
        let packet = try TestPacket.query("a.b", .a)
        let target = try DNSName("x.y.z")
        let message = Self.message(packet) { query, response in
            response.pointing(.answer, .question, .cname, to: target, ttl: 5, of: query)
            response.removeRecords()
            response.pointing(.answer, .question, .cname, to: target, ttl: 6, of: query)
        }
        #expect(try MessageText(message).answer == ["a.b. 6 IN CNAME x.y.z."])
    }

    @Test("records of another message are copied with their names written anew")
    func copying() throws {
        let upstream = octets(
            """
            00 01 81 80 00 01 00 05 00 00 00 00
            01 61 00 00 FF 00 01                                  ; 12: a. ANY
            C0 0C 00 05 00 01 00 00 00 09 00 04 01 62 C0 0C       ; 19: CNAME b.a.
            C0 0C 00 0F 00 01 00 00 00 09 00 04 00 0A C0 1F       ; 35: MX 10 b.a.
            C0 0C 00 06 00 01 00 00 00 09 00 18 C0 1F C0 0C       ; 51: SOA b.a. a. 1 2 3 4 5
            00 00 00 01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00 05
            C0 0C 00 21 00 01 00 00 00 09 00 08 00 01 00 02 00 03 C0 1F
            C0 0C FF 01 00 01 00 00 00 09 00 02 C0 0C             ; a type of no meaning: copied as it is
            """)
        let packet = try TestPacket.query("other", .any)
        let message = Self.message(packet) { query, response in
            var scratch = DNSName()
            guard var reader = try? PacketReader(upstream.span) else { return }
            while let record = try? reader.next(in: upstream.span) {
                try? response.copy(record, of: upstream.span, to: .answer, scratch: &scratch, of: query)
            }
        }
        #expect(
            try MessageText(message).answer == [
                "a. 9 IN CNAME b.a.", "a. 9 IN MX 10 b.a.", "a. 9 IN SOA b.a. a. SERIAL 2 3 4 5", "a. 9 IN SRV 1 2 3 b.a.",
                "a. 9 IN TYPE65281 \\# 2",
            ])
    }

    /// Data with a pointer to `b.a.` at 31 in the place of each `*`, and what has to stand there instead.
    private static let dataWithPointers: [(type: UInt16, data: String)] = [
        // MD, MF, MB, MG, MR, MINFO
        (3, "*"), (4, "*"), (7, "*"), (8, "*"), (9, "*"), (14, "* *"),
        // RP, AFSDB, RT, NSAP-PTR, SIG
        (17, "* *"), (18, "00 01 *"), (21, "00 01 *"), (23, "*"),
        (24, "00 01 05 02 00 00 00 05 00 00 00 06 00 00 00 07 12 34 * AA BB"),
        // PX, NXT, NAPTR, KX, DNAME
        (26, "00 01 * *"), (30, "* 40 00 00 02"), (35, "00 01 00 02 01 55 00 02 AA BB *"), (36, "00 01 *"), (39, "*"),
        // IPSECKEY, RRSIG, NSEC
        (45, "0A 03 02 * AA BB"), (46, "00 01 05 02 00 00 00 05 00 00 00 06 00 00 00 07 12 34 * AA"), (47, "* 00 01 40"),
        // HIP, TALINK, SVCB, HTTPS, DSYNC, LP, AMTRELAY
        (55, "01 02 00 02 AA BB CC * *"), (58, "* *"), (64, "00 00 *"), (65, "00 01 * 00 03 00 02 01 BB"), (66, "00 3B 01 14 E9 *"),
        (107, "00 0A *"), (260, "0A 83 *"),
    ]

    private static func message(_ type: UInt16, _ data: [UInt8]) -> [UInt8] {
        octets("00 01 81 80 00 01 00 02 00 00 00 00 01 61 00 00 FF 00 01 C0 0C 00 05 00 01 00 00 00 09 00 04 01 62 C0 0C C0 0C")
            + [UInt8(type >> 8), UInt8(type & 0xFF), 0, 1, 0, 0, 0, 9, 0, UInt8(data.count)] + data
    }

    /// The last record's data as another message has it, without compression; nil if it was refused.
    private static func dataCopied(_ upstream: [UInt8]) throws -> [UInt8]? {
        var isRefused = false
        let message = Self.message(try TestPacket.query("an.other.name", .any)) { query, response in
            var scratch = DNSName()
            guard var reader = try? PacketReader(upstream.span) else { return }
            while let record = try? reader.next(in: upstream.span) {
                do {
                    try response.copy(record, of: upstream.span, to: .answer, scratch: &scratch, of: query)
                } catch { isRefused = true }
            }
        }
        return isRefused ? nil : try AnswerRecords(message.span).answer.last?.data
    }

    @Test("a name in data of any known type is unpacked, since its pointer leads nowhere in another message", arguments: dataWithPointers)
    func pointersInData(type: UInt16, data: String) throws {
        let packed = Self.message(type, octets(data.replacingOccurrences(of: "*", with: "C0 1F")))
        let wanted = octets(data.replacingOccurrences(of: "*", with: "01 62 01 61 00"))
        #expect(try Self.dataCopied(packed) == wanted)
        #expect(try AnswerRecords(packed.span).answer.last?.data == wanted)
    }

    @Test("names in data are compressed for the types of RFC 1035 and written in full for all others")
    func compressedTypes() throws {
        for (type, data) in Self.dataWithPointers {
            let packed = Self.message(type, octets(data.replacingOccurrences(of: "*", with: "C0 1F")))
            let message = Self.message(try TestPacket.query("b.a", .any)) { query, response in
                var scratch = DNSName()
                guard var reader = try? PacketReader(packed.span) else { return }
                while let record = try? reader.next(in: packed.span) {
                    try? response.copy(record, of: packed.span, to: .answer, scratch: &scratch, of: query)
                }
            }
            let size = octets(data.replacingOccurrences(of: "*", with: type <= 15 ? "C0 0C" : "01 62 01 61 00")).count
            #expect(message[message.count - size - 1] == UInt8(size), "TYPE\(type)")
        }
    }

    @Test("data whose names cannot be read makes the answer unreadable", arguments: dataWithPointers)
    func brokenPointersInData(type: UInt16, data: String) throws {
        // Forwards, and cut short.
        for name in ["C0 FF", "05 61"] {
            let packed = Self.message(type, octets(data.replacingOccurrences(of: "*", with: name)))
            let isReadable = Workbench.isReadable(packed.span)
            #expect(!isReadable)
            #expect(try Self.dataCopied(packed) == nil)
        }
    }
}
