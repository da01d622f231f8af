import Names

@testable import Frontend

extension FuzzTarget {
    /// The input read in two ways. As a collector's control frame: what is taken as ACCEPT names dnstap's content type or none. As facts, text
    /// and a DNS message: the frame is as long as was computed and as it says, and the message stands in it as it came.
    static let dnstap = FuzzTarget(name: "dnstap", longestInput: 1100) { input throws(PropertyFailure) in
        try expectControl(input)
        guard input.count >= 30 else { return }
        let number = { (range: Range<Int>) in input[range].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        let kinds: [DnstapMessage.Kind] = [.clientQuery, .clientResponse, .forwarderQuery, .forwarderResponse]
        let peers = [
            SocketAddress(address: .v4(UInt32(truncatingIfNeeded: number(0..<4))), port: UInt16(number(4..<6))),
            SocketAddress(address: .v6(high: number(6..<14), low: number(0..<8)), port: UInt16(number(14..<16))),
        ]
        let message = DnstapMessage(
            kind: kinds[Int(input[16] & 3)], transport: input[16] & 4 == 0 ? .udp : .tcp, asker: input[16] & 8 == 0 ? peers[0] : peers[1],
            responder: input[16] & 16 == 0 ? nil : peers[Int(input[16] >> 7)],
            queryTime: Int64(bitPattern: number(17..<25)), responseTime: input[16] & 32 == 0 ? nil : Int64(number(25..<29)))
        let extra = Array(input[30...].prefix(Int(input[29])))
        let wire = Array(input[30...].dropFirst(extra.count))
        let encoder = DnstapEncoder(identity: String(repeating: "i", count: Int(input[25])), version: "v")
        let size = encoder.frameSize(message, wireCount: wire.count, extraCount: extra.count)
        let frame = [UInt8](capacity: size) { encoder.write(message, wire: wire.span, extra: extra.span, into: &$0) }
        try expect(frame.count == size, "a frame of \(frame.count) octets, \(size) were computed")
        let whole = FrameStream.wholeFrames(frame, in: 0..<frame.count)
        try expect(whole == (1, size), "\(whole.frames) frames that end at \(whole.end), not one of \(size)")
        // A response's message is the last field but the outer type; behind a query's may stand the response's time.
        if message.kind.isResponse || message.responseTime == nil {
            try expect(frame.suffix(wire.count + 2).elementsEqual(wire + [0x78, 1]), "the DNS message is not at the end of \(frame)")
        }
    }

    private static func expectControl(_ input: [UInt8]) throws(PropertyFailure) {
        do throws(FrameStream.Fault) {
            try FrameStream.check(input, is: .accept, contentType: FrameStream.dnstap)
        } catch {
            return
        }
        let text = String(decoding: input, as: UTF8.self)
        try expect(input.count == 4 || text.contains("protobuf:dnstap.Dnstap"), "taken as an ACCEPT of dnstap: \(input)")
    }
}
