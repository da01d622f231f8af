import CMizzenSystem
import Glibc
import MizzenSystem
import Names
import Synchronization

/// Why there is no connection to a collector, or no longer one.
enum DnstapFault: Error, Equatable {
    case system(SystemError)
    case unknownHost(String, reason: String)
    case timedOut
    case closed
    /// It speaks, but not as a collector does.
    case protocolBroken(FrameStream.Fault)
    case spokeUnasked
    /// What the TLS library says, for an operator.
    case tls(String)

    /// For a log line.
    var words: String {
        switch self {
        case .system(let error): error.words
        case .unknownHost(let host, let reason): "the host '\(host)' has no address: \(reason)"
        case .timedOut: "the collector does not answer, or takes nothing more"
        case .closed: "the collector closed the connection"
        case .protocolBroken(.contentTypeRefused): "the collector does not take protobuf:dnstap.Dnstap"
        case .protocolBroken(let fault): "the other side does not speak bidirectional Frame Streams (\(fault))"
        case .spokeUnasked: "the collector sent something where it has nothing to say"
        case .tls(let reason): reason
        }
    }
}

/// A Frame Stream to a collector, used by one thread: every call may wait for as long as `DnstapPatience` says.
final class DnstapConnection {
    /// One TLS record's plaintext at most (RFC 8446 section 5.1).
    private static let recordSize = 16_384

    private let socket: Descriptor
    private let patience: DnstapPatience
    private let session: TLSSession?
    /// What has come over TLS, in plain text, and nobody has taken.
    private var plaintext: [UInt8] = []

    private init(_ socket: Descriptor, _ session: TLSSession?, _ patience: DnstapPatience) {
        self.socket = socket
        self.session = session
        self.patience = patience
    }

    /// Connects and shakes hands: TLS where the endpoint is behind it, then READY, ACCEPT, START.
    static func open(_ output: DnstapOutput, _ patience: DnstapPatience) throws(DnstapFault) -> DnstapConnection {
        let connection = DnstapConnection(try connected(output.settings, patience), try session(output), patience)
        try connection.protect()
        try connection.send(FrameStream.encode(.ready, contentType: FrameStream.dnstap))
        try connection.expect(.accept, contentType: FrameStream.dnstap)
        try connection.send(FrameStream.encode(.start, contentType: FrameStream.dnstap))
        return connection
    }

    private static func session(_ output: DnstapOutput) throws(DnstapFault) -> TLSSession? {
        guard case .tls(let name, _) = output.settings.endpoint else { return nil }
        // Nothing may go out in plain text that was to be protected.
        guard let configuration = output.tls, let session = try? TLSSession(configuration, serverName: name) else {
            throw .tls("TLS cannot be set up")
        }
        return session
    }

    /// Ends the stream: STOP, FINISH.
    func finish() throws(DnstapFault) {
        try send(FrameStream.encode(.stop, contentType: nil))
        try expect(.finish, contentType: nil)
        if let session { try sendRaw(session.close()) }
    }

    var descriptor: Int32 { socket.raw }

    /// Finds out whether the other side has gone, without waiting.
    func check() throws(DnstapFault) {
        var byte: [UInt8] = [0]
        switch try receive(&byte) {
        case .nothingYet: return
        case .end: throw .closed
        case .count: throw .spokeUnasked
        }
    }

    /// Sends the range; `sent` moves on with what the kernel has taken, also where this fails. Over TLS that goes by records.
    func send(_ bytes: [UInt8], _ range: Range<Int>, sent: inout Int) throws(DnstapFault) {
        sent = range.lowerBound
        guard let session else { return try sendRaw(bytes, range, sent: &sent) }
        while sent < range.upperBound {
            let end = min(range.upperBound, sent + Self.recordSize)
            try sendRaw(session.send(Array(bytes[sent..<end])))
            try checkSession()
            sent = end
        }
    }

    private func send(_ bytes: [UInt8]) throws(DnstapFault) {
        var sent = 0
        try send(bytes, 0..<bytes.count, sent: &sent)
    }

    private func sendRaw(_ bytes: [UInt8]) throws(DnstapFault) {
        var sent = 0
        try sendRaw(bytes, 0..<bytes.count, sent: &sent)
    }

    private func sendRaw(_ bytes: [UInt8], _ range: Range<Int>, sent: inout Int) throws(DnstapFault) {
        while sent < range.upperBound {
            let count: Int
            do {
                count = try Socket.send(bytes.span.extracting(sent..<range.upperBound), on: socket)
            } catch {
                throw .system(error)
            }
            sent += count
            if count == 0, try !patience.wait(socket.raw, UInt32(MZ_WRITABLE)) { throw .timedOut }
        }
    }

    // MARK: TLS

    /// The handshake. Nothing to do without TLS.
    private func protect() throws(DnstapFault) {
        guard let session else { return }
        try sendRaw(session.start())
        while session.state == .handshaking {
            guard try patience.wait(socket.raw, UInt32(MZ_READABLE)) else { throw .timedOut }
            if try !unwrap(session) { session.connectionEnded() }
            try checkSession()
        }
        try checkSession()
    }

    private func checkSession() throws(DnstapFault) {
        switch session?.state {
        case .failed(let reason): throw .tls(reason)
        case .closed: throw .closed
        case .handshaking, .open, nil: return
        }
    }

    /// Takes what has come from the socket, and answers it where TLS has to. False at the connection's end.
    private func unwrap(_ session: TLSSession) throws(DnstapFault) -> Bool {
        var piece = [UInt8](repeating: 0, count: Self.recordSize)
        switch try receiveRaw(&piece) {
        case .nothingYet: return true
        case .end: return false
        case .count(let count):
            let output = session.receive(piece.span.extracting(0..<count))
            plaintext += output.plaintext
            // Where the session has failed this tells the other side why, if it still listens.
            if case .failed = session.state { _ = try? sendRaw(output.toSend) } else { try sendRaw(output.toSend) }
            return true
        }
    }

    // MARK: Frames

    private func expect(_ control: FrameStream.Control, contentType: [UInt8]?) throws(DnstapFault) {
        let head = try receive(exactly: 8)
        let length = try checked { () throws(FrameStream.Fault) in try FrameStream.controlLength(head) }
        let frame = try receive(exactly: length)
        try checked { () throws(FrameStream.Fault) in try FrameStream.check(frame, is: control, contentType: contentType) }
    }

    private func checked<Found>(_ body: () throws(FrameStream.Fault) -> Found) throws(DnstapFault) -> Found {
        do throws(FrameStream.Fault) {
            return try body()
        } catch {
            throw .protocolBroken(error)
        }
    }

    private func receive(exactly count: Int) throws(DnstapFault) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var piece = [UInt8](repeating: 0, count: count - bytes.count)
            switch try receive(&piece) {
            case .count(let found): bytes += piece[..<found]
            case .end: throw .closed
            case .nothingYet: if try !patience.wait(socket.raw, UInt32(MZ_READABLE)) { throw .timedOut }
            }
        }
        return bytes
    }

    /// Receives plain text into the front of `bytes`.
    private func receive(_ bytes: inout [UInt8]) throws(DnstapFault) -> Socket.Received {
        guard let session else { return try receiveRaw(&bytes) }
        if plaintext.isEmpty {
            guard try unwrap(session) else { return .end }
            if plaintext.isEmpty {
                try checkSession()
                return .nothingYet
            }
        }
        let count = min(bytes.count, plaintext.count)
        bytes.replaceSubrange(0..<count, with: plaintext[..<count])
        plaintext.removeFirst(count)
        return .count(count)
    }

    private func receiveRaw(_ bytes: inout [UInt8]) throws(DnstapFault) -> Socket.Received {
        do {
            return try Socket.receive(&bytes, from: socket)
        } catch {
            throw .system(error)
        }
    }

    // MARK: Connecting

    private static func connected(_ settings: DnstapSettings, _ patience: DnstapPatience) throws(DnstapFault) -> Descriptor {
        switch settings.endpoint {
        case .local(let path):
            do {
                let socket = Descriptor(try systemCall("socket") { mz_local_socket() })
                // Safe: Swift hands over a NUL-terminated copy.
                try systemCall("connect") { unsafe mz_connect_local(socket.raw, path) }
                return socket
            } catch {
                throw .system(error)
            }
        case .tcp(let host, let port): return try connected(host, port, settings, patience)
        case .tls(let name, let port): return try connected(name.description, port, settings, patience)
        }
    }

    /// To the first address of the host that takes the connection.
    private static func connected(
        _ host: String, _ port: UInt16, _ settings: DnstapSettings, _ patience: DnstapPatience
    ) throws(DnstapFault) -> Descriptor {
        var last = DnstapFault.timedOut
        for address in try addresses(of: host) {
            do throws(DnstapFault) {
                let socket = try connected(SocketAddress(address: address, port: port), patience)
                // Best effort: the kernel caps it at net.core.wmem_max.
                _ = mz_set_send_buffer(socket.raw, Int32(clamping: settings.writeBuffer << 20))
                return socket
            } catch {
                last = error
            }
        }
        throw last
    }

    private static func connected(_ address: SocketAddress, _ patience: DnstapPatience) throws(DnstapFault) -> Descriptor {
        let socket: Descriptor
        do {
            socket = try Socket.connecting(.stream, to: address)
        } catch {
            throw .system(error)
        }
        guard try patience.wait(socket.raw, UInt32(MZ_WRITABLE)) else { throw .timedOut }
        let code = mz_socket_error(socket.raw)
        if code != 0 { throw .system(SystemError(call: "connect", code: code)) }
        return socket
    }

    private static func addresses(of host: String) throws(DnstapFault) -> [IPAddress] {
        if let address = IPAddress(host) { return [address] }
        var found = [mz_interface_address](repeating: mz_interface_address(), count: 8)
        // Safe: the capacity is the array's; Swift hands over a NUL-terminated copy of the host.
        let count = unsafe mz_resolve(host, &found, Int32(found.count))
        guard count > 0 else {
            // Safe: the text is a constant of the C library.
            let reason = count == 0 ? "none that is IPv4 or IPv6" : unsafe String(cString: mz_resolve_reason(count))
            throw .unknownHost(host, reason: reason)
        }
        return found[..<Int(count)].compactMap { one in
            // Safe: the bytes are copied while they are lent.
            IPAddress(bytes: unsafe withUnsafeBytes(of: one.bytes) { unsafe Array($0.prefix(Int(one.length))) })
        }
    }
}

/// How long the thread of an output waits for its collector.
struct DnstapPatience {
    let output: DnstapOutput

    /// Waits until the descriptor is ready (`MZ_READABLE`, `MZ_WRITABLE`), or failed.
    ///
    /// - Returns: false when that took too long, or the output has to end.
    func wait(_ descriptor: Int32, _ interest: UInt32) throws(DnstapFault) -> Bool {
        let limit = MonotonicClock.nanoseconds() + output.limits.patience.nanoseconds
        while true {
            let left = min(limit, output.endBy.load(ordering: .acquiring)) - MonotonicClock.nanoseconds()
            if left <= 0 { return false }
            let found = mz_wait_or_wake(
                descriptor, interest, output.waker.descriptor.raw, Int32(clamping: (left + 999_999) / 1_000_000))
            if found < 0 { throw .timedOut }
            // It is woken for messages too, which wait their turn, and when it has to end.
            if found & Int32(MZ_WOKEN) != 0 { output.waker.clear() }
            if found & ~Int32(MZ_WOKEN) != 0 { return true }
        }
    }
}
