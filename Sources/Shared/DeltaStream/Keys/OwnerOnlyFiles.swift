import Glibc
import Synchronization

/// Makes files and sockets that nobody but their owner may open, not even for a moment.
enum OwnerOnlyFiles {
    /// Two at once would restore one another's mask.
    private static let lock = Mutex(())

    /// The mask is the whole process's: what another thread makes meanwhile is its owner's alone too, never more open. The
    /// owner keeps all its rights, as a directory that it could not enter would be of no use.
    static func `while`<R>(_ body: () -> R) -> R {
        lock.withLock { _ in
            let before = umask(0o077)
            defer { umask(before) }
            return body()
        }
    }
}
