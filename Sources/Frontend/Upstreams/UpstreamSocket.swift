import MizzenSystem

/// How exchanges with an upstream travel.
enum UpstreamTransport: Int, CaseIterable, Sendable {
    case datagram, stream
    /// A stream whose octets are protected (RFC 7858).
    case tls

    var socketKind: Socket.Kind { self == .datagram ? .datagram : .stream }

    /// As CoreDNS's `proto` label has it.
    var label: String {
        switch self {
        case .datagram: "udp"
        case .stream: "tcp"
        case .tls: "tcp-tls"
        }
    }
}

/// A socket connected to an upstream; at most one exchange uses it at a time, so its port and its id are a guess for
/// others.
final class UpstreamSocket {
    enum Use {
        case idle
        case query(UpstreamRun)
        case probe
    }

    let transport: UpstreamTransport
    let upstream: Upstream
    let group: UpstreamGroup
    /// For `tls`, and only there.
    let session: TLSSession?
    private(set) var descriptor: Descriptor?
    var token: UInt64 = 0
    /// What the poller was told to look for.
    var interest: Poller.Interest
    /// A stream tells by being writable that it is connected; nothing is sent before.
    var isConnected: Bool
    var use = Use.idle
    /// Grows with every use, so that an old timer finds out that it means nothing any more.
    var serial: UInt64 = 0
    var idleUntil: Instant = 0
    var isReused = false
    /// The message that was sent: id and question are compared with those of an answer.
    var sent: [UInt8] = []
    var sentAt: Instant = 0
    /// What of a stream's octets is still to be sent.
    var unsent: [UInt8] = []
    /// What of a stream's answer is there, in plain text.
    var received: [UInt8] = []

    init(_ descriptor: Descriptor, _ transport: UpstreamTransport, session: TLSSession?, upstream: Upstream, group: UpstreamGroup) {
        self.descriptor = descriptor
        self.transport = transport
        self.session = session
        self.upstream = upstream
        self.group = group
        isConnected = transport == .datagram
        interest = transport == .datagram ? .readable : [.readable, .writable]
        // Kept until the connection is there.
        unsent = session?.start() ?? []
    }

    var isOpen: Bool { descriptor != nil }

    /// Whether it may serve another exchange: nothing of the last is left over, and nobody has ended it.
    var isReusable: Bool {
        guard isOpen, !group.isRetired, received.isEmpty else { return false }
        return session.map { $0.state == .open } ?? true
    }

    /// Takes itself out of the run that it was used for, if any.
    func leaveRun() {
        if case .query(let run) = use {
            if run.asking === self { run.asking = nil }
            run.late.removeAll { $0 === self }
        }
        use = .idle
    }

    func close() {
        if let descriptor, let session {
            // Best effort: whoever closes wants no more of the connection.
            let farewell = session.close()
            if isConnected, unsent.isEmpty, !farewell.isEmpty { _ = try? Socket.send(farewell.span, on: descriptor) }
        }
        descriptor = nil
    }

    /// Whether `message` answers what was sent: id, the QR bit and the question (letter case aside, as some upstreams
    /// change it).
    func isAnswered(by message: Span<UInt8>) -> Bool {
        guard message.count >= 12, sent.count >= 12 else { return false }
        guard message[0] == sent[0], message[1] == sent[1], message[2] & 0x80 != 0 else { return false }
        // An answer to a probe may be anything; FORMERR may come without a question.
        guard case .query = use else { return true }
        if message[4] == 0, message[5] == 0 { return message[3] & 0xf != 0 }
        guard message[4] == 0, message[5] == 1, let end = Self.questionEnd(sent.span), message.count >= end else {
            return false
        }
        for index in 12..<end where Self.lower(message[index]) != Self.lower(sent[index]) { return false }
        return true
    }

    private static func questionEnd(_ message: Span<UInt8>) -> Int? {
        guard let end = try? PacketReader.skipName(message, at: 12), end + 4 <= message.count else { return nil }
        return end + 4
    }

    private static func lower(_ octet: UInt8) -> UInt8 { octet &- 0x41 < 26 ? octet | 0x20 : octet }
}
