import Glibc

/// A port on 127.0.0.1 for UDP and TCP that nobody uses, and that no other test is given as long as this process lives.
///
/// It lies outside the range from which the kernel takes ports of its own accord (`net.ipv4.ip_local_port_range`), so that no
/// connection happens to have it when the process that it is meant for binds it.
/// - Parameter candidates: the ports to try, in this order.
package func freePort(among candidates: some Sequence<UInt16> = portsForTests()) -> UInt16 {
    for port in candidates where reserve(port) && canBind(port, SOCK_STREAM) && canBind(port, SOCK_DGRAM) { return port }
    preconditionFailure("no free port for tests: all are taken")
}

/// Below Linux's usual range for itself, above what services usually have.
private let testPorts: ClosedRange<UInt16> = 10_240...32_500

/// What the kernel gives to sockets that ask for any port; nil where it does not say.
package let kernelPorts: ClosedRange<UInt16>? = {
    // Safe: open reads the terminated path.
    let file = unsafe open("/proc/sys/net/ipv4/ip_local_port_range", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 64)
    // Safe: the length is the array's.
    let count = unsafe read(file, &text, text.count)
    let words = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(whereSeparator: \.isWhitespace)
    let numbers = words.compactMap { UInt16($0) }
    guard numbers.count == 2, numbers[0] <= numbers[1] else { return nil }
    return numbers[0]...numbers[1]
}()

/// All that may be given, from a random one on: other test runs seldom stand in the way.
package func portsForTests() -> some Sequence<UInt16> {
    let first = UInt16.random(in: testPorts)
    return [first...testPorts.upperBound, testPorts.lowerBound...first].lazy.joined().filter { kernelPorts?.contains($0) != true }
}

/// Takes the name that stands for `port` among all processes of this network namespace.
///
/// The name is that of a local socket that is never closed: it goes with the process, however that ends, and leaves no file behind.
/// - Returns: whether nobody had it, this process included.
private func reserve(_ port: UInt16) -> Bool {
    let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return false }
    // An abstract name (unix(7)) begins with a NUL; it ends where the length says.
    let name = [0] + Array("mizzen-test-port-\(port)".utf8)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // Safe: the name is shorter than the 108 bytes of the field that it is copied into.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
    // Safe: the pointer is to one local structure; the length ends within it.
    let isOurs = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(socket, $0, socklen_t(MemoryLayout<sa_family_t>.size + name.count)) == 0
        }
    }
    if !isOurs { close(socket) }
    return isOurs
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
