import CMizzenSystem
import Glibc

/// The table's control file, mapped: the current generation, the writer's statements, and (as a file) the writer's lock.
@safe
package final class ControlFile {
    package let path: String
    package let hashSeed: UInt64
    package let identity: FileIdentity
    private let file: FileDescriptor
    private let mapping: MappedFile
    private let base: UnsafeMutableRawPointer

    /// Opens the control file; for the writer after `lock`, which makes it where there is none.
    package convenience init(path: String, writable: Bool, purpose: TablePurpose = .records) throws(TableError) {
        let opened: FileDescriptor
        do {
            opened = try FileDescriptor(opening: path, flags: writable ? O_RDWR : O_RDONLY)
        } catch {
            if case .system(_, _, ENOENT, _) = error { throw .absent(path: path) }
            throw error
        }
        try self.init(opened, path: path, writable: writable, purpose)
    }

    fileprivate init(_ opened: FileDescriptor, path: String, writable: Bool, _ purpose: TablePurpose) throws(TableError) {
        self.path = path
        file = opened
        identity = try opened.identity(path)
        let size = try opened.size(path)
        guard size > 0 else { throw .absent(path: path) }
        guard size >= Layout.Control.bootIdentity else { throw .foreign(path: path) }
        mapping = try MappedFile(opened, path: path, size: size, writable: writable)
        unsafe base = mapping.base
        // Safe (here and below): every offset of `Layout.Control` lies inside the size that is checked here.
        let magic = unsafe mz_load_u64_acquire(base + Layout.Control.magic)
        guard magic != 0 else { throw .absent(path: path) }
        guard magic == purpose.magic else { throw .foreign(path: path) }
        guard unsafe mz_load_u32_acquire(base + Layout.Control.byteOrder) == Layout.byteOrderMark else {
            throw .otherByteOrder(path: path)
        }
        let version = unsafe mz_load_u32_acquire(base + Layout.Control.version)
        guard version == Layout.version else {
            throw .unknownLayout(path: path, found: version, known: Layout.version)
        }
        guard size >= Layout.controlSize else {
            throw .truncated(path: path, expected: Layout.controlSize, found: size)
        }
        hashSeed = unsafe mz_load_u64_acquire(base + Layout.Control.hashSeed)
    }

    /// Takes the writer's lock, and makes the file where there is none.
    ///
    /// - Throws: `TableError.writerExists` where another process holds the lock.
    package static func lock(path: String, purpose: TablePurpose = .records) throws(TableError) -> ControlFile {
        let file = try FileDescriptor(opening: path, flags: O_RDWR | O_CREAT, mode: purpose.mode)
        try file.checkOwner(path, purpose)
        do {
            _ = try systemCall("flock", path) { flock(file.number, LOCK_EX | LOCK_NB) }
        } catch {
            guard case .system(_, _, EWOULDBLOCK, _) = error else { throw error }
            let holder = try? ControlFile(path: path, writable: false, purpose: purpose)
            throw .writerExists(path: path, process: holder?.status(generation: 0).writerProcess ?? 0)
        }
        // A watcher that was killed while it made the file leaves it empty, or without the magic, which comes last.
        let size = try file.size(path)
        if size == 0 {
            try fill(file, path: path, purpose)
        } else if size == Layout.controlSize {
            if try isUnfinished(file, path) { try fill(file, path: path, purpose) }
        }
        if try isOfOlderLayout(file, path, size, purpose) { return try lockAnew(path: path, purpose) }
        return try ControlFile(file, path: path, writable: true, purpose)
    }

    /// In the place of a table that an older release wrote: its records cannot be read, and the next lists bring them again. Its readers go on
    /// with the file that they have mapped. The caller holds the old file's lock, so no old writer is alive.
    private static func lockAnew(path: String, _ purpose: TablePurpose) throws(TableError) -> ControlFile {
        // Safe: unlink reads the terminated path.
        _ = unsafe unlink(path)
        return try lock(path: path, purpose: purpose)
    }

    private static func isOfOlderLayout(
        _ file: FileDescriptor, _ path: String, _ size: Int, _ purpose: TablePurpose
    ) throws(TableError) -> Bool {
        guard size >= Layout.Control.bootIdentity else { return false }
        let mapping = try MappedFile(file, path: path, size: size, writable: false)
        // Safe: every offset lies inside the size that was checked just above.
        guard unsafe mz_load_u64_acquire(mapping.base + Layout.Control.magic) == purpose.magic,
            unsafe mz_load_u32_acquire(mapping.base + Layout.Control.byteOrder) == Layout.byteOrderMark
        else { return false }
        return unsafe mz_load_u32_acquire(mapping.base + Layout.Control.version) < Layout.version
    }

    private static func isUnfinished(_ file: FileDescriptor, _ path: String) throws(TableError) -> Bool {
        let mapping = try MappedFile(file, path: path, size: Layout.controlSize, writable: false)
        // Safe: inside the mapping just made.
        return unsafe mz_load_u64_acquire(mapping.base + Layout.Control.magic) == 0
    }

    private static func fill(_ file: FileDescriptor, path: String, _ purpose: TablePurpose) throws(TableError) {
        _ = try systemCall("ftruncate", path) { ftruncate(file.number, off_t(Layout.controlSize)) }
        try DataFile.allocate(file, path: path, offset: 0, length: Layout.controlSize)
        let mapping = try MappedFile(file, path: path, size: Layout.controlSize, writable: true)
        let base = unsafe mapping.base
        // Safe: inside the mapping just made; the magic, stored last, is what makes the file valid.
        unsafe mz_store_u64_relaxed(base + Layout.Control.hashSeed, UInt64.random(in: 1...UInt64.max))
        unsafe mz_store_u64_relaxed(base + Layout.Control.size, UInt64(Layout.controlSize))
        unsafe mz_store_u32_relaxed(base + Layout.Control.byteOrder, Layout.byteOrderMark)
        unsafe mz_store_u32_relaxed(base + Layout.Control.version, Layout.version)
        unsafe mz_store_u64_release(base + Layout.Control.magic, purpose.magic)
    }

    package var generation: UInt64 {
        @inline(__always)
        get { unsafe mz_load_u64_acquire(base + Layout.Control.generation) }
        set { unsafe mz_store_u64_release(base + Layout.Control.generation, newValue) }
    }

    package var heartbeat: UInt64 {
        get { unsafe mz_load_u64_relaxed(base + Layout.Control.heartbeat) }
        set { unsafe mz_store_u64_relaxed(base + Layout.Control.heartbeat, newValue) }
    }

    /// The boot clock at the last heartbeat, in nanoseconds; 0 where it was not stated.
    package var heartbeatSinceBoot: UInt64 {
        get { unsafe mz_load_u64_relaxed(base + Layout.Control.heartbeatSinceBoot) }
        set { unsafe mz_store_u64_relaxed(base + Layout.Control.heartbeatSinceBoot, newValue) }
    }

    // MARK: Status, under a sequence lock

    /// Changes the status area so that no reader takes a half of it for the whole.
    package func changeStatus(_ change: (_ area: inout StatusArea) -> Void) {
        var area = StatusArea(bytes: [UInt8](repeating: 0, count: Layout.controlSize))
        let words = Layout.controlSize / 8
        let first = Layout.Control.writerProcess / 8
        unsafe area.bytes.withUnsafeMutableBytes { bytes in
            // Safe: both sides are controlSize long, and the writer is the only one who changes the source.
            unsafe mz_copy_words_from_shared(bytes.baseAddress! + first * 8, base + first * 8, words - first)
        }
        change(&area)
        let sequence = unsafe mz_load_u64_relaxed(base + Layout.Control.statusSequence) | 1
        unsafe mz_store_u64_relaxed(base + Layout.Control.statusSequence, sequence)
        mz_fence_release()
        unsafe area.bytes.withUnsafeBytes { bytes in
            unsafe mz_copy_words_to_shared(base + first * 8, bytes.baseAddress! + first * 8, words - first)
        }
        unsafe mz_store_u64_release(base + Layout.Control.statusSequence, sequence &+ 1)
    }

    /// A writer killed inside `changeStatus` leaves the sequence odd; readers then take what stands there after this many
    /// looks, because old or new are both true enough, and the next writer writes it whole.
    /// The change itself takes microseconds.
    private static let patience = 200

    package func status(generation: UInt64) -> TableStatus {
        var area = StatusArea(bytes: [UInt8](repeating: 0, count: Layout.controlSize))
        for _ in 0..<ControlFile.patience {
            let before = unsafe mz_load_u64_acquire(base + Layout.Control.statusSequence)
            unsafe area.bytes.withUnsafeMutableBytes { bytes in
                unsafe mz_copy_words_from_shared(bytes.baseAddress!, base, Layout.controlSize / 8)
            }
            mz_fence_acquire()
            let after = unsafe mz_load_u64_relaxed(base + Layout.Control.statusSequence)
            if before == after, before & 1 == 0 { break }
        }
        return area.status(generation: generation, heartbeat: heartbeat, sinceBoot: heartbeatSinceBoot)
    }
}

/// A copy of the control file's bytes, and how the status stands in them.
package struct StatusArea {
    package var bytes: [UInt8]

    private func word(_ offset: Int) -> UInt64 { bytes.span.integer(at: offset, as: UInt64.self) }

    package mutating func set(_ value: UInt64, at offset: Int) {
        for index in 0..<8 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }

    /// Length in one byte, then at most `limit` bytes of text.
    package mutating func set(_ text: String, at offset: Int, limit: Int) {
        let utf8 = Array(text.utf8.prefix(limit))
        bytes[offset] = UInt8(utf8.count)
        for index in 0..<limit { bytes[offset + 1 + index] = index < utf8.count ? utf8[index] : 0 }
    }

    private func text(_ offset: Int, limit: Int) -> String {
        let length = min(Int(bytes[offset]), limit)
        return bytes.span.slice(offset + 1, length).text()
    }

    package var counts: TableStatus.Counts {
        get {
            let place = Layout.Control.counts
            var counts = TableStatus.Counts()
            counts.namespaces = Int(clamping: word(place))
            counts.services = Int(clamping: word(place + 8))
            counts.slices = Int(clamping: word(place + 16))
            counts.endpoints = Int(clamping: word(place + 24))
            counts.pods = Int(clamping: word(place + 32))
            return counts
        }
        set {
            let values = [newValue.namespaces, newValue.services, newValue.slices, newValue.endpoints, newValue.pods]
            for (index, value) in values.enumerated() {
                set(UInt64(max(0, value)), at: Layout.Control.counts + 8 * index)
            }
        }
    }

    package var resources: [TableStatus.Resource] {
        get {
            let count = min(Int(clamping: word(Layout.Control.resourceCount)), Layout.Control.maximumResources)
            return (0..<count).map { index in
                let entry = Layout.Control.resources + index * Layout.Control.resourceEntry
                return TableStatus.Resource(
                    name: text(entry + Layout.ResourceEntry.name, limit: Layout.ResourceEntry.maximumName),
                    resourceVersion: text(
                        entry + Layout.ResourceEntry.resourceVersion,
                        limit: Layout.ResourceEntry.maximumResourceVersion),
                    wallTime: word(entry + Layout.ResourceEntry.wallTime),
                    isSynced: word(entry + Layout.ResourceEntry.isSynced) != 0)
            }
        }
        set {
            let kept = newValue.prefix(Layout.Control.maximumResources)
            set(UInt64(kept.count), at: Layout.Control.resourceCount)
            for (index, resource) in kept.enumerated() {
                let entry = Layout.Control.resources + index * Layout.Control.resourceEntry
                set(resource.name, at: entry + Layout.ResourceEntry.name, limit: Layout.ResourceEntry.maximumName)
                set(
                    resource.resourceVersion, at: entry + Layout.ResourceEntry.resourceVersion,
                    limit: Layout.ResourceEntry.maximumResourceVersion)
                set(resource.wallTime, at: entry + Layout.ResourceEntry.wallTime)
                set(resource.isSynced ? 1 : 0, at: entry + Layout.ResourceEntry.isSynced)
            }
        }
    }

    package mutating func setWriter(process: Int32, started: UInt64, identity: String, boot: BootIdentity) {
        set(boot.high, at: Layout.Control.bootIdentity)
        set(boot.low, at: Layout.Control.bootIdentity + 8)
        set(UInt64(process), at: Layout.Control.writerProcess)
        set(started, at: Layout.Control.writerStarted)
        set(identity, at: Layout.Control.writerIdentity, limit: 111)
    }

    package func status(generation: UInt64, heartbeat: UInt64, sinceBoot: UInt64) -> TableStatus {
        TableStatus(
            generation: generation, writerProcess: Int(clamping: word(Layout.Control.writerProcess)),
            writerStarted: word(Layout.Control.writerStarted),
            writer: text(Layout.Control.writerIdentity, limit: 111), heartbeat: heartbeat, heartbeatSinceBoot: sinceBoot,
            boot: BootIdentity(
                high: word(Layout.Control.bootIdentity), low: word(Layout.Control.bootIdentity + 8)),
            counts: counts, resources: resources)
    }
}
