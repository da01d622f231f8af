import Foundation
import Glibc

/// Sockets of this process, found by what the kernel knows of them and not by who holds them: for faults that come from outside.
/// IPv4 only.
enum OpenSockets {
    /// The socket that takes datagrams on `port`.
    static func datagrams(_ port: UInt16) -> Int32? { all { number($0, SO_TYPE) == Int32(SOCK_DGRAM.rawValue) && local($0) == port }.first }

    /// The socket that waits for connections on `port`.
    static func listener(_ port: UInt16) -> Int32? { all { number($0, SO_ACCEPTCONN) == 1 && local($0) == port }.first }

    /// The server's end of the connection whose other end is `client`.
    static func accepted(from client: Int32) -> Int32? {
        guard let port = local(client) else { return nil }
        return all { number($0, SO_TYPE) == Int32(SOCK_STREAM.rawValue) && peer($0) == port }.first
    }

    private static func all(where matches: (Int32) -> Bool) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { Int32($0) }.filter(matches)
    }

    /// Nil for what is no socket.
    private static func number(_ descriptor: Int32, _ option: Int32) -> Int32? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        // Safe: pointer and size are those of local numbers.
        return unsafe getsockopt(descriptor, SOL_SOCKET, option, &value, &size) == 0 ? value : nil
    }

    // Safe: `port` hands over a structure and its size.
    private static func local(_ descriptor: Int32) -> UInt16? { unsafe port { unsafe getsockname(descriptor, $0, $1) } }

    // Safe: as above.
    private static func peer(_ descriptor: Int32) -> UInt16? { unsafe port { unsafe getpeername(descriptor, $0, $1) } }

    private static func port(_ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) -> UInt16? {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Safe: the kernel writes no more than `size` bytes of the local structure.
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe ask($0, &size) }
        }
        guard result == 0, address.sin_family == sa_family_t(AF_INET) else { return nil }
        return UInt16(bigEndian: address.sin_port)
    }
}
