import Glibc

/// Writes a file beside another, and puts it in the other's place in one step, when it is whole: whoever opens the path finds the one or the
/// other. What a process leaves half written, because it is killed, stays beside it, and the next one writes over it.
///
/// Nothing is forced to a disk: after a power loss the file may be the older one, empty, or cut short. Who reads it has to notice.
public struct FileReplacement: ~Copyable {
    /// Writes as `write(2)` does: how many bytes, or -1 with errno. Tests put short writes and faults in its place.
    public typealias Write = @Sendable (_ descriptor: Int32, ArraySlice<UInt8>) -> Int

    public static let systemWrite: Write = { descriptor, bytes in
        // Safe: reads as many bytes as the slice has.
        unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }

    /// What is missing is `.new` behind the path.
    private let path: String
    private let file: Descriptor
    private let write: Write
    /// Whether what stands beside the path is this one's.
    private var isOurs = true
    /// Bytes written so far.
    public private(set) var size = 0

    private var temporary: String { "\(path).new" }

    /// - Throws: `EWOULDBLOCK` of `flock` while another process, or thread, writes a file for this path.
    public init(of path: String, write: @escaping Write = systemWrite) throws(SystemError) {
        let file = try Self.make("\(path).new")
        (self.path, self.write, self.file) = (path, write, file)
    }

    /// An empty file that is this process's alone.
    private static func make(_ path: String) throws(SystemError) -> Descriptor {
        // Safe: Swift hands over a NUL-terminated copy. Nothing is cut before the lock says that it is nobody's.
        let file = Descriptor(
            try systemCall("open") { unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600) })
        try systemCall("flock") { flock(file.raw, LOCK_EX | LOCK_NB) }
        // Between the two calls another may have put it in its place, or removed it: then it is not what stands at the path any more.
        var (own, there) = (stat(), stat())
        // Safe: both fill the structures that they are given; the path is a NUL-terminated copy.
        try systemCall("fstat") { unsafe fstat(file.raw, &own) }
        try systemCall("stat") { unsafe stat(path, &there) }
        guard own.st_ino == there.st_ino, own.st_dev == there.st_dev else { throw SystemError(call: "flock", code: EWOULDBLOCK) }
        try systemCall("ftruncate") { ftruncate(file.raw, 0) }
        return file
    }

    /// Appends bytes.
    public mutating func append(_ bytes: [UInt8]) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty { rest = rest.dropFirst(try systemCall("write") { write(file.raw, rest) }) }
        size += bytes.count
    }

    /// What has been written is the file now.
    public consuming func commit() throws(SystemError) {
        let (from, to) = (temporary, path)
        // Safe: Swift hands over NUL-terminated copies.
        try systemCall("rename") { unsafe rename(from, to) }
        isOurs = false
    }

    deinit {
        // Safe: a NUL-terminated copy. The lock is still held, so that it is our own.
        if isOurs { _ = unsafe unlink("\(path).new") }
    }
}
