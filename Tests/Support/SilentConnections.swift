import Foundation
import Glibc

/// Connections to one port or socket file, on which nothing is ever said; closed with the value.
package final class SilentConnections: Sendable {
    package enum Door: Sendable {
        case port(UInt16)
        case file(String)
    }

    private let sockets: [Int32]

    /// Opens them one after another, as fast as the system takes them. What is not taken counts too: it waits at the door.
    package init(_ count: Int, to door: Door) {
        var limit = rlimit()
        // Safe: fills the struct, and reads it.
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            limit.rlim_cur = limit.rlim_max
            unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        sockets = (0..<count).map { _ in Self.connecting(to: door) }
    }

    deinit { for socket in sockets where socket >= 0 { close(socket) } }

    /// - Returns: how many of them the other side has closed.
    package var closed: Int {
        sockets.count { socket in
            var byte: UInt8 = 0
            // Safe: room for the one byte.
            let count = unsafe recv(socket, &byte, 1, Int32(MSG_DONTWAIT))
            return count == 0 || (count < 0 && errno != EAGAIN)
        }
    }

    private static func connecting(to door: Door) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        switch door {
        case .port(let port):
            let socket = Glibc.socket(AF_INET, kind, 0)
            var address = loopback(port)
            // Safe: the pointer and its size are those of one local structure.
            _ = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            return socket
        case .file(let path):
            let socket = Glibc.socket(AF_UNIX, kind, 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            // Safe: paths of tests are shorter than the field.
            unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8).prefix(107)) }
            // Safe: the pointer and its size are those of one local structure.
            _ = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            return socket
        }
    }
}
