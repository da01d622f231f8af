import Glibc

/// Why a record table cannot be opened or written, in words for the operator.
public enum TableError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no control file yet, or no writer has filled it.
    case absent(path: String)
    /// The file is not a record table at all.
    case foreign(path: String)
    /// The file ends before the table does.
    case truncated(path: String, expected: Int, found: Int)
    /// The table was written by another version of Mizzen, or on a machine of another byte order.
    case unknownLayout(path: String, found: UInt32, known: UInt32)
    case otherByteOrder(path: String)
    /// Another process writes this table.
    case writerExists(path: String, process: Int)
    /// There is no room for the table to grow.
    case full(path: String, needed: Int)
    /// An object larger than the largest block.
    case recordTooLarge(bytes: Int, limit: Int)
    /// A name that Kubernetes would not admit (longer than 255 bytes).
    case keyTooLong(bytes: Int)
    /// The kernel refused; `call` is what was asked of it.
    case system(path: String, call: String, code: Int32, reason: String)

    public var description: String {
        switch self {
        case .absent(let path):
            "record table \(path): not there yet; start mizzen-watcher with --table \(path), or name the table that it writes"
        case .foreign(let path):
            "record table \(path): this file is not a record table, so it was left alone; name another path, or remove the file if nothing else needs it"
        case .truncated(let path, let expected, let found):
            "record table \(path): cut short (\(found) of \(expected) bytes); remove it and its numbered companions, and mizzen-watcher makes a new one"
        case .unknownLayout(let path, let found, let known):
            "record table \(path): layout version \(found), but this program knows version \(known); run watcher and frontends of one release, or remove the file"
        case .otherByteOrder(let path):
            "record table \(path): written on a machine of the other byte order; remove it, and mizzen-watcher makes a new one"
        case .writerExists(let path, let process):
            "record table \(path): another watcher writes it (process \(process)); stop that one, or give this one another --table"
        case .full(let path, let needed):
            "record table \(path): no room for \(needed) more bytes; enlarge the file system that holds it (for /dev/shm in a container: its size limit), or name another path with --table"
        case .recordTooLarge(let bytes, let limit):
            "a record of \(bytes) bytes is beyond the table's limit of \(limit) bytes"
        case .keyTooLong(let bytes):
            "a name of \(bytes) bytes is beyond the 255 that Kubernetes admits"
        case .system(let path, let call, _, let reason):
            "record table \(path): \(call) failed: \(reason)\(TableError.advice(for: reason))"
        }
    }

    /// Whether a data file is not there, not whole or not one: then there is nothing in it that refusing it would save.
    package var isDataLost: Bool {
        switch self {
        case .foreign, .truncated: true
        case .system(_, let call, let code, _): call == "open" && code == ENOENT
        case .absent, .unknownLayout, .otherByteOrder, .writerExists, .full, .recordTooLarge, .keyTooLong: false
        }
    }

    private static func advice(for reason: String) -> String {
        reason == "Permission denied" || reason == "Read-only file system"
            ? "; choose a path that this user may write, with --table" : ""
    }
}
