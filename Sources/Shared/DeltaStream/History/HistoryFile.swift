import Glibc
public import MizzenSystem

/// A file that grows at its end. What has been appended survives the death of the process, as the kernel has it then.
public final class HistoryFile {
    public typealias Write = FileReplacement.Write

    public private(set) var path: String
    /// What errors call it.
    private let title: String
    private let descriptor: Int32
    private let write: Write

    /// An empty file, its owner's alone, in the place of whatever is there.
    public static func create(
        _ path: String, title: String = "the stream's history", write: @escaping Write = systemWrite
    ) throws(DeltaStreamError) -> HistoryFile {
        try HistoryFile(path, O_RDWR | O_CREAT | O_TRUNC, title, write)
    }

    /// - Returns: nil where there is none.
    public static func open(
        _ path: String, title: String = "the stream's history", write: @escaping Write = systemWrite
    ) throws(DeltaStreamError) -> HistoryFile? {
        // Safe: access reads the terminated path.
        guard unsafe access(path, F_OK) == 0 else { return nil }
        return try HistoryFile(path, O_RDWR, title, write)
    }

    private init(_ path: String, _ flags: Int32, _ title: String, _ write: @escaping Write) throws(DeltaStreamError) {
        self.path = path
        self.title = title
        self.write = write
        // Safe: open reads the terminated path.
        descriptor = unsafe Glibc.open(path, flags | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("\(title) cannot be opened", path) }
    }

    deinit { close(descriptor) }

    /// Claims the file for this process until it is closed.
    /// - Returns: false while another process has it.
    public func lock() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK }

    public static let systemWrite: Write = FileReplacement.systemWrite

    /// All of it, or an error; what has been written of it by then is a record cut short.
    public func append(_ bytes: [UInt8]) throws(DeltaStreamError) {
        var done = 0
        while done < bytes.count {
            let written = write(descriptor, bytes[done...])
            if written > 0 {
                done += written
            } else if written == 0 || errno != EINTR {
                throw Self.failure("\(title) cannot be written", path)
            }
        }
    }

    public func readAll() throws(DeltaStreamError) -> [UInt8] {
        var status = stat()
        // Safe: fstat fills the structure.
        guard unsafe fstat(descriptor, &status) == 0 else { throw Self.failure("\(title) cannot be examined", path) }
        let size = Int(status.st_size)
        var filled = 0
        var bytes = [UInt8](repeating: 0, count: size)
        while filled < size {
            // Safe: pread fills at most what is left of the array.
            let count = unsafe bytes.withUnsafeMutableBytes { bytes in
                unsafe pread(descriptor, bytes.baseAddress.map { unsafe $0 + filled }, size - filled, filled)
            }
            if count == 0 { break }
            if count > 0 {
                filled += count
            } else if errno != EINTR {
                throw Self.failure("\(title) cannot be read", path)
            }
        }
        return Array(bytes.prefix(filled))
    }

    /// Removes what lies behind the first `size` bytes.
    public func cut(to size: Int) throws(DeltaStreamError) {
        guard ftruncate(descriptor, size) == 0 else { throw Self.failure("\(title) cannot be cut", path) }
    }

    /// Puts the file in the place of the one at `path`, in one step.
    public func replace(_ path: String) throws(DeltaStreamError) {
        // Safe: rename reads the terminated paths.
        guard unsafe rename(self.path, path) == 0 else { throw Self.failure("\(title) cannot be renamed to \(path)", self.path) }
        self.path = path
    }

    public static func remove(_ path: String) {
        // Safe: unlink reads the terminated path. A file that is not there is what we want.
        _ = unsafe unlink(path)
    }

    private static func failure(_ what: String, _ path: String) -> DeltaStreamError {
        DeltaStreamError(what, place: path, errorNumber: errno)
    }
}
