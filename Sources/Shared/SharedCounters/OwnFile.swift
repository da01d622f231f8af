import Glibc
import RecordTable

/// Whether files and folders are this user's alone.
enum OwnFile {
    /// - Throws: `untrusted` for a file that is not regular, or that another user has or may write.
    static func check(_ file: FileDescriptor, _ path: String) throws(CounterError) -> (size: Int, inode: UInt64) {
        var status = stat()
        // Safe: fstat fills the structure that it is given.
        guard unsafe fstat(file.number, &status) == 0 else { throw .damaged(path: path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .untrusted(path: path, reason: "it is not a regular file") }
        try check(status, path)
        return (Int(status.st_size), UInt64(status.st_ino))
    }

    static func checkFolder(_ path: String) throws(CounterError) {
        var status = stat()
        // Safe: lstat reads a NUL-terminated copy and fills the structure.
        guard unsafe lstat(path, &status) == 0 else {
            throw .system(path: path, call: "lstat", code: errno, reason: String(describing: errno))
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .untrusted(path: path, reason: "it is not a folder") }
        try check(status, path)
    }

    private static func check(_ status: stat, _ path: String) throws(CounterError) {
        guard status.st_uid == geteuid() else {
            throw .untrusted(path: path, reason: "it belongs to user \(status.st_uid), and this process is user \(geteuid())")
        }
        guard status.st_mode & 0o022 == 0 else { throw .untrusted(path: path, reason: "others may write to it") }
    }
}
