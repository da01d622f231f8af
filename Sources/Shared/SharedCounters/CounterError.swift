import RecordTable

/// Why counters cannot be shared, or a file of them not be believed; in words for the operator.
public enum CounterError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A folder or file that others could write, or that is none.
    case untrusted(path: String, reason: String)
    /// A file says what cannot be.
    case damaged(path: String)
    /// The file system that holds it has no room.
    case full(path: String)
    /// As many segments as a folder may have.
    case crowded(path: String, limit: Int)
    case system(path: String, call: String, code: Int32, reason: String)

    public var description: String {
        switch self {
        case .untrusted(let path, let reason):
            "\(path): \(reason); name another folder with --counters, or remove it if nothing else needs it"
        case .damaged(let path): "\(path): this is no file of counters, or damaged; it was left alone"
        case .full(let path):
            "\(path): no room; enlarge the file system that holds it (for /dev/shm in a container: its size limit), or name another folder with --counters"
        case .crowded(let path, let limit): "\(path): \(limit) frontends have counters there already; name another folder with --counters"
        case .system(let path, let call, _, let reason):
            "\(path): \(call) failed: \(reason); name a folder that this user may write, best in memory, with --counters"
        }
    }

    init(_ error: TableError, _ path: String) {
        switch error {
        case .full: self = .full(path: path)
        case .system(_, let call, let code, let reason): self = .system(path: path, call: call, code: code, reason: reason)
        case .absent, .foreign, .truncated, .unknownLayout, .otherByteOrder, .writerExists, .recordTooLarge, .keyTooLong:
            self = .damaged(path: path)
        }
    }
}
