import MizzenSystem
import Names
import TestSupport
import Testing

@testable import Frontend

@Suite("Messages of dnstap")
struct DnstapEncoderTests {
    static func encode(_ message: DnstapMessage, wire: [UInt8] = [], extra: [UInt8] = [], by encoder: DnstapEncoder) -> [UInt8] {
        let size = encoder.frameSize(message, wireCount: wire.count, extraCount: extra.count)
        return [UInt8](capacity: size) { encoder.write(message, wire: wire.span, extra: extra.span, into: &$0) }
    }

    private static let encoder = DnstapEncoder(identity: "ns1", version: "Mizzen")
    private static let v6 = SocketAddress(address: .v6(high: 0x2001_0DB8_0000_0000, low: 1), port: 40_000)

    @Test("a client's query, octet for octet")
    func query() {
        let message = DnstapMessage(
            kind: .clientQuery, transport: .udp, asker: .init(address: .v4(0x0A00_00D2), port: 55_142),
            queryTime: 1_609_664_398_355_231_260)
        let expected = octets(
            """
            00 00 00 33              ; length of the frame
            0A 03 6E 73 31           ; 1 identity: ns1
            12 06 4D 69 7A 7A 65 6E  ; 2 version: Mizzen
            72 22                    ; 14 message, 34 octets
            08 05                    ; 1 type: CLIENT_QUERY
            10 01                    ; 2 socket_family: INET
            18 01                    ; 3 socket_protocol: UDP
            22 04 0A 00 00 D2        ; 4 query_address
            30 E6 AE 03              ; 6 query_port
            40 8E 8F C6 FF 05        ; 8 query_time_sec
            4D 1C 66 2C 15           ; 9 query_time_nsec
            52 05 01 02 03 04 05     ; 10 query_message
            78 01                    ; 15 type: MESSAGE
            """)
        #expect(Self.encode(message, wire: [1, 2, 3, 4, 5], by: Self.encoder) == expected)
    }

    @Test("each kind has the fields of its perspective, and the DNS message where it belongs")
    func kinds() throws {
        let address = [0x20, 1, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]
        let common: [ProtobufField] = [.number(2, 2), .number(3, 2), .bytes(4, address)]
        let times: [ProtobufField] = [.number(8, 7), .fixed(9, 999_999_999)]
        for (kind, number) in [(DnstapMessage.Kind.clientQuery, 5), (.clientResponse, 6), (.forwarderQuery, 7), (.forwarderResponse, 8)] {
            let message = DnstapMessage(
                kind: kind, transport: .tcp, asker: Self.v6, queryTime: 7_999_999_999, responseTime: kind.isResponse ? 8_000_000_001 : nil)
            let frame = Self.encode(message, wire: [9], extra: [1, 2], by: Self.encoder)
            let outer = try #require(ProtobufField.read(Array(frame[4...])))
            guard outer.count == 5, case .bytes(14, let inner) = outer[3] else {
                Issue.record("\(outer)")
                continue
            }
            #expect(outer[..<3] == [.text(1, "ns1"), .text(2, "Mizzen"), .bytes(3, [1, 2])])
            #expect(outer[4] == .number(15, 1))
            let rest: [ProtobufField] =
                kind.isResponse ? [.number(12, 8), .fixed(13, 1), .bytes(14, [9])] : [.bytes(10, [9])]
            #expect(ProtobufField.read(inner) == [.number(1, UInt64(number))] + common + [.number(6, 40_000)] + times + rest)
        }
    }

    @Test("the size that is computed is the one that is written, whatever is in a message")
    func sizes() throws {
        var random = SeededRandom(seed: 14)
        for _ in 0..<5_000 {
            let encoder = DnstapEncoder(
                identity: String(repeating: "i", count: Int.random(in: 0...300, using: &random)),
                version: String(repeating: "v", count: Int.random(in: 0...20, using: &random)))
            func peer() -> SocketAddress? {
                switch Int.random(in: 0...2, using: &random) {
                case 0: nil
                case 1: SocketAddress(address: .v4(.random(in: 0 ... .max, using: &random)), port: .random(in: 0 ... .max, using: &random))
                default: SocketAddress(address: .v6(high: 1, low: 2), port: .random(in: 0...200, using: &random))
                }
            }
            let message = DnstapMessage(
                kind: .clientResponse, transport: .udp, asker: peer(), responder: peer(),
                queryTime: .random(in: -5 ... .max, using: &random),
                responseTime: Bool.random(using: &random) ? .random(in: 0...2_000_000_000, using: &random) : nil)
            let wire = [UInt8](repeating: 7, count: [0, 12, 127, 128, 16_384, 65_535].randomElement(using: &random) ?? 0)
            let extra = [UInt8](repeating: 8, count: Int.random(in: 0...200, using: &random))
            let frame = Self.encode(message, wire: wire, extra: extra, by: encoder)
            #expect(frame.count == encoder.frameSize(message, wireCount: wire.count, extraCount: extra.count))
            #expect(FrameStreamText.read(frame).controls.isEmpty)
            let outer = try #require(ProtobufField.read(Array(frame[4...])))
            guard case .bytes(14, let inner)? = outer.dropLast().last else {
                Issue.record("\(outer)")
                continue
            }
            #expect(ProtobufField.read(inner) != nil)
        }
    }
}

@Suite("Control frames of Frame Streams")
struct FrameStreamTests {
    @Test("READY and STOP, octet for octet")
    func encoding() {
        let ready = octets(
            """
            00 00 00 00  ; escape
            00 00 00 22  ; length
            00 00 00 04  ; READY
            00 00 00 01  ; content type
            00 00 00 16
            """)
        #expect(FrameStream.encode(.ready, contentType: FrameStream.dnstap) == ready + Array("protobuf:dnstap.Dnstap".utf8))
        #expect(FrameStream.encode(.stop, contentType: nil) == octets("00 00 00 00\n00 00 00 04\n00 00 00 03"))
    }

    @Test("a peer's ACCEPT is taken when it names the type, alone or among others, or none at all")
    func accepted() throws {
        func body(_ types: [String]) -> [UInt8] {
            [0, 0, 0, 1] + types.flatMap { [0, 0, 0, 1, 0, 0, 0, UInt8($0.utf8.count)] + Array($0.utf8) }
        }
        for types in [[], ["protobuf:dnstap.Dnstap"], ["other", "protobuf:dnstap.Dnstap"]] {
            try FrameStream.check(body(types), is: .accept, contentType: FrameStream.dnstap)
        }
        #expect(throws: FrameStream.Fault.contentTypeRefused) {
            try FrameStream.check(body(["other"]), is: .accept, contentType: FrameStream.dnstap)
        }
        #expect(throws: FrameStream.Fault.unexpected(1)) { try FrameStream.check(body([]), is: .finish, contentType: nil) }
    }

    @Test(
        "what is no control frame is refused",
        arguments: [
            ([0, 0, 0], FrameStream.Fault.malformed),
            ([0, 0, 0, 9], .unexpected(9)),
            ([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0], .malformed),
            ([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], .malformed),
            ([0, 0, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF], .malformed),
        ] as [([UInt8], FrameStream.Fault)])
    func malformed(bytes: [UInt8], fault: FrameStream.Fault) {
        #expect(throws: fault) { try FrameStream.check(bytes, is: .accept, contentType: FrameStream.dnstap) }
    }

    @Test("a head is an escape and a length of at most 512")
    func heads() throws {
        #expect(try FrameStream.controlLength([0, 0, 0, 0, 0, 0, 2, 0]) == 512)
        #expect(throws: FrameStream.Fault.tooLong(513)) { try FrameStream.controlLength([0, 0, 0, 0, 0, 0, 2, 1]) }
        #expect(throws: FrameStream.Fault.notControl) { try FrameStream.controlLength(Array("HTTP/1.1".utf8)) }
    }

    @Test("whole frames end before the one that is cut, wherever that is")
    func whole() {
        let frames: [UInt8] = [0, 0, 0, 2, 7, 7, 0, 0, 0, 0, 0, 0, 0, 1, 9]
        let ends = (0...frames.count).map { FrameStream.wholeFrames(frames, in: 0..<$0).end }
        #expect(ends == [0, 0, 0, 0, 0, 0, 6, 6, 6, 6, 10, 10, 10, 10, 10, 15])
        #expect(FrameStream.wholeFrames(frames, in: 6..<15) == (2, 15))
    }
}
