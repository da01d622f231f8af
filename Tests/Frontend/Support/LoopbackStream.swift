import Glibc
import MizzenSystem
import TestSupport

@testable import Frontend

/// TCP connections on loopback from a source address of one's choice: many clients on one host.
enum LoopbackStream {
    /// 127.0.`network`.`host`.
    static func address(_ network: Int, _ host: Int = 1) -> UInt32 { 0x7F00_0000 | UInt32(network) << 8 | UInt32(host) }

    /// A connection that is there, non-blocking.
    ///
    /// - Parameter buffers: octets that the client's kernel keeps in either direction; nil for the system's choice.
    static func connect(from source: UInt32, to port: UInt16, buffers: Int32? = nil) throws -> Descriptor {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let stream = Descriptor(try systemCall("socket") { socket(AF_INET, kind, 0) })
        if var buffers {
            for option in [SO_RCVBUF, SO_SNDBUF] {
                // Safe: the value lives for the call and has the size that is given.
                unsafe setsockopt(stream.raw, SOL_SOCKET, option, &buffers, socklen_t(MemoryLayout<Int32>.size))
            }
        }
        // Safe: here and below the address is that of a struct of `with`, and the length is the struct's.
        unsafe try with(source, 0) { address in try systemCall("bind") { unsafe bind(stream.raw, address, length) } }
        unsafe try with(address(0), port) { address in try systemCall("connect") { unsafe Glibc.connect(stream.raw, address, length) } }
        try systemCall("fcntl") { fcntl(stream.raw, F_SETFL, O_NONBLOCK) }
        return stream
    }

    private static let length = socklen_t(MemoryLayout<sockaddr_in>.size)

    private static func with(_ host: UInt32, _ port: UInt16, _ body: (UnsafePointer<sockaddr>) throws -> Int32) throws {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = host.bigEndian
        // Safe: a sockaddr_in is a sockaddr to the kernel, which reads no more than the size that is given.
        _ = unsafe try withUnsafePointer(to: &name) { pointer in
            unsafe try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe try body($0) }
        }
    }

    /// Raises what this process, and those that it starts, may have open.
    static func allowDescriptors(_ count: UInt) throws {
        var limit = rlimit()
        // Safe: both calls have this frame's struct.
        unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        if limit.rlim_cur >= count { return }
        limit.rlim_cur = count
        limit.rlim_max = max(limit.rlim_max, count)
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw DidNotHappen(description: "this test needs \(count) descriptors: raise the hard limit (ulimit -Hn), or run it as root")
        }
    }

    /// Asks over a stream that is open, and waits for the answer.
    static func ask(_ packet: [UInt8], on stream: Descriptor) throws -> [UInt8]? {
        _ = try Socket.send(([UInt8(packet.count >> 8), UInt8(truncatingIfNeeded: packet.count)] + packet).span, on: stream)
        return try TestClient.read(1, from: stream).first
    }

    /// Whether the other side has ended it, with whatever is left to be read passed over.
    static func hasEnded(_ stream: Descriptor) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            do throws(SystemError) {
                switch try Socket.receive(&buffer, from: stream) {
                case .end: return true
                case .nothingYet: return false
                case .count: continue
                }
            } catch {
                return true
            }
        }
    }
}
