import Glibc
import MizzenSystem
public import RecordTable

/// What a process keeps in shared memory for the next of its kind: texts name records of bytes, and nobody else reads them.
///
/// The record table's files, blocks and checksums, with another mark at the head of the control file, so that neither is taken for
/// the other; both files are their owner's alone, and what anybody else may write or has put there is not read. A process that is killed leaves of each record the old or the new one, whole
/// (the memory contract at the head of `Layout.swift`), and while it lives it holds the control file's lock. Not thread-safe.
public final class KeptTable {
    /// A record's name: what it is about, and which one; at most 255 bytes each.
    public struct Name: Hashable, Sendable {
        public var section: String
        public var name: String

        public init(_ section: String, _ name: String) {
            self.section = section
            self.name = name
        }

        fileprivate var key: TableKey { TableKey(kind: .kept, first: Array(section.utf8), second: Array(name.utf8)) }
    }

    /// Why what stood at the path is not gone on with.
    public enum Loss: Hashable, Sendable {
        /// Another release wrote it, or a process with other settings.
        case otherFormat
        /// Another release laid it out.
        case otherLayout
        /// The machine has been started since: what is told by its clock means nothing.
        case otherBoot
        /// Cut short, or bytes of it changed.
        case damaged
    }

    /// What a new table has room for; it grows by itself.
    private static let sizing = TableWriter.Sizing(bucketCount: 4096, capacity: 8 << 20, spared: 4 << 20)
    private static let format = Name("", "format")

    private let writer: TableWriter
    /// Nil if everything that stood at the path was taken over, or nothing was there.
    public let loss: Loss?

    /// Opens the table at `path`, makes it where there is none, and takes over what is in it.
    ///
    /// A table that cannot be gone on with is begun anew. A file that is no such table is left alone.
    /// - Parameters:
    ///   - identity: who writes.
    ///   - format: of the records: another one's are not taken over.
    ///   - now: wall time in nanoseconds since 1970.
    /// - Throws: `TableError`: another process that has it, a foreign file, no permission, no room.
    public init(path: String, identity: String, format: String, now: UInt64) throws(TableError) {
        try Self.checkKind(path)
        var loss: Loss?
        do throws(TableError) {
            writer = try Self.open(path, identity, now)
        } catch {
            switch error {
            case .unknownLayout, .otherByteOrder: loss = .otherLayout
            case .truncated: loss = .damaged
            case .absent, .foreign, .writerExists, .full, .recordTooLarge, .keyTooLong, .system: throw error
            }
            // Safe: unlink reads the terminated path. Nobody held the lock; whoever takes it right now has a file without a name, and its
            // successor begins anew.
            _ = unsafe unlink(path)
            writer = try Self.open(path, identity, now)
        }
        let isEmpty = writer.store.recordCount == 0
        if writer.replacedFile != nil || writer.damagedReferences > 0 {
            loss = .damaged
        } else if !isEmpty, writer.formerBoot == .unknown || writer.formerBoot != .current() {
            loss = .otherBoot
        } else if !isEmpty, writer.payload(of: Self.format.key) != Array(format.utf8) {
            loss = .otherFormat
        }
        self.loss = loss
        if loss != nil { removeAll() }
        try put(Self.format, Array(format.utf8))
    }

    private static func open(_ path: String, _ identity: String, _ now: UInt64) throws(TableError) -> TableWriter {
        try TableWriter(path: path, identity: identity, now: now, sizing: sizing, purpose: .keeping)
    }

    /// Before it is opened, since that would make something of a link or wait for a pipe. Whose the file is then is asked of the open one.
    private static func checkKind(_ path: String) throws(TableError) {
        var status = stat()
        // Safe: lstat reads the terminated path and fills the structure.
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .foreign(path: path) }
    }

    /// Bytes of shared memory that are set aside.
    public var size: Int { writer.store.data.extentsStart + writer.store.extentBytes }

    /// Keeps a record in the place of the one of this name.
    public func put(_ name: Name, _ payload: [UInt8]) throws(TableError) {
        _ = try writer.write(name.key, payload)
        try writer.finish()
    }

    public func remove(_ name: Name) throws(TableError) {
        if writer.erase(name.key) { try writer.finish() }
    }

    /// Every record of a section, in no particular order.
    public func forEach(in section: String, _ body: (_ name: String, _ payload: [UInt8]) -> Void) {
        let section = Array(section.utf8)
        writer.store.forEachPlace { offset, _ in
            guard writer.store.isFirstPart(section, at: offset) else { return }
            let (key, payload) = writer.store.record(at: offset)
            if let key { body(String(decoding: key.second, as: UTF8.self), payload) }
        }
    }

    /// Begins anew, in the same format.
    /// - Parameter section: what is in it stays.
    public func removeAll(exceptIn section: String? = nil) {
        let spared = section.map { Array($0.utf8) }
        var keys: [TableKey] = []
        writer.store.forEachPlace { offset, _ in
            if let key = writer.store.record(at: offset).key, key != Self.format.key, key.first != spared { keys.append(key) }
        }
        for key in keys { writer.erase(key) }
    }
}
