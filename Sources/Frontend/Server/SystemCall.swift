import Glibc

/// A system call that failed.
struct SystemError: Error, Equatable, CustomStringConvertible {
    /// The call's name in the manual, `bind`.
    var call: String
    /// The errno value.
    var code: Int32

    var description: String {
        // Safe: strerror's text is copied at once; other threads may only swap one message for another.
        "\(call): \(unsafe String(cString: strerror(code)))"
    }

    var wouldBlock: Bool { code == EAGAIN || code == EWOULDBLOCK }
}

/// The one door to the kernel: runs `body` until it is not interrupted.
///
/// - Parameter body: a call that returns -1 and sets errno when it fails; nothing may run between the call and its
///   return.
/// - Returns: what the call returned, 0 or more.
@discardableResult
func systemCall<Number: FixedWidthInteger & SignedInteger>(
    _ name: String, _ body: () -> Number
) throws(SystemError) -> Number {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = errno
        if code != EINTR { throw SystemError(call: name, code: code) }
    }
}

/// A file descriptor that is closed when nobody holds it any more.
final class Descriptor: Sendable {
    let raw: Int32

    /// Takes over `raw`.
    init(_ raw: Int32) { self.raw = raw }

    deinit { close(raw) }
}
