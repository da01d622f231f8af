import CMizzenSystem
import Glibc
import RecordTable

/// The writer's side of one data file: where free blocks are, and the stores that make records appear and disappear.
///
/// What is free is known to the writer alone; after a restart it is found again by `adopt`, which takes every block that no
/// chain leads to as free.
@safe
final class BlockStore {
    let data: DataFile
    private let file: FileDescriptor
    /// For each block size, the places of free blocks (in units of 32 bytes).
    var free: [[UInt32]]
    private(set) var extentsEnd: Int
    /// Bytes in blocks that hold records.
    var liveBytes = 0
    var recordCount = 0
    /// See `Layout.Data.recordSum`.
    var recordSum: UInt64 = 0

    init(data: DataFile) throws(TableError) {
        self.data = data
        file = try FileDescriptor(opening: data.path, flags: O_RDWR)
        free = Array(repeating: [], count: Layout.blockSizes.count)
        extentsEnd = data.header.extentsEnd
    }

    /// Bytes of the file that are in use or set aside for blocks.
    var extentBytes: Int { extentsEnd - data.extentsStart }

    /// A record in place: its block, and the word (a bucket or the `next` of the block before it) that refers to it.
    @unsafe
    struct Place {
        let predecessor: UnsafeMutableRawPointer
        let block: UnsafeMutableRawPointer
        let reference: BlockReference
    }

    // MARK: Finding

    /// The record with exactly this key.
    func find(_ key: TableKey, hash: UInt64) -> Place? {
        // Safe (in this file): addresses come from `bucket(of:)` and `block(_:)`; this process is the only writer.
        var predecessor = unsafe data.bucket(of: hash)
        while true {
            let reference = unsafe BlockReference(word: mz_load_u64_relaxed(predecessor))
            guard !reference.isNone, let block = unsafe data.block(reference) else { return nil }
            if unsafe isAt(block, key, hash: hash) {
                return unsafe Place(predecessor: predecessor, block: block, reference: reference)
            }
            unsafe predecessor = block + Layout.Block.next
        }
    }

    private func isAt(_ block: UnsafeMutableRawPointer, _ key: TableKey, hash: UInt64) -> Bool {
        guard unsafe mz_load_u32_relaxed(block + Layout.Block.hash) == UInt32(hash >> 32),
            unsafe mz_load_u64_relaxed(block + Layout.Block.kind) == BlockStore.keyWord(key)
        else { return false }
        var place = Layout.Block.headerSize
        for part in [key.first, key.second, key.suffix] {
            let isEqual = unsafe part.withUnsafeBytes { bytes in
                unsafe bytes.count == 0 || memcmp(bytes.baseAddress!, block + place, bytes.count) == 0
            }
            guard isEqual else { return false }
            place += part.count
        }
        return true
    }

    private static func keyWord(_ key: TableKey) -> UInt64 {
        UInt64(key.kind.rawValue) | UInt64(key.first.count) << 8 | UInt64(key.second.count) << 16
            | UInt64(key.suffix.count) << 32
    }

    /// A copy of the record's payload.
    func payload(at place: Place) -> [UInt8] { unsafe copy(place.block).payload }

    /// Whether the record's payload is just that; copies nothing.
    func isPayload(at place: Place, _ payload: [UInt8]) -> Bool {
        let word = unsafe mz_load_u64_relaxed(place.block + Layout.Block.kind)
        let length = Int(unsafe mz_load_u32_relaxed(place.block + Layout.Block.length))
        let start = DataFile.paddedKeyLength(word)
        guard length - start == payload.count else { return false }
        return unsafe payload.withUnsafeBytes { bytes in
            unsafe bytes.count == 0
                || memcmp(bytes.baseAddress!, place.block + Layout.Block.headerSize + start, bytes.count) == 0
        }
    }

    /// Whether two blocks hold records of one key.
    func haveSameKey(_ one: UnsafeMutableRawPointer, _ other: UnsafeMutableRawPointer) -> Bool {
        let word = unsafe mz_load_u64_relaxed(one + Layout.Block.kind)
        guard unsafe mz_load_u64_relaxed(other + Layout.Block.kind) == word else { return false }
        return unsafe memcmp(
            one + Layout.Block.headerSize, other + Layout.Block.headerSize, DataFile.paddedKeyLength(word)) == 0
    }

    /// A copy of key and payload.
    func copy(_ block: UnsafeMutableRawPointer) -> (key: TableKey?, payload: [UInt8]) {
        let word = unsafe mz_load_u64_relaxed(block + Layout.Block.kind)
        let length = Int(unsafe mz_load_u32_relaxed(block + Layout.Block.length))
        let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: block + Layout.Block.headerSize, count: length))
        let first = Int(word >> 8 & 0xFF)
        let second = Int(word >> 16 & 0xFF)
        let suffix = Int(word >> 32 & 0xFFFF)
        let start = (first + second + suffix + 7) & ~7
        guard start <= length, let kind = RecordKind(rawValue: UInt8(truncatingIfNeeded: word)) else {
            return (nil, [])
        }
        let key = TableKey(
            kind: kind, first: Array(bytes[..<first]), second: Array(bytes[first..<(first + second)]),
            suffix: Array(bytes[(first + second)..<(first + second + suffix)]))
        return (key, Array(bytes[start...]))
    }

    // MARK: Changing

    /// Publishes a record under a key that has none: it stands at its chain's head.
    func insert(_ key: TableKey, hash: UInt64, payload: [UInt8]) throws(TableError) {
        let bucket = unsafe data.bucket(of: hash)
        let head = unsafe mz_load_u64_relaxed(bucket)
        let reference = try fill(key, hash: hash, payload: payload, next: head)
        unsafe mz_store_u64_release(bucket, reference.word)
        recordCount += 1
        unsafe recordSum &+= DataFile.summand(of: data.base + reference.offset)
        stateRecords()
    }

    /// States in the file what it holds, for whoever finds it after a power loss.
    func stateRecords() {
        data.header.recordCount = recordCount
        data.header.recordSum = recordSum
    }

    /// Publishes a record in another's place.
    func replace(_ place: Place, key: TableKey, hash: UInt64, payload: [UInt8]) throws(TableError) {
        let next = unsafe mz_load_u64_relaxed(place.block + Layout.Block.next)
        let reference = try fill(key, hash: hash, payload: payload, next: next)
        unsafe mz_store_u64_release(place.predecessor, reference.word)
        unsafe recordSum &+= DataFile.summand(of: data.base + reference.offset) &- DataFile.summand(of: place.block)
        unsafe retire(place.block, offset: place.reference.offset)
        stateRecords()
    }

    /// Publishes a copy of another file's block, whose key has no record here.
    func insertCopy(of source: UnsafeMutableRawPointer, hash: UInt64) throws(TableError) {
        let length = Int(unsafe mz_load_u32_relaxed(source + Layout.Block.length))
        let words = max(1, (length + 7) / 8)
        let total = Layout.Block.headerSize + words * 8
        guard let sizeClass = Layout.sizeClass(for: total) else {
            throw .recordTooLarge(bytes: total, limit: Layout.Block.largest)
        }
        let offset = try takeBlock(sizeClass)
        let block = unsafe data.base + offset
        let bucket = unsafe data.bucket(of: hash)
        let sequence = unsafe (mz_load_u32_relaxed(block) | 1) &+ 1
        unsafe mz_store_u32_relaxed(block + Layout.Block.checksum, mz_load_u32_relaxed(source + Layout.Block.checksum))
        unsafe mz_store_u64_relaxed(block + Layout.Block.next, mz_load_u64_relaxed(bucket))
        unsafe mz_copy_words_to_shared(block + Layout.Block.hash, source + Layout.Block.hash, 2 + words)
        unsafe mz_store_u32_release(block, sequence)
        unsafe mz_store_u64_release(bucket, BlockReference(offset: offset, sequence: sequence).word)
        liveBytes += Layout.blockSizes[sizeClass]
        recordCount += 1
        unsafe recordSum &+= DataFile.summand(of: block)
    }

    func remove(_ place: Place) {
        let next = unsafe mz_load_u64_relaxed(place.block + Layout.Block.next)
        unsafe mz_store_u64_release(place.predecessor, next)
        unsafe recordSum &-= DataFile.summand(of: place.block)
        unsafe retire(place.block, offset: place.reference.offset)
        recordCount -= 1
        stateRecords()
    }

    /// Makes the sequence odd: from here on every reference to the block is stale.
    private func retire(_ block: UnsafeMutableRawPointer, offset: Int) {
        let size = unsafe DataFile.blockBytes(block)
        let sequence = unsafe mz_load_u32_relaxed(block)
        unsafe mz_store_u32_release(block, sequence &+ 1)
        if let sizeClass = Layout.sizeClass(for: size) {
            free[sizeClass].append(UInt32(offset / Layout.Block.granularity))
            liveBytes -= Layout.blockSizes[sizeClass]
        }
    }

    /// Fills a free block and returns the reference that will publish it.
    private func fill(
        _ key: TableKey, hash: UInt64, payload: [UInt8], next: UInt64
    ) throws(TableError) -> BlockReference {
        for part in [key.first, key.second] where part.count > 255 { throw .keyTooLong(bytes: part.count) }
        guard key.suffix.count <= 65_535 else { throw .keyTooLong(bytes: key.suffix.count) }
        let content = BlockStore.content(key, payload)
        let total = Layout.Block.headerSize + content.count * 8
        let length = BlockStore.contentLength(key, payload)
        guard let sizeClass = Layout.sizeClass(for: total) else {
            throw .recordTooLarge(bytes: total, limit: Layout.Block.largest)
        }
        let offset = try takeBlock(sizeClass)
        let block = unsafe data.base + offset
        // Odd while the bytes change: set already by `retire`, or 0 in a fresh extent.
        let odd = unsafe mz_load_u32_relaxed(block) | 1
        unsafe mz_store_u32_relaxed(block, odd)
        mz_fence_release()
        unsafe mz_store_u32_relaxed(block + Layout.Block.checksum, BlockStore.checksum(key, content))
        unsafe mz_store_u64_relaxed(block + Layout.Block.next, next)
        unsafe mz_store_u64_relaxed(block + Layout.Block.hash, hash >> 32 | UInt64(length) << 32)
        unsafe mz_store_u64_relaxed(block + Layout.Block.kind, BlockStore.keyWord(key))
        unsafe content.withUnsafeBytes { bytes in
            unsafe mz_copy_words_to_shared(block + Layout.Block.headerSize, bytes.baseAddress!, content.count)
        }
        let sequence = odd &+ 1
        unsafe mz_store_u32_release(block, sequence)
        liveBytes += Layout.blockSizes[sizeClass]
        return BlockReference(offset: offset, sequence: sequence)
    }

    private static func contentLength(_ key: TableKey, _ payload: [UInt8]) -> Int {
        (key.first.count + key.second.count + key.suffix.count + 7) & ~7 + payload.count
    }

    /// Key parts, padding to 8, payload, padding to 8: as words.
    private static func content(_ key: TableKey, _ payload: [UInt8]) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: max(1, (contentLength(key, payload) + 7) / 8))
        unsafe words.withUnsafeMutableBytes { buffer in
            var place = 0
            for part in [key.first, key.second, key.suffix] {
                for byte in part {
                    unsafe buffer[place] = byte
                    place += 1
                }
            }
            place = (place + 7) & ~7
            // Safe: the words were sized for key, padding and payload.
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[place...]).copyBytes(from: payload)
        }
        return words
    }

    private static func checksum(_ key: TableKey, _ content: [UInt64]) -> UInt32 {
        unsafe content.withUnsafeBytes { bytes in
            unsafe UInt32(truncatingIfNeeded: mz_keyed_hash(keyWord(key), bytes.baseAddress, bytes.count))
        }
    }

    // MARK: Space

    private func takeBlock(_ sizeClass: Int) throws(TableError) -> Int {
        if free[sizeClass].isEmpty { try carveExtent(sizeClass) }
        return Int(free[sizeClass].removeLast()) * Layout.Block.granularity
    }

    /// Cuts a new extent into blocks of one size. The end of the extents is stored last: a writer killed before that leaves
    /// bytes that nobody counts.
    private func carveExtent(_ sizeClass: Int) throws(TableError) {
        let blockSize = Layout.blockSizes[sizeClass]
        let count = max(1, (Layout.Extent.usualSize - Layout.Extent.headerSize) / blockSize)
        let size = (Layout.Extent.headerSize + count * blockSize + 4095) & ~4095
        guard extentsEnd + size <= data.size else { throw .full(path: data.path, needed: size) }
        try DataFile.allocate(file, path: data.path, offset: extentsEnd, length: size)
        let extent = unsafe data.base + extentsEnd
        unsafe mz_store_u32_relaxed(extent + Layout.Extent.blockSize, UInt32(blockSize))
        unsafe mz_store_u64_relaxed(extent + Layout.Extent.size, UInt64(size))
        unsafe mz_store_u32_relaxed(extent + Layout.Extent.blockCount, UInt32(count))
        unsafe mz_store_u32_release(extent + Layout.Extent.magic, Layout.Extent.magicValue)
        let first = extentsEnd + Layout.Extent.headerSize
        for index in stride(from: count - 1, through: 0, by: -1) {
            free[sizeClass].append(UInt32((first + index * blockSize) / Layout.Block.granularity))
        }
        extentsEnd += size
        data.header.extentsEnd = extentsEnd
    }
}
