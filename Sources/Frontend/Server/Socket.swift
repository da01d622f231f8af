import MizzenSystem
import CMizzenSystem
import Glibc
import Names

/// An address and a port, as text `192.0.2.1:53` or `[2001:db8::1]:53`.
struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    var address: IPAddress
    var port: UInt16
    /// The interface of a link-local IPv6 address, else 0.
    var scope: UInt32 = 0

    var isV6: Bool {
        if case .v6 = address { true } else { false }
    }

    var description: String { isV6 ? "[\(address)]:\(port)" : "\(address):\(port)" }

    static let anyV4 = IPAddress.v4(0)
    static let anyV6 = IPAddress.v6(high: 0, low: 0)
    /// Whether it stands for every address of the host.
    var isWildcard: Bool { address == Self.anyV4 || address == Self.anyV6 }
}

extension SocketAddress {
    /// From a C function that writes an address's octets and port, and returns how many octets there are.
    init?(_ read: (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt16>) -> Int32) {
        var bytes = InlineArray<16, UInt8>(repeating: 0)
        var port: UInt16 = 0
        var room = bytes.mutableSpan
        // Safe: room for the 16 octets that there are at most.
        let count = unsafe room.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return Int32(0) }
            return unsafe read(start, &port)
        }
        guard let address = IPAddress(octets: bytes.span.extracting(0..<Int(max(0, count)))) else { return nil }
        self.init(address: address, port: port)
    }
}

/// Sockets as this server uses them: non-blocking, closed by `Descriptor`.
enum Socket {
    enum Kind { case datagram, stream }

    /// A socket that listens on `address`; other processes and threads may listen on it too (SO_REUSEPORT).
    static func listening(_ kind: Kind, on address: SocketAddress) throws(SystemError) -> Descriptor {
        let descriptor = try new(kind, isV6: address.isV6)
        try systemCall("setsockopt") { mz_set_shared(descriptor.raw) }
        switch kind {
        case .stream:
            // Accepted connections inherit them. A client that does not read may fill no more of the kernel than this.
            _ = mz_set_send_buffer(descriptor.raw, 128 << 10)
            _ = mz_set_receive_buffer(descriptor.raw, 64 << 10)
        case .datagram:
            if address.isWildcard {
                try systemCall("setsockopt") { mz_set_packet_info(descriptor.raw, address.isV6 ? 1 : 0) }
            }
            // Best effort: the kernel caps it at net.core.rmem_max.
            _ = mz_set_receive_buffer(descriptor.raw, 4 << 20)
        }
        let bytes = address.address.bytes
        try systemCall("bind") {
            // Safe: the array lives through the call and its length goes with it.
            unsafe bytes.withUnsafeBufferPointer {
                unsafe mz_bind(descriptor.raw, $0.baseAddress, $0.count, address.port, address.scope)
            }
        }
        if kind == .stream { try systemCall("listen") { listen(descriptor.raw, 1024) } }
        return descriptor
    }

    /// A socket connected to `address`, or on its way there (a stream is writable once it is there).
    static func connecting(_ kind: Kind, to address: SocketAddress) throws(SystemError) -> Descriptor {
        let descriptor = try new(kind, isV6: address.isV6)
        let bytes = address.address.bytes
        do {
            try systemCall("connect") {
                // Safe: the array lives through the call and its length goes with it.
                unsafe bytes.withUnsafeBufferPointer {
                    unsafe mz_connect(descriptor.raw, $0.baseAddress, $0.count, address.port, address.scope)
                }
            }
        } catch {
            guard error.code == EINPROGRESS else { throw error }
        }
        if kind == .stream { _ = mz_set_no_delay(descriptor.raw) }
        return descriptor
    }

    /// Gives a connected datagram socket another port of its own, drawn by the kernel at random; what has come to the old one is thrown away.
    static func renewPort(of descriptor: Descriptor) throws(SystemError) {
        try systemCall("connect") { mz_renew_port(descriptor.raw) }
    }

    /// Has the kernel give new datagrams to the other sockets of the address: one that is connected takes only its peer's, and its peer is
    /// nobody. What has arrived stays, and answers to anybody can be sent.
    static func leaveGroup(_ descriptor: Descriptor, at address: SocketAddress) {
        let nobody = address.isWildcard ? (address.isV6 ? IPAddress.v6(high: 0, low: 1) : .v4(0x7F00_0001)) : address.address
        let bytes = nobody.bytes
        // Safe: the array lives through the call and its length goes with it. Where that fails, the socket is as it was.
        _ = unsafe bytes.withUnsafeBufferPointer { unsafe mz_connect(descriptor.raw, $0.baseAddress, $0.count, 1, address.scope) }
    }

    private static func new(_ kind: Kind, isV6: Bool) throws(SystemError) -> Descriptor {
        Descriptor(try systemCall("socket") { mz_socket(isV6 ? 1 : 0, kind == .stream ? 1 : 0) })
    }

    static func boundPort(_ descriptor: Descriptor) throws(SystemError) -> UInt16 {
        UInt16(try systemCall("getsockname") { mz_bound_port(descriptor.raw) })
    }

    /// The other end of a connection; nil once it is gone.
    static func peer(of descriptor: Descriptor) -> SocketAddress? {
        // Safe: the initialiser gives room for both.
        unsafe SocketAddress { bytes, port in unsafe mz_peer_address(descriptor.raw, bytes, port) }
    }

    /// Datagrams dropped by the kernel because the socket's buffer was full, since it was opened; wraps. Nil where it does not say.
    static func drops(of descriptor: Descriptor) -> UInt32? {
        var drops: UInt32 = 0
        // Safe: the pointer is to a local number.
        return unsafe mz_socket_drops(descriptor.raw, &drops) == 0 ? drops : nil
    }

    /// The next connection that waits, and whose it is; nil when there is none.
    static func accept(_ listener: Descriptor) throws(SystemError) -> (descriptor: Descriptor, peer: IPAddress)? {
        var found = mz_interface_address()
        do {
            // Safe: the pointer is to this frame's struct, for the call.
            let raw = try systemCall("accept4") { unsafe mz_accept(listener.raw, &found) }
            _ = mz_set_no_delay(raw)
            return (Descriptor(raw), IPAddress(found) ?? SocketAddress.anyV4)
        } catch {
            // A connection that ended while it waited is nobody's fault.
            if error.wouldBlock || error.code == ECONNABORTED { return nil }
            throw error
        }
    }

    /// Sends what fits now. Returns how much; 0 when nothing does.
    static func send(_ bytes: Span<UInt8>, on descriptor: Descriptor) throws(SystemError) -> Int {
        do {
            return try systemCall("send") {
                // Safe: the span is valid for the call and its count goes with it.
                unsafe bytes.withUnsafeBufferPointer { unsafe mz_send(descriptor.raw, $0.baseAddress, $0.count) }
            }
        } catch {
            if error.wouldBlock { return 0 }
            throw error
        }
    }

    enum Received: Equatable {
        case count(Int)
        /// The peer sends no more.
        case end
        case nothingYet
    }

    /// Receives into the front of `buffer`.
    static func receive(_ buffer: inout [UInt8], from descriptor: Descriptor) throws(SystemError) -> Received {
        do {
            let count = try systemCall("recv") {
                // Safe: the array is as long as its count says.
                unsafe buffer.withUnsafeMutableBufferPointer {
                    unsafe mz_receive(descriptor.raw, $0.baseAddress, $0.count)
                }
            }
            return count == 0 ? .end : .count(count)
        } catch {
            if error.wouldBlock { return .nothingYet }
            throw error
        }
    }

    /// The addresses of an interface, nil when there is none of that name; those of all interfaces for a nil name.
    static func addresses(ofInterface name: String?) throws(SystemError) -> [SocketAddress]? {
        // Safe: a struct of numbers, all zero.
        var found = [mz_interface_address](repeating: mz_interface_address(), count: 256)
        let count = Int(
            try systemCall("getifaddrs") {
                // Safe: the count of the array goes with its pointer.
                unsafe found.withUnsafeMutableBufferPointer {
                    unsafe mz_interface_addresses(name, $0.baseAddress, Int32($0.count))
                }
            })
        if count == 0 { return nil }
        return found.prefix(min(count, found.count)).compactMap { entry in
            IPAddress(entry).map { SocketAddress(address: $0, port: 0, scope: entry.scope) }
        }
    }
}

extension IPAddress {
    /// Nil for another family than IPv4 and IPv6.
    fileprivate init?(_ found: mz_interface_address) {
        // Safe: the octets are the struct's own, and copied.
        self.init(bytes: unsafe withUnsafeBytes(of: found.bytes) { unsafe Array($0.prefix(Int(found.length))) })
    }
}
