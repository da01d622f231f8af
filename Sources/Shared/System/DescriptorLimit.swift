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

    /// Whether some are left for others, now that this one is in use: the lowest free number is given out, so the number says how many are.
    ///
    /// What a process opens at others' wish must not take the last ones. Not only files and logs need some: libdispatch, on which Swift's tasks
    /// run, opens one of /proc each second while it is busy, and ends the process where it cannot.
    public static func leavesSome(_ descriptor: Descriptor) -> Bool {
        let limit = current
        return Int(descriptor.raw) < limit - min(64, limit / 8)
    }
}
