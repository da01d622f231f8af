import CMizzenSystem

// Whether the bytes of a data file are what a writer left: asked by the writer when it adopts the file, and by whoever opens one of
// another boot.

extension DataFile {
    // Safe (in this file): addresses come from `bucket(at:)` and `block(_:)`, which keep them inside the mapping.

    /// What kind of record a block holds; nil where no writer wrote that byte.
    package func kind(of block: UnsafeMutableRawPointer) -> RecordKind? {
        RecordKind(rawValue: UInt8(truncatingIfNeeded: unsafe mz_load_u64_relaxed(block + Layout.Block.kind)))
    }

    /// The hash of a block's key, or nil where its lengths contradict one another.
    package func hash(of block: UnsafeMutableRawPointer) -> UInt64? {
        let word = unsafe mz_load_u64_relaxed(block + Layout.Block.kind)
        let length = Int(unsafe mz_load_u32_relaxed(block + Layout.Block.length))
        guard DataFile.paddedKeyLength(word) <= length, unsafe kind(of: block) != nil else { return nil }
        let first = Int(word >> 8 & 0xFF)
        let key = unsafe block + Layout.Block.headerSize
        let seed = hashSeed &+ (word & 0xFF) &* TableHash.kindFactor
        return unsafe mz_keyed_hash(mz_keyed_hash(seed, key, first), key + first, Int(word >> 16 & 0xFF))
    }

    package static func paddedKeyLength(_ word: UInt64) -> Int {
        (Int(word >> 8 & 0xFF) + Int(word >> 16 & 0xFF) + Int(word >> 32 & 0xFFFF) + 7) & ~7
    }

    package static func blockBytes(_ block: UnsafeMutableRawPointer) -> Int {
        unsafe Layout.Block.headerSize + Int(mz_load_u32_relaxed(block + Layout.Block.length))
    }

    /// Whether a block's checksum is that of its bytes.
    package func isIntact(_ block: UnsafeMutableRawPointer) -> Bool {
        let word = unsafe mz_load_u64_relaxed(block + Layout.Block.kind)
        let length = Int(unsafe mz_load_u32_relaxed(block + Layout.Block.length))
        let padded = max(8, (length + 7) & ~7)
        let sum = unsafe mz_keyed_hash(word, block + Layout.Block.headerSize, padded)
        return unsafe mz_load_u32_relaxed(block + Layout.Block.checksum) == UInt32(truncatingIfNeeded: sum)
    }

    /// Whether a reference leads to a whole record that belongs to its bucket.
    package func isSound(_ block: UnsafeMutableRawPointer, _ reference: BlockReference, bucket index: Int) -> Bool {
        guard unsafe mz_load_u32_relaxed(block) == reference.sequence, reference.sequence & 1 == 0,
            unsafe reference.offset + ((DataFile.blockBytes(block) + 7) & ~7) <= size, unsafe isIntact(block),
            let hash = unsafe hash(of: block)
        else { return false }
        // Look-ups compare this half of the hash first; the checksum does not cover it.
        guard unsafe mz_load_u32_relaxed(block + Layout.Block.hash) == UInt32(truncatingIfNeeded: hash >> 32) else { return false }
        return unsafe bucket(of: hash) == bucket(at: index)
    }

    /// What a record adds to the header's sum: its checksum, and the upper half of its key's hash above that.
    package static func summand(of block: UnsafeMutableRawPointer) -> UInt64 {
        let hash = unsafe mz_load_u32_relaxed(block + Layout.Block.hash)
        return UInt64(unsafe mz_load_u32_relaxed(block + Layout.Block.checksum)) | UInt64(hash) << 32
    }

    /// Whether the header counts just these records.
    package func isCounted(records: Int, sum: UInt64) -> Bool {
        header.recordCount == records && (header.recordSum == 0 || header.recordSum == sum)
    }

    /// Whether every record that the header counts is there, whole and in its place. Reads all of the file; where a writer works
    /// meanwhile the result means nothing.
    package func isWhole() -> Bool {
        let wanted = header.recordCount
        var (records, sum) = (0, UInt64(0))
        for index in 0..<bucketCount {
            var reference = unsafe BlockReference(word: mz_load_u64_acquire(bucket(at: index)))
            while !reference.isNone {
                // More than are counted: damage, or a circle.
                guard records < wanted, let block = unsafe block(reference), unsafe isSound(block, reference, bucket: index)
                else { return false }
                records += 1
                unsafe sum &+= DataFile.summand(of: block)
                reference = unsafe BlockReference(word: mz_load_u64_acquire(block + Layout.Block.next))
            }
        }
        return isCounted(records: records, sum: sum)
    }
}
