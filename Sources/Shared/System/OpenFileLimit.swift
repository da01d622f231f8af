import CMizzenSystem

/// How many descriptors this process may have open.
public enum OpenFileLimit {
    /// Takes as many as it may give itself (RLIMIT_NOFILE, from the soft limit to the hard one), as Go's programs do at their start. Supervisors
    /// leave the soft one at 1,024 for programs that use `select`, and expect others to raise it.
    public static func raise() { _ = mz_raise_file_limit() }
}
