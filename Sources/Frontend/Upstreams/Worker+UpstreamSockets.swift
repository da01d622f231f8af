import Glibc
import Logging
import MizzenSystem
import ProcessRuntime

/// Moves the octets of exchanges with upstreams: datagrams, streams, and streams inside TLS.
extension Worker {
    /// Pieces that one socket may hand over before the others get their turn.
    private static let piecesAtOnce = 64

    func open(_ transport: UpstreamTransport, _ upstream: Upstream, _ group: UpstreamGroup) throws(SystemError) -> UpstreamSocket {
        var session: TLSSession?
        if transport == .tls {
            session = Self.session(group.source.tls, upstream.serverName)
            // Nothing may go out in plain text that was to be protected.
            guard session != nil else { throw SystemError(call: "TLS", code: EPROTO) }
        }
        let descriptor = try Socket.connecting(transport.socketKind, to: upstream.address)
        guard DescriptorLimit.leavesSome(descriptor, for: .own) else { throw SystemError(call: "socket", code: EMFILE) }
        let socket = UpstreamSocket(descriptor, transport, session: session, upstream: upstream, group: group)
        socket.token = try register(descriptor, .upstream(socket), interest: socket.interest)
        return socket
    }

    private static func session(_ configuration: TLSClientConfiguration?, _ name: TLSServerName?) -> TLSSession? {
        guard let configuration, let name else { return nil }
        return try? TLSSession(configuration, serverName: name)
    }

    /// Sends a message and sets the time for what follows.
    func start(_ socket: UpstreamSocket, message: [UInt8], timeout: UInt64, _ now: Instant) throws(SystemError) {
        socket.serial += 1
        socket.sent = message
        socket.sentAt = now
        timers.add(.exchange(socket, serial: socket.serial), due: now + timeout)
        guard let descriptor = socket.descriptor else { return }
        switch socket.transport {
        case .datagram: _ = try Socket.send(message.span, on: descriptor)
        case .stream: socket.unsent += Self.framed(message)
        case .tls: socket.unsent += socket.session?.send(Self.framed(message)) ?? []
        }
        try flush(socket)
    }

    /// RFC 1035 section 4.2.2.
    private static func framed(_ message: [UInt8]) -> [UInt8] {
        [UInt8(message.count >> 8), UInt8(truncatingIfNeeded: message.count)] + message
    }

    /// Sends what a stream has to send, as far as that goes now.
    private func flush(_ socket: UpstreamSocket) throws(SystemError) {
        guard let descriptor = socket.descriptor, socket.isConnected, socket.transport != .datagram else { return }
        if !socket.unsent.isEmpty {
            let unsent = socket.unsent
            let sent = try Socket.send(unsent.span, on: descriptor)
            socket.unsent = sent == unsent.count ? [] : Array(unsent[sent...])
        }
        let interest: Poller.Interest = socket.unsent.isEmpty ? .readable : [.readable, .writable]
        guard interest != socket.interest else { return }
        try poller.change(descriptor, interest, token: socket.token)
        socket.interest = interest
    }

    /// A closed socket is watched by nobody and belongs to no run.
    func close(_ socket: UpstreamSocket) {
        socket.leaveRun()
        guard socket.isOpen else { return }
        unregister(socket.token)
        socket.close()
    }

    // MARK: Events

    func upstreamIsReady(_ socket: UpstreamSocket, _ ready: Poller.Interest) {
        guard let descriptor = socket.descriptor else { return }
        do throws(SystemError) {
            if ready.contains(.writable) {
                socket.isConnected = true
                try flush(socket)
            }
            guard ready.contains(.readable) || ready.contains(.failed) else { return }
            for _ in 0..<Self.piecesAtOnce where socket.isOpen {
                switch try Socket.receive(&inbox, from: descriptor) {
                case .nothingYet: return
                case .end: return ended(socket, "the connection was closed")
                case .count(let count): try take(count, from: socket)
                }
            }
        } catch {
            metrics.losses.upstreamSocketFailures.add()
            ended(socket, "\(error)")
        }
    }

    private func take(_ count: Int, from socket: UpstreamSocket) throws(SystemError) {
        switch socket.transport {
        case .datagram:
            // A late datagram is nobody's.
            if case .idle = socket.use { return }
            let message = Array(inbox[..<count])
            if socket.isAnswered(by: message.span) { answered(socket, message) }
        case .stream: take(Array(inbox[..<count]), from: socket)
        case .tls: try unwrap(Array(inbox[..<count]), from: socket)
        }
    }

    /// What TLS makes of octets that came: more to send, plain text, an end. What came before an end is good.
    private func unwrap(_ octets: [UInt8], from socket: UpstreamSocket) throws(SystemError) {
        guard let session = socket.session else { return }
        let output = session.receive(octets.span)
        socket.unsent += output.toSend
        if case .failed(let reason) = session.state {
            // The other side is told why, if it still listens.
            try? flush(socket)
            if !output.plaintext.isEmpty { take(output.plaintext, from: socket) }
            noteTLS(reason, socket)
            return failed(socket, reason)
        }
        try flush(socket)
        if !output.plaintext.isEmpty { take(output.plaintext, from: socket) }
        if socket.isOpen, session.state == .closed { ended(socket, "the connection was closed") }
    }

    /// One line in the log for each new reason, whoever asks and however often: a certificate does not mend itself.
    private func noteTLS(_ reason: String, _ socket: UpstreamSocket) {
        guard socket.upstream.health.note(fault: reason) else { return }
        logger.error(
            "an upstream cannot be asked over TLS",
            metadata: [
                "upstream": "\(socket.upstream.address)", "server name": "\(socket.upstream.serverName?.description ?? "")",
                "error": "\(reason)",
            ])
    }

    /// Octets of a stream, in plain text.
    private func take(_ octets: [UInt8], from socket: UpstreamSocket) {
        // A stream that speaks unasked is not to be trusted.
        if case .idle = socket.use { return close(socket) }
        socket.received += octets
        guard socket.received.count >= 2 else { return }
        let size = Int(socket.received[0]) << 8 | Int(socket.received[1])
        guard socket.received.count >= 2 + size else { return }
        let message = Array(socket.received[2..<(2 + size)])
        socket.received.removeFirst(2 + size)
        guard socket.isAnswered(by: message.span) else { return failed(socket, "an answer to another question came") }
        answered(socket, message)
    }
}
