// The record table's layout and memory contract. docs/record-table.md says the same for readers in other languages.
//
// FILES. `PATH` is the control file, `PATH.N` the data file of generation N. Both are mapped shared by everyone. The
// control file keeps its inode for the table's life, carries the writer's lock (flock, held while the writer lives) and
// names the current generation. A data file is complete before its number is stored there and is never resized after.
//
// WHO WRITES. One process, the watcher, which holds the lock; inside it one thread at a time. Readers map both files read
// only: they cannot write, so nothing of a reader's life or death shows in the table.
//
// BLOCKS. Everything variable lives in blocks. Once a block is carved out of an extent, its place and size are fixed for
// the data file's life, so the word at its start is always a sequence number, whoever looks through whatever stale
// reference:
//   even: the block holds a record;  odd (or 0): it is free or being written.
// A reference is 64 bits: the block's place (32 bits, in units of 32 bytes) and the sequence number that the block had
// when the reference was made. Whoever follows it compares the two; a difference means that the record went away.
//
// CHAINS. A bucket is a reference to a block; a block's `next` is a reference to the following one. `next` is the only word
// of a live block that changes. All changes are one 8-byte store with release order:
//   insert   block.next = bucket;           bucket = block
//   replace  new.next = old.next;           predecessor = new;         then old becomes odd
//   remove                                  predecessor = old.next;    then old becomes odd
//
// WHAT A READER MAY SEE. It walks a chain from the bucket: for each reference it loads the block's sequence (acquire),
// compares it with the reference, copies what it needs word by word, issues an acquire fence and loads the sequence
// again. Equal both times: the copy is one record as the writer published it, because the writer makes the sequence odd
// *before* (release fence) and even *after* (release store) it touches the bytes. Different at any time: it starts over at
// the bucket. A replaced record stands in its predecessor's word from one store to the next, so a walker meets the old or
// the new one, never none and never both; a removed record leads on to what followed it. A reader that was stopped for
// long finds other sequence numbers and starts over. (A number comes round after 2^31 reuses of one block; at a million
// writes a second to one and the same block that is 36 minutes of a reader stopped between two of its instructions.)
//
// WHAT REMAINS IF THE WRITER DIES. Between any two of its stores each chain is whole. Killed while it fills a block: the
// block is in no chain. Killed between the publishing store and the retiring one: the old block is in no chain. The next
// writer walks all chains, takes every block that it did not meet as free, and goes on. An object of several records (an
// endpoint slice and its addresses) is written so that readers who find half of it answer as before or as after; the next
// writer makes the derived records agree with the primary ones.
//
// POWER LOSS is another matter (pages reach the disk in any order): every record carries a checksum over key and payload, and
// the next writer cuts what does not match it, moves the rest to a new file where the extents are damaged, and takes back that
// the table was synced. A reader tells a wrong reference from a changing one: in a live table a reference that was stale once
// is not met again at the next walk, because the word that held it was changed before the block was.

/// Facts of the layout that both sides share. Offsets and sizes are in bytes; integers are in the machine's byte order,
/// which `byteOrderMark` states.
enum Layout {
    /// "MIZZENTB" and "MIZZENDT" as little-endian words.
    static let controlMagic: UInt64 = 0x4254_4E45_5A5A_494D
    static let dataMagic: UInt64 = 0x5444_4E45_5A5A_494D
    static let version: UInt32 = 1
    static let byteOrderMark: UInt32 = 0x0102_0304

    static let controlSize = 32_768
    static let dataHeaderSize = 4096
    static let cacheLine = 64

    /// Where things are in the control file.
    enum Control {
        static let magic = 0
        static let version = 8
        static let byteOrder = 12
        static let size = 16
        static let generation = 24
        static let heartbeat = 32
        /// Sequence lock over everything from `writerProcess` on: odd while the writer changes it.
        static let statusSequence = 40
        static let hashSeed = 48
        /// The boot clock at the last heartbeat, in nanoseconds; 0 where it was not stated.
        static let heartbeatSinceBoot = 56
        static let writerProcess = 64
        static let writerStarted = 72
        static let counts = 80  // namespaces, services, slices, endpoints, pods
        static let resourceCount = 120
        static let bootIdentity = 128  // 16 bytes, of the boot in which the heartbeat was written; 0: not stated
        static let writerIdentity = 144  // length in one byte, then up to 111 bytes
        static let resources = 256
        static let resourceEntry = 256
        static let maximumResources = 96
    }

    /// Where things are in one resource's entry of the control file.
    enum ResourceEntry {
        static let isSynced = 0
        static let wallTime = 8
        static let name = 16  // length in one byte, then up to 79 bytes
        static let resourceVersion = 96  // length in one byte, then up to 127 bytes
        static let maximumName = 79
        static let maximumResourceVersion = 127
    }

    /// Where things are in a data file's header.
    enum Data {
        static let magic = 0
        static let version = 8
        static let byteOrder = 12
        static let size = 16
        static let generation = 24
        static let bucketCount = 32
        static let buckets = 40
        static let extents = 48
        static let extentsEnd = 56
        static let recordCount = 64
        static let hashSeed = 72
        /// The sum, modulo 2^64, of what ``DataFile/summand(of:)`` says of each record; 0: not stated.
        static let recordSum = 80
    }

    /// An extent is a header and blocks of one size.
    enum Extent {
        static let headerSize = 64
        static let magicValue: UInt32 = 0x4558_544E
        static let magic = 0
        static let blockSize = 4
        static let size = 8
        static let blockCount = 16
        static let usualSize = 65_536
    }

    /// Where things are in a block.
    enum Block {
        static let headerSize = 32
        static let sequence = 0
        static let checksum = 4
        static let next = 8
        static let hash = 16
        static let length = 20  // of key and payload together
        static let kind = 24
        static let firstLength = 25
        static let secondLength = 26
        static let suffixLength = 28
        static let granularity = 32
        static let smallest = 64
        static let largest = 4 << 20
    }
}

/// What a record is about. The raw values are part of the layout.
enum RecordKind: UInt8, CaseIterable {
    case namespace = 1
    case service = 2
    /// Cluster IP → service. Derived from `service`.
    case serviceAddress = 3
    /// One endpoint slice, found by its service.
    case slice = 4
    /// Slice name → service name. Derived from `slice`.
    case sliceName = 5
    /// Endpoint address → slice. Derived from `slice`.
    case endpointAddress = 6
    case pod = 7
    /// Pod address → pod. Derived from `pod`.
    case podAddress = 8
}

/// A reference to a block as it stands in buckets and `next` words; 0 is none.
struct BlockReference: Equatable {
    var word: UInt64

    static let none = BlockReference(word: 0)

    init(word: UInt64) { self.word = word }

    init(offset: Int, sequence: UInt32) {
        word = UInt64(offset / Layout.Block.granularity) << 32 | UInt64(sequence)
    }

    var isNone: Bool { word == 0 }
    var offset: Int { Int(word >> 32) * Layout.Block.granularity }
    var sequence: UInt32 { UInt32(truncatingIfNeeded: word) }
}

extension Layout {
    /// The block sizes: four steps to each doubling, so that at most a quarter of a block lies idle.
    static let blockSizes: [Int] = {
        var sizes: [Int] = []
        var base = Block.smallest
        while base < Block.largest {
            for step in 0..<4 {
                let size = base + base / 4 * step
                let rounded = (size + Block.granularity - 1) / Block.granularity * Block.granularity
                if sizes.last != rounded { sizes.append(rounded) }
            }
            base *= 2
        }
        sizes.append(Block.largest)
        return sizes
    }()

    /// The index of the smallest block size that holds `bytes`, or nil beyond the largest.
    static func sizeClass(for bytes: Int) -> Int? {
        var low = 0
        var high = blockSizes.count
        while low < high {
            let middle = (low + high) / 2
            if blockSizes[middle] < bytes { low = middle + 1 } else { high = middle }
        }
        return low < blockSizes.count ? low : nil
    }
}
