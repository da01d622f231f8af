import Glibc

/// Standard output or standard error, written with one system call a piece so that lines of several threads do not mix.
///
/// Write errors are ignored: a log reader that went away must not stop the process.
public enum StandardStream: Int32, Sendable {
    case output = 1
    case error = 2

    /// - Returns: whether all of it was written.
    @discardableResult
    public func write(_ text: String) -> Bool {
        write(Array(text.utf8))
    }

    /// - Returns: whether all of it was written.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool {
        var offset = 0
        while offset < bytes.count {
            // Safe: the range lies inside the buffer that the closure lends.
            let written = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(rawValue, buffer.baseAddress! + offset, buffer.count - offset)
            }
            if written > 0 {
                offset += written
            } else if written < 0, errno == EINTR {
                continue
            } else {
                return false
            }
        }
        return true
    }
}
