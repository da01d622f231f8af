import Glibc

/// A system call that failed.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call's name in the manual, `bind`.
    public var call: String
    /// The errno value.
    public var code: Int32

    public init(call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    /// `bind: Address already in use`.
    public var description: String { "\(call): \(reason)" }

    /// What the system says of the code, `Address already in use`.
    public var reason: String {
        // Safe: strerror's text is copied at once; other threads may only swap one message for another.
        unsafe String(cString: strerror(code))
    }

    public var wouldBlock: Bool { code == EAGAIN || code == EWOULDBLOCK }
}

/// The one door to the kernel: runs `body` until it is not interrupted.
///
/// - Parameter body: a call that returns -1 and sets errno when it fails; nothing may run between the call and its
///   return.
/// - Returns: what the call returned, 0 or more.
@discardableResult
@inlinable
public func systemCall<Number: FixedWidthInteger & SignedInteger>(
    _ name: @autoclosure () -> String, _ body: () -> Number
) throws(SystemError) -> Number {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = lastErrorNumber()
        if !isInterruption(code) { throw SystemError(call: name(), code: code) }
    }
}

// For code that is inlined into modules that do not see Glibc through this one.

@usableFromInline
func lastErrorNumber() -> Int32 { errno }

@usableFromInline
func isInterruption(_ code: Int32) -> Bool { code == EINTR }

/// A file descriptor that is closed when nobody holds it any more.
public final class Descriptor: Sendable {
    public let raw: Int32

    /// Takes over `raw`.
    public init(_ raw: Int32) { self.raw = raw }

    deinit { close(raw) }
}
