import Glibc

/// Reads files that an operator names in a configuration and that may change while the process runs.
///
/// Nothing here waits: a FIFO, a socket or a device in a file's place is an error, not a read that never ends.
public enum RegularFile {
    /// Tells whether a path still leads to the bytes that were read from it: another one after a write, and after a rename or a change of
    /// the symbolic link.
    public struct Identity: Hashable, Sendable {
        public var device: UInt64
        public var inode: UInt64
        /// Bytes.
        public var size: Int64
        /// Nanoseconds since 1970-01-01 UTC.
        public var modified: Int64
        /// The same of the inode's last change, which nobody sets: a write, and a change of permissions too.
        public var changed: Int64

        public init(device: UInt64, inode: UInt64, size: Int64, modified: Int64, changed: Int64) {
            (self.device, self.inode, self.size, self.modified, self.changed) = (device, inode, size, modified, changed)
        }
    }

    public enum Fault: Error, Hashable, Sendable, CustomStringConvertible {
        case failed(SystemError)
        /// A directory, FIFO, socket or device.
        case notRegular
        /// More bytes than the reader takes.
        case tooLarge(limit: Int)

        /// The end of a sentence: `no such file or directory`.
        public var description: String {
            switch self {
            case .failed(let error): error.words
            case .notRegular: "it is not a regular file"
            case .tooLarge(let limit): "it is larger than \(limit) bytes"
            }
        }

        public var isMissing: Bool {
            guard case .failed(let error) = self else { return false }
            return error.code == ENOENT || error.code == ENOTDIR
        }
    }

    /// What stands at `path` now, symbolic links followed.
    public static func identity(_ path: String) throws(Fault) -> Identity {
        var status = stat()
        try call("stat") {
            // Safe: Swift hands over a NUL-terminated copy, and stat fills the structure that it is given.
            unsafe stat(path, &status)
        }
        return try identity(status)
    }

    /// The file, opened for reading, and what it was then.
    static func open(_ path: String) throws(Fault) -> (file: Descriptor, identity: Identity) {
        let raw = try call("open") {
            // Safe: Swift hands over a NUL-terminated copy. O_NONBLOCK is for FIFOs; regular files do not know it.
            unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        }
        let file = Descriptor(raw)
        var status = stat()
        try call("fstat") {
            // Safe: fstat fills the structure that it is given.
            unsafe fstat(file.raw, &status)
        }
        return (file, try identity(status))
    }

    /// - Parameter limit: bytes; a larger file is an error.
    /// - Returns: the bytes, and the identity that the file had just before they were read, so that a later change shows.
    public static func read(_ path: String, limit: Int) throws(Fault) -> (bytes: [UInt8], identity: Identity) {
        let (file, identity) = try open(path)
        guard identity.size <= limit else { throw .tooLarge(limit: limit) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(identity.size))
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = try call("read") {
                // Safe: the length is the array's.
                unsafe Glibc.read(file.raw, &piece, piece.count)
            }
            if count == 0 { return (bytes, identity) }
            // It may grow while it is read.
            guard bytes.count + count <= limit else { throw .tooLarge(limit: limit) }
            bytes += piece[..<count]
        }
    }

    private static func identity(_ status: stat) throws(Fault) -> Identity {
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        return Identity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            modified: nanoseconds(status.st_mtim), changed: nanoseconds(status.st_ctim))
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    @discardableResult
    static func call<Number: FixedWidthInteger & SignedInteger>(
        _ name: String, _ body: () -> Number
    ) throws(Fault) -> Number {
        do throws(SystemError) { return try systemCall(name, body) } catch { throw .failed(error) }
    }
}
