internal import CMizzenSystem

/// How many files, sockets among them, this process may have open.
public enum DescriptorLimit {
    public static var current: Int { Int(clamping: mz_file_limit()) }

    /// Raises the limit to what the process may have at most: what it is given is often set for programs that use `select`.
    /// As Go's programs do at their start.
    /// - Returns: the limit that holds then.
    @discardableResult
    public static func raise() -> Int {
        // Where that is not allowed, the old one holds.
        _ = mz_raise_file_limit()
        return current
    }
}
