import CMizzenSystem
import MizzenSystem
import Glibc

/// One generation of the table's data, mapped.
///
/// Raw pointers into shared memory stay in this file, `TableReader`, `BlockStore` and the writer's files of this module.
@safe
package final class DataFile {
    package let path: String
    package let generation: UInt64
    package let size: Int
    package let bucketCount: Int
    package let extentsStart: Int
    package let hashSeed: UInt64
    package let base: UnsafeMutableRawPointer
    private let mapping: MappedFile

    package static func path(of table: String, generation: UInt64) -> String { "\(table).\(generation)" }

    /// Maps an existing generation after checking that it is one, and whole.
    package init(
        table: String, generation: UInt64, hashSeed: UInt64, writable: Bool, purpose: TablePurpose = .records
    ) throws(TableError) {
        path = DataFile.path(of: table, generation: generation)
        let file = try FileDescriptor(opening: path, flags: writable ? O_RDWR : O_RDONLY)
        try file.checkOwner(path, purpose)
        let found = try file.size(path)
        guard found >= Layout.dataHeaderSize else {
            throw .truncated(path: path, expected: Layout.dataHeaderSize, found: found)
        }
        mapping = try MappedFile(file, path: path, size: found, writable: writable)
        unsafe base = mapping.base
        let header = DataHeader(base: mapping)
        guard header.magic == Layout.dataMagic else { throw .foreign(path: path) }
        guard header.byteOrder == Layout.byteOrderMark else { throw .otherByteOrder(path: path) }
        guard header.version == Layout.version else {
            throw .unknownLayout(path: path, found: header.version, known: Layout.version)
        }
        guard found >= header.size else { throw .truncated(path: path, expected: header.size, found: found) }
        guard header.generation == generation, header.hashSeed == hashSeed, header.isConsistent else {
            throw .foreign(path: path)
        }
        self.generation = generation
        self.hashSeed = hashSeed
        size = header.size
        bucketCount = header.bucketCount
        extentsStart = header.extents
    }

    /// Makes an empty data file. Only the writer calls this, for a generation that no reader has heard of yet.
    package static func create(
        table: String, generation: UInt64, hashSeed: UInt64, bucketCount: Int, capacity: Int, purpose: TablePurpose = .records
    ) throws(TableError) -> DataFile {
        let path = DataFile.path(of: table, generation: generation)
        do {
            // A new file, not an old one cut short: readers of a table that somebody removed by its control file may still
            // map a file of this name, and to find it shorter would kill them.
            // Safe: unlink reads the terminated path. A file that is not there is what we want.
            _ = unsafe unlink(path)
            let file = try FileDescriptor(opening: path, flags: O_RDWR | O_CREAT | O_EXCL, mode: purpose.mode)
            let buckets = Layout.dataHeaderSize
            let extents = (buckets + bucketCount * 8 + 4095) & ~4095
            let size = extents + capacity
            _ = try systemCall("ftruncate", path) { ftruncate(file.number, off_t(size)) }
            // The buckets' pages are wanted now: a full file system must refuse here, not kill the writer later.
            try allocate(file, path: path, offset: 0, length: extents)
            let mapping = try MappedFile(file, path: path, size: size, writable: true)
            DataHeader(base: mapping).fill(
                generation: generation, hashSeed: hashSeed, size: size, bucketCount: bucketCount, extents: extents)
        }
        return try DataFile(table: table, generation: generation, hashSeed: hashSeed, writable: true)
    }

    /// Has the file system set pages aside, so that a later store cannot find it full (that would be SIGBUS).
    package static func allocate(_ file: FileDescriptor, path: String, offset: Int, length: Int) throws(TableError) {
        while true {
            let code = posix_fallocate(file.number, off_t(offset), off_t(length))
            if code == 0 { return }
            if code == EINTR { continue }
            if code == ENOSPC || code == EFBIG { throw .full(path: path, needed: length) }
            throw .system(path: path, call: "posix_fallocate", code: code, reason: SystemError(call: "posix_fallocate", code: code).reason)
        }
    }

    /// The bucket of a hash: its low bits.
    @inline(__always)
    package func bucket(of hash: UInt64) -> UnsafeMutableRawPointer {
        // Safe: bucketCount is a power of two and the bucket array lies inside the mapping (`isConsistent`).
        unsafe base + Layout.dataHeaderSize + Int(hash & UInt64(bucketCount - 1)) * 8
    }

    @inline(__always)
    package func bucket(at index: Int) -> UnsafeMutableRawPointer {
        // Safe: callers count from 0 to bucketCount.
        unsafe base + Layout.dataHeaderSize + index * 8
    }

    /// The block that a reference names, or nil where the place lies outside the file (a damaged file).
    @inline(__always)
    package func block(_ reference: BlockReference) -> UnsafeMutableRawPointer? {
        let offset = reference.offset
        guard offset >= extentsStart, offset <= size - Layout.Block.headerSize else { return nil }
        // Safe: the guard keeps header and place inside the mapping; places are multiples of 32, hence aligned.
        return unsafe base + offset
    }

    package var header: DataHeader { DataHeader(base: mapping) }
}

/// The fixed words at the start of a data file.
@safe
package struct DataHeader {
    private let base: UnsafeMutableRawPointer

    package init(base mapping: MappedFile) { unsafe base = mapping.base }

    private func word(_ offset: Int) -> UInt64 {
        // Safe: the header lies inside every mapping that gets this far (size checked by the opener).
        unsafe mz_load_u64_acquire(base + offset)
    }

    private func half(_ offset: Int) -> UInt32 {
        // Safe: as above.
        unsafe mz_load_u32_acquire(base + offset)
    }

    package var magic: UInt64 { word(Layout.Data.magic) }
    package var version: UInt32 { half(Layout.Data.version) }
    package var byteOrder: UInt32 { half(Layout.Data.byteOrder) }
    package var size: Int { Int(clamping: word(Layout.Data.size)) }
    package var generation: UInt64 { word(Layout.Data.generation) }
    package var bucketCount: Int { Int(clamping: word(Layout.Data.bucketCount)) }
    package var extents: Int { Int(clamping: word(Layout.Data.extents)) }
    package var hashSeed: UInt64 { word(Layout.Data.hashSeed) }

    package var extentsEnd: Int {
        get { Int(clamping: word(Layout.Data.extentsEnd)) }
        nonmutating set {
            // Safe: as above; only the writer sets it.
            unsafe mz_store_u64_release(base + Layout.Data.extentsEnd, UInt64(newValue))
        }
    }

    package var recordCount: Int {
        get { Int(clamping: word(Layout.Data.recordCount)) }
        nonmutating set {
            // Safe: as above.
            unsafe mz_store_u64_release(base + Layout.Data.recordCount, UInt64(newValue))
        }
    }

    package var recordSum: UInt64 {
        get { word(Layout.Data.recordSum) }
        nonmutating set {
            // Safe: as above.
            unsafe mz_store_u64_release(base + Layout.Data.recordSum, newValue)
        }
    }

    /// Whether the places that the header states fit one another.
    package var isConsistent: Bool {
        bucketCount > 0 && bucketCount & (bucketCount - 1) == 0 && bucketCount <= 1 << 32
            && extents >= Layout.dataHeaderSize + bucketCount * 8 && extents <= size && extentsEnd >= extents
            && extentsEnd <= size && extents % 32 == 0
    }

    package func fill(generation: UInt64, hashSeed: UInt64, size: Int, bucketCount: Int, extents: Int) {
        let words: [(Int, UInt64)] = [
            (Layout.Data.size, UInt64(size)), (Layout.Data.generation, generation),
            (Layout.Data.bucketCount, UInt64(bucketCount)), (Layout.Data.buckets, UInt64(Layout.dataHeaderSize)),
            (Layout.Data.extents, UInt64(extents)), (Layout.Data.extentsEnd, UInt64(extents)),
            (Layout.Data.recordCount, 0), (Layout.Data.hashSeed, hashSeed),
        ]
        // Safe: all offsets lie in the header's first page, which the caller mapped writable.
        for (offset, value) in words { unsafe mz_store_u64_relaxed(base + offset, value) }
        unsafe mz_store_u32_relaxed(base + Layout.Data.byteOrder, Layout.byteOrderMark)
        unsafe mz_store_u32_relaxed(base + Layout.Data.version, Layout.version)
        unsafe mz_store_u64_release(base + Layout.Data.magic, Layout.dataMagic)
    }
}
