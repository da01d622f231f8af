import Testing

@testable import Frontend

@Suite("Queries")
struct QueryTests {
    private static let plain = octets(
        """
        12 34              ; id
        01 10              ; opcode 0, RD, CD
        00 01 00 00        ; one question
        00 00 00 01        ; one additional record
        03 57 45 62 00     ; WEb.
        00 1C 00 01        ; AAAA IN
        00 00 29 04 D0     ; OPT, 1232 octets
        00 00 80 00        ; version 0, DO
        00 06              ; six octets of options
        00 0A 00 02 AA BB  ; a cookie, of no interest
        """)

    /// What a query says, for comparing.
    private struct Summary: Equatable {
        var id: UInt16
        var original: String
        var name: String
        var type: RecordType
        var hasEDNS: Bool
        var wantsDNSSEC: Bool
        var sizeLimit: Int

        init(_ query: borrowing Query) {
            id = query.id
            original = query.original.description
            name = query.name.description
            type = query.type
            hasEDNS = query.hasEDNS
            wantsDNSSEC = query.wantsDNSSEC
            sizeLimit = query.sizeLimit
        }

        init(
            id: UInt16, original: String, name: String, type: RecordType, hasEDNS: Bool, wantsDNSSEC: Bool,
            sizeLimit: Int
        ) {
            self.id = id
            self.original = original
            self.name = name
            self.type = type
            self.hasEDNS = hasEDNS
            self.wantsDNSSEC = wantsDNSSEC
            self.sizeLimit = sizeLimit
        }
    }

    @Test("header, question and OPT are read; the name is kept as sent and in lower case")
    func whole() {
        var query = Query()
        #expect(query.read(Self.plain.span, transport: .udp) == .query)
        var wanted = Summary(
            id: 0x1234, original: "WEb.", name: "web.", type: .aaaa, hasEDNS: true, wantsDNSSEC: true,
            sizeLimit: 1232)
        #expect(Summary(query) == wanted)
        #expect(query.read(Self.plain.span, transport: .tcp) == .query)
        wanted.sizeLimit = 65_535
        #expect(Summary(query) == wanted)
    }

    @Test("nothing of one packet is left in the next")
    func reuse() throws {
        var query = Query()
        _ = query.read(Self.plain.span, transport: .udp)
        let next = try TestPacket.query("a.b", .a)
        #expect(query.read(next.span, transport: .udp) == .query)
        let wanted = Summary(
            id: 0x1234, original: "a.b.", name: "a.b.", type: .a, hasEDNS: false, wantsDNSSEC: false,
            sizeLimit: 512)
        #expect(Summary(query) == wanted)
    }

    /// A change to the packet above, at an offset.
    struct Change: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var offset: Int
        var octets: [UInt8]
        var intake: Intake
    }

    @Test(
        "packets that are no plain query",
        arguments: [
            Change(testDescription: "an answer", offset: 2, octets: [0x81], intake: .silence),
            Change(testDescription: "a status request", offset: 2, octets: [0x11], intake: .reply(.notImplemented)),
            Change(testDescription: "a notification", offset: 2, octets: [0x21], intake: .reply(.notImplemented)),
            Change(testDescription: "no question", offset: 5, octets: [0], intake: .reply(.formatError)),
            Change(testDescription: "two questions", offset: 5, octets: [2], intake: .reply(.formatError)),
            Change(testDescription: "a record that is not there", offset: 11, octets: [2], intake: .reply(.formatError)),
            Change(testDescription: "three additional records", offset: 11, octets: [3], intake: .reply(.formatError)),
            Change(testDescription: "EDNS version 1", offset: 27, octets: [1], intake: .reply(.badVersion)),
            Change(testDescription: "an option that is too long", offset: 35, octets: [3], intake: .reply(.formatError)),
            Change(testDescription: "data that is too long", offset: 31, octets: [7], intake: .reply(.formatError)),
            Change(testDescription: "an OPT record with a name", offset: 21, octets: [0xC0, 0x0C], intake: .reply(.formatError)),
        ])
    func odd(change: Change) {
        var packet = Self.plain
        packet.replaceSubrange(change.offset..<(change.offset + change.octets.count), with: change.octets)
        var query = Query()
        #expect(query.read(packet.span, transport: .udp) == change.intake)
    }

    @Test("fewer octets than a header get no answer, more but too few get FORMERR")
    func short() {
        var query = Query()
        for count in 0..<Self.plain.count {
            let packet = Array(Self.plain.prefix(count))
            #expect(query.read(packet.span, transport: .udp) == (count < 12 ? .silence : .reply(.formatError)))
        }
    }
}
