import Glibc
import MizzenSystem
import Names

@testable import Frontend

extension TestClient {
    /// Sends one datagram from an address of 127.0.0.0/8 to an IPv4 address and returns the first one back.
    static func ask(_ packet: [UInt8], _ address: SocketAddress, from source: UInt32) throws -> [UInt8] {
        let socket = try Socket.listening(.datagram, on: SocketAddress(address: .v4(source), port: 0))
        guard case .v4(let host) = address.address else { throw NoAnswer() }
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = address.port.bigEndian
        target.sin_addr.s_addr = host.bigEndian
        // Safe: a sockaddr_in is a sockaddr to the kernel, which reads no more than the size that is given.
        let connected = unsafe withUnsafePointer(to: &target) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(socket.raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw NoAnswer() }
        _ = try Socket.send(packet.span, on: socket)
        return try receive(socket)
    }
}
