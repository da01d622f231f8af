import Glibc

/// A port on 127.0.0.1 that nobody used a moment ago, for UDP and TCP.
package func freePort() -> UInt16 {
    for _ in 0..<100 {
        let port = UInt16.random(in: 20_000...32_000)
        if canBind(port, SOCK_STREAM), canBind(port, SOCK_DGRAM) { return port }
    }
    preconditionFailure("no free port among a hundred tried")
}

private func canBind(_ port: UInt16, _ kind: __socket_type) -> Bool {
    let socket = Glibc.socket(AF_INET, Int32(kind.rawValue), 0)
    defer { close(socket) }
    var address = loopback(port)
    // Safe: the pointer and its size are those of one local structure.
    return unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
}
