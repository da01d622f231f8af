import CMizzenSystem
import Glibc
import RecordTable

// What the writer does with a data file that it did not fill itself: finds out what is free, drops what a power loss damaged,
// copies the records on into another generation, and checks that every block is accounted for.

/// A set of blocks of one data file, a bit for each place that a block may have.
struct BlockSet {
    private var words: [UInt64]

    /// - Parameter size: of the data file, in bytes.
    init(fileSize size: Int) { words = [UInt64](repeating: 0, count: size / Layout.Block.granularity / 64 + 1) }

    func contains(_ offset: Int) -> Bool {
        let index = offset / Layout.Block.granularity
        return words[index / 64] >> UInt64(index % 64) & 1 == 1
    }

    mutating func insert(_ offset: Int) {
        let index = offset / Layout.Block.granularity
        words[index / 64] |= 1 << UInt64(index % 64)
    }
}

extension BlockStore {
    /// What `adopt` found.
    struct Adoption {
        /// References that were cut because what they led to was damaged (after a power loss).
        var cut = 0
        /// The extents' own headers are damaged: what is free cannot be told, so the records have to move to a new file.
        var needsNewFile = false
        /// Records are there that the file's header does not count, or are missing. In the boot in which they were written that
        /// is the mark of a writer killed between two stores, at worst; after another it may be a power loss.
        var differsFromHeader = false
    }

    /// Walks all extents, calling `body` with each block's place and size.
    func forEachBlock(_ body: (_ offset: Int, _ size: Int) -> Void) throws(TableError) {
        // Safe (in this file): places are checked against the file's size before they are followed; this process is the only
        // writer.
        var place = data.extentsStart
        while place < extentsEnd {
            let extent = unsafe data.base + place
            let blockSize = Int(unsafe mz_load_u32_relaxed(extent + Layout.Extent.blockSize))
            let size = Int(clamping: unsafe mz_load_u64_relaxed(extent + Layout.Extent.size))
            let count = Int(unsafe mz_load_u32_relaxed(extent + Layout.Extent.blockCount))
            guard unsafe mz_load_u32_relaxed(extent + Layout.Extent.magic) == Layout.Extent.magicValue,
                blockSize >= Layout.Block.smallest, size > 0, size <= extentsEnd - place, size % Layout.Block.granularity == 0,
                blockSize % Layout.Block.granularity == 0, Layout.Extent.headerSize + count * blockSize <= size
            else { throw .foreign(path: data.path) }
            for index in 0..<count { body(place + Layout.Extent.headerSize + index * blockSize, blockSize) }
            place += size
        }
    }

    /// Takes over what an earlier writer left: keeps every record that a chain leads to and whose bytes are whole, and
    /// takes all other blocks as free.
    func adopt() -> Adoption {
        var live = BlockSet(fileSize: data.size)
        var adoption = Adoption()
        recordCount = 0
        recordSum = 0
        for index in 0..<data.bucketCount { unsafe adoptChain(data.bucket(at: index), index, &live, &adoption) }
        free = Array(repeating: [], count: Layout.blockSizes.count)
        liveBytes = 0
        var found = 0
        do throws(TableError) {
            try forEachBlock { offset, size in
                guard let sizeClass = Layout.sizeClass(for: size) else { return }
                if live.contains(offset) {
                    liveBytes += size
                    found += 1
                } else {
                    unsafe retireUnreachable(data.base + offset)
                    free[sizeClass].append(UInt32(offset / Layout.Block.granularity))
                }
            }
        } catch {
            adoption.needsNewFile = true
        }
        // A record outside every extent: an extent's header, or where the extents end, was lost.
        if found != recordCount { adoption.needsNewFile = true }
        if adoption.needsNewFile { liveBytes = extentBytes }
        adoption.differsFromHeader = !data.isCounted(records: recordCount, sum: recordSum)
        stateRecords()
        return adoption
    }

    private func adoptChain(
        _ bucket: UnsafeMutableRawPointer, _ index: Int, _ live: inout BlockSet, _ adoption: inout Adoption
    ) {
        var predecessor = unsafe bucket
        var earlier: [Int] = []
        while true {
            let reference = unsafe BlockReference(word: mz_load_u64_relaxed(predecessor))
            guard !reference.isNone else { return }
            guard let block = unsafe data.block(reference), unsafe data.isSound(block, reference, bucket: index),
                !live.contains(reference.offset)
            else {
                unsafe mz_store_u64_release(predecessor, 0)
                adoption.cut += 1
                return
            }
            // A removal that did not reach the disk, and the insertion after it that did: the one further ahead is newer.
            if earlier.contains(where: { unsafe haveSameKey(data.base + $0, block) }) {
                unsafe mz_store_u64_release(predecessor, mz_load_u64_relaxed(block + Layout.Block.next))
                adoption.cut += 1
                continue
            }
            earlier.append(reference.offset)
            live.insert(reference.offset)
            recordCount += 1
            unsafe recordSum &+= DataFile.summand(of: block)
            unsafe predecessor = block + Layout.Block.next
        }
    }

    private func retireUnreachable(_ block: UnsafeMutableRawPointer) {
        let sequence = unsafe mz_load_u32_relaxed(block)
        if sequence & 1 == 0 { unsafe mz_store_u32_release(block, sequence &+ 1) }
    }

    /// Calls `body` with the place and the kind of every record.
    func forEachPlace(_ body: (_ offset: Int, _ kind: RecordKind) -> Void) {
        for index in 0..<data.bucketCount {
            var reference = unsafe BlockReference(word: mz_load_u64_relaxed(data.bucket(at: index)))
            while !reference.isNone, let block = unsafe data.block(reference) {
                if let kind = unsafe data.kind(of: block) { body(reference.offset, kind) }
                reference = unsafe BlockReference(word: mz_load_u64_relaxed(block + Layout.Block.next))
            }
        }
    }

    /// Whether the first part of the key is this, of the record at a place that `forEachPlace` named; copies nothing.
    func isFirstPart(_ part: [UInt8], at offset: Int) -> Bool {
        let block = unsafe data.base + offset
        guard Int(unsafe mz_load_u64_relaxed(block + Layout.Block.kind) >> 8 & 0xFF) == part.count else { return false }
        return unsafe part.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return true }
            return unsafe memcmp(start, block + Layout.Block.headerSize, bytes.count) == 0
        }
    }

    /// A copy of the record at a place that `forEachPlace` named.
    func record(at offset: Int) -> (key: TableKey?, payload: [UInt8]) { unsafe copy(data.base + offset) }

    /// Calls `body` with a copy of every record of these kinds.
    func forEachRecord(of kinds: Set<RecordKind> = Set(RecordKind.allCases), _ body: (TableKey, [UInt8]) -> Void) {
        forEachPlace { offset, kind in
            guard kinds.contains(kind) else { return }
            let (key, payload) = record(at: offset)
            if let key { body(key, payload) }
        }
    }

    /// Inserts a copy of every record of this file into an empty one.
    func copyAll(into other: BlockStore) throws(TableError) {
        var failure: TableError?
        forEachPlace { offset, _ in
            guard failure == nil, let hash = unsafe data.hash(of: data.base + offset) else { return }
            do throws(TableError) {
                unsafe try other.insertCopy(of: data.base + offset, hash: hash)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        other.stateRecords()
    }

    /// Whether the free lists and the chains account for every block exactly once, and each chain is sound.
    func accountingFault() throws(TableError) -> String? {
        var seen: [Int: String] = [:]
        var fault: String?
        func note(_ offset: Int, _ what: String) {
            if let before = seen[offset] { fault = fault ?? "block \(offset) is \(before) and \(what)" }
            seen[offset] = what
        }
        var identities: Set<TableKey> = []
        for index in 0..<data.bucketCount {
            var reference = unsafe BlockReference(word: mz_load_u64_relaxed(data.bucket(at: index)))
            while !reference.isNone {
                guard let block = unsafe data.block(reference), unsafe data.isSound(block, reference, bucket: index) else {
                    return "bucket \(index) leads to \(reference.offset), which is not a sound record of it"
                }
                note(reference.offset, "in a chain")
                if let key = unsafe copy(block).key, !identities.insert(key).inserted {
                    fault = fault ?? "two records have the key \(key)"
                }
                reference = unsafe BlockReference(word: mz_load_u64_relaxed(block + Layout.Block.next))
            }
        }
        let inChains = seen.count
        for places in free { for place in places { note(Int(place) * Layout.Block.granularity, "free") } }
        var blocks = 0
        try forEachBlock { offset, _ in
            blocks += 1
            if seen[offset] == nil { fault = fault ?? "block \(offset) is neither free nor in a chain" }
        }
        if blocks != seen.count { fault = fault ?? "\(seen.count) blocks are accounted for, the file has \(blocks)" }
        if inChains != recordCount { fault = fault ?? "\(inChains) records are in chains, \(recordCount) are counted" }
        return fault
    }
}
