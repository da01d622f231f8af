import Foundation
import Glibc
import Names

@testable import Frontend

/// Asks a server that runs elsewhere: `DNS_TEST_SUBJECT=host:port`, an IPv4 address and a port.
struct SubjectClient {
    private var address = sockaddr_in()

    /// Nil where the environment names no server.
    init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
        guard let subject = environment["DNS_TEST_SUBJECT"], let colon = subject.lastIndex(of: ":"),
            case .v4(let host) = IPAddress(subject[..<colon]), let port = UInt16(subject[subject.index(after: colon)...])
        else { return nil }
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = host.bigEndian
    }

    /// The answer, or nil after three seconds without one.
    func ask(_ packet: [UInt8], _ transport: QueryTransport) -> [UInt8]? {
        let kind = transport == .udp ? SOCK_DGRAM : SOCK_STREAM
        let descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var patience = timeval(tv_sec: 3, tv_usec: 0)
        // Safe: the value lives for the call and has the size that is given.
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var target = address
        // Safe: a sockaddr_in is a sockaddr to the kernel, which reads no more than the size that is given.
        let connected = unsafe withUnsafePointer(to: &target) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return nil }
        let size = [UInt8(packet.count >> 8), UInt8(packet.count & 0xFF)]
        let message = transport == .udp ? packet : size + packet
        // Safe: the array lives for the call and has as many octets as are given.
        guard unsafe send(descriptor, message, message.count, 0) == message.count else { return nil }
        if transport == .udp { return receive(descriptor, atMost: 65_535) }
        guard let head = receive(descriptor, exactly: 2) else { return nil }
        return receive(descriptor, exactly: Int(head[0]) << 8 | Int(head[1]))
    }

    private func receive(_ descriptor: Int32, atMost limit: Int) -> [UInt8]? {
        var octets = [UInt8](repeating: 0, count: limit)
        // Safe: the array lives for the call and has as many octets as are given.
        let count = unsafe recv(descriptor, &octets, limit, 0)
        return count > 0 ? Array(octets.prefix(count)) : nil
    }

    private func receive(_ descriptor: Int32, exactly count: Int) -> [UInt8]? {
        var octets: [UInt8] = []
        while octets.count < count {
            guard let more = receive(descriptor, atMost: count - octets.count) else { return nil }
            octets += more
        }
        return octets
    }
}
