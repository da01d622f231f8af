import Glibc
import MizzenSystem
import Names
import TestSupport

@testable import Frontend

/// Moves a session's octets over a socket, on the caller's thread and waiting for the other side, at most `patience` at a time.
final class TLSConnection {
    let session: TLSSession
    private let descriptor: Descriptor
    /// What was said and not yet taken.
    private(set) var plaintext: [UInt8] = []
    /// How many octets the session is given at once.
    var pieceSize = Int.max
    var patience: Int32 = 10_000
    /// Changes what came before the session sees it, as somebody on the way might.
    var onTheWay: ([UInt8]) -> [UInt8] = { $0 }

    init(port: UInt16, _ configuration: TLSClientConfiguration, as serverName: TLSServerName) throws {
        session = try TLSSession(configuration, serverName: serverName)
        descriptor = try Socket.connecting(.stream, to: SocketAddress(address: .v4(0x7F00_0001), port: port))
        guard wait(for: POLLOUT) else { throw DidNotHappen(description: "no connection to port \(port)") }
        try send(session.start())
    }

    /// Goes on until the handshake is over, one way or the other.
    func handshake() throws -> TLSSession.State {
        while session.state == .handshaking, try step() {}
        return session.state
    }

    /// Asks over the connection as RFC 7858 says; nil if it ends before the answer is there.
    func ask(_ name: String, id: UInt16) throws -> [UInt8]? {
        try say(framed(TestPacket.query(name, .a, id: id)))
        guard let head = try hear(2) else { return nil }
        return try hear(Int(head[0]) << 8 | Int(head[1]))
    }

    func framed(_ message: [UInt8]) -> [UInt8] { [UInt8(message.count >> 8), UInt8(message.count & 0xFF)] + message }

    func say(_ text: [UInt8]) throws { try send(session.send(text)) }

    func hear(_ count: Int) throws -> [UInt8]? {
        // What came before an end counts.
        while plaintext.count < count { guard try step() || plaintext.count >= count else { return nil } }
        defer { plaintext.removeFirst(count) }
        return Array(plaintext.prefix(count))
    }

    func close() throws { try send(session.close()) }

    /// Takes what the other side sent next.
    /// - Returns: whether the connection is still of use; false too if nothing came in time.
    func step() throws -> Bool {
        guard session.state == .handshaking || session.state == .open, wait(for: POLLIN) else { return false }
        var inbox = [UInt8](repeating: 0, count: 16_384)
        guard case .count(let count) = try Socket.receive(&inbox, from: descriptor) else {
            session.connectionEnded()
            return false
        }
        var rest = onTheWay(Array(inbox[..<count]))[...]
        while !rest.isEmpty {
            let output = session.receive(Array(rest.prefix(pieceSize)).span)
            rest = rest.dropFirst(pieceSize)
            plaintext += output.plaintext
            try send(output.toSend)
        }
        return session.state == .handshaking || session.state == .open
    }

    private func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty, wait(for: POLLOUT) {
            // Whoever has closed the connection does not hear the rest.
            guard let count = try? Socket.send(Array(rest).span, on: descriptor) else { return }
            rest = rest.dropFirst(count)
        }
    }

    private func wait(for events: Int32) -> Bool {
        var entry = pollfd(fd: descriptor.raw, events: Int16(events), revents: 0)
        // Safe: one local structure, and the count says so.
        return unsafe poll(&entry, 1, patience) > 0
    }
}
