import Glibc

extension SystemError {
    /// What the code means to an operator, as the end of a sentence: `connection refused`.
    public var words: String { Self.words(code) }

    /// - Parameter code: an errno value.
    public static func words(_ code: Int32) -> String {
        switch code {
        case ECONNREFUSED: return "connection refused"
        case ECONNRESET, ECONNABORTED, EPIPE: return "the connection was closed"
        case ETIMEDOUT: return "the other side does not acknowledge what is sent"
        case EHOSTUNREACH, ENETUNREACH, ENETDOWN: return "no route to it"
        case EADDRINUSE: return "the address is in use"
        case EADDRNOTAVAIL, ENODEV: return "this host has no such address"
        case EACCES, EPERM: return "permission denied"
        case EMFILE, ENFILE: return "no file descriptor is left"
        default:
            let reason = SystemError(call: "", code: code).reason
            return reason.prefix(1).lowercased() + reason.dropFirst()
        }
    }
}
