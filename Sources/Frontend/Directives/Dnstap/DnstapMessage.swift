import MizzenSystem
import Names

/// What dnstap says of one DNS message, apart from its bytes.
struct DnstapMessage: Sendable {
    /// Numbers of `Message.Type` in dnstap.proto.
    enum Kind: UInt8, Sendable {
        /// From a client, as it came.
        case clientQuery = 5
        /// To a client, as it was sent.
        case clientResponse = 6
        /// To an upstream.
        case forwarderQuery = 7
        /// From an upstream.
        case forwarderResponse = 8

        var isResponse: Bool { self == .clientResponse || self == .forwarderResponse }
    }

    /// Numbers of `SocketProtocol` in dnstap.proto.
    enum Transport: UInt8, Sendable {
        case udp = 1
        case tcp = 2
        case tls = 3
        case https = 4
    }

    var kind: Kind
    var transport: Transport
    /// Who asked, and where from.
    var asker: SocketAddress?
    /// Who is or was asked.
    var responder: SocketAddress?
    /// Nanoseconds since 1970: when the query came, or was sent to the upstream.
    var queryTime: Int64
    /// Of responses.
    var responseTime: Int64?
}

/// Writes messages as frames of a Frame Stream: four octets of length, and `Dnstap` of dnstap.proto in protobuf's encoding.
///
/// Field numbers, types and the meaning of fields are those of https://github.com/dnstap/dnstap.pb (dnstap.proto, commit 102af68). Fields
/// are written in the order of their numbers, as Go's encoder does. All numbers are below 16, so a tag is one octet.
struct DnstapEncoder: Sendable {
    private enum Tag {
        // Dnstap
        static let identity = bytes(1)
        static let version = bytes(2)
        static let extra = bytes(3)
        static let message = bytes(14)
        static let type = varint(15)
        // Message
        static let kind = varint(1)
        static let family = varint(2)
        static let transport = varint(3)
        static let queryAddress = bytes(4)
        static let responseAddress = bytes(5)
        static let queryPort = varint(6)
        static let responsePort = varint(7)
        static let querySeconds = varint(8)
        static let queryNanoseconds = fixed32(9)
        static let queryMessage = bytes(10)
        static let responseSeconds = varint(12)
        static let responseNanoseconds = fixed32(13)
        static let responseMessage = bytes(14)

        // Wire types of protobuf's encoding.
        private static func varint(_ field: UInt8) -> UInt8 { field << 3 }
        private static func bytes(_ field: UInt8) -> UInt8 { field << 3 | 2 }
        private static func fixed32(_ field: UInt8) -> UInt8 { field << 3 | 5 }
    }

    /// Identity and version as fields: the same in each message.
    private let prefix: [UInt8]

    init(identity: String, version: String) {
        var prefix: [UInt8] = []
        for (tag, text) in [(Tag.identity, identity), (Tag.version, version)] {
            prefix.append(tag)
            var rest = text.utf8.count
            while rest >= 0x80 {
                prefix.append(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            prefix.append(UInt8(rest))
            prefix += text.utf8
        }
        self.prefix = prefix
    }

    /// How long `message` is as a frame: what `write` writes.
    func frameSize(_ message: DnstapMessage, wireCount: Int, extraCount: Int) -> Int {
        let inner = messageSize(message, wireCount: wireCount)
        return 4 + prefix.count + (extraCount > 0 ? Self.bytesSize(extraCount) : 0) + Self.bytesSize(inner) + 2
    }

    /// - Parameters:
    ///   - wire: the DNS message, empty to leave it out.
    ///   - extra: goes along as it is; empty for none.
    ///   - output: has room for `frameSize`.
    func write(_ message: DnstapMessage, wire: Span<UInt8>, extra: Span<UInt8>, into output: inout OutputSpan<UInt8>) {
        let size = frameSize(message, wireCount: wire.count, extraCount: extra.count) - 4
        Self.bigEndian(UInt64(size), bytes: 4, &output)
        output.append(copying: prefix.span)
        if !extra.isEmpty { Self.bytes(Tag.extra, extra, &output) }
        output.append(Tag.message)
        Self.varint(UInt64(messageSize(message, wireCount: wire.count)), &output)
        Self.write(message, wire, &output)
        // Type MESSAGE.
        Self.number(Tag.type, 1, &output)
    }

    private static func write(_ message: DnstapMessage, _ wire: Span<UInt8>, _ output: inout OutputSpan<UInt8>) {
        number(Tag.kind, UInt64(message.kind.rawValue), &output)
        if let peer = message.asker ?? message.responder { number(Tag.family, peer.isV6 ? 2 : 1, &output) }
        number(Tag.transport, UInt64(message.transport.rawValue), &output)
        if let asker = message.asker { address(Tag.queryAddress, asker.address, &output) }
        if let responder = message.responder { address(Tag.responseAddress, responder.address, &output) }
        if let asker = message.asker { number(Tag.queryPort, UInt64(asker.port), &output) }
        if let responder = message.responder { number(Tag.responsePort, UInt64(responder.port), &output) }
        time(Tag.querySeconds, Tag.queryNanoseconds, message.queryTime, &output)
        if !wire.isEmpty, !message.kind.isResponse { bytes(Tag.queryMessage, wire, &output) }
        if let responseTime = message.responseTime { time(Tag.responseSeconds, Tag.responseNanoseconds, responseTime, &output) }
        if !wire.isEmpty, message.kind.isResponse { bytes(Tag.responseMessage, wire, &output) }
    }

    // MARK: Sizes

    private func messageSize(_ message: DnstapMessage, wireCount: Int) -> Int {
        var size = 2 + 2 + Self.timeSize(message.queryTime)
        if message.asker != nil || message.responder != nil { size += 2 }
        size += Self.peerSize(message.asker) + Self.peerSize(message.responder)
        if let responseTime = message.responseTime { size += Self.timeSize(responseTime) }
        return size + (wireCount > 0 ? Self.bytesSize(wireCount) : 0)
    }

    private static func peerSize(_ peer: SocketAddress?) -> Int {
        peer.map { 2 + ($0.isV6 ? 16 : 4) + 1 + varintSize(UInt64($0.port)) } ?? 0
    }

    private static func timeSize(_ time: Int64) -> Int { 1 + varintSize(seconds(time)) + 5 }
    private static func bytesSize(_ count: Int) -> Int { 1 + varintSize(UInt64(count)) + count }
    private static func varintSize(_ value: UInt64) -> Int { max(1, (70 - value.leadingZeroBitCount) / 7) }

    // MARK: Fields

    private static func seconds(_ time: Int64) -> UInt64 { UInt64(max(0, time)) / 1_000_000_000 }

    private static func time(_ secondsTag: UInt8, _ nanosecondsTag: UInt8, _ time: Int64, _ output: inout OutputSpan<UInt8>) {
        number(secondsTag, seconds(time), &output)
        output.append(nanosecondsTag)
        // fixed32 is little-endian.
        let rest = UInt32(max(0, time) % 1_000_000_000)
        for shift in stride(from: UInt32(0), to: 32, by: 8) { output.append(UInt8(truncatingIfNeeded: rest >> shift)) }
    }

    private static func address(_ tag: UInt8, _ address: IPAddress, _ output: inout OutputSpan<UInt8>) {
        output.append(tag)
        switch address {
        case .v4(let bits):
            output.append(4)
            bigEndian(UInt64(bits), bytes: 4, &output)
        case .v6(let high, let low):
            output.append(16)
            bigEndian(high, bytes: 8, &output)
            bigEndian(low, bytes: 8, &output)
        }
    }

    private static func bytes(_ tag: UInt8, _ bytes: Span<UInt8>, _ output: inout OutputSpan<UInt8>) {
        output.append(tag)
        varint(UInt64(bytes.count), &output)
        output.append(copying: bytes)
    }

    private static func number(_ tag: UInt8, _ value: UInt64, _ output: inout OutputSpan<UInt8>) {
        output.append(tag)
        varint(value, &output)
    }

    private static func varint(_ value: UInt64, _ output: inout OutputSpan<UInt8>) {
        var rest = value
        while rest >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(rest))
    }

    private static func bigEndian(_ value: UInt64, bytes count: Int, _ output: inout OutputSpan<UInt8>) {
        for index in (0..<count).reversed() { output.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))) }
    }
}
