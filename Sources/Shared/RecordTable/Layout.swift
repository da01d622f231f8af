package import Glibc

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
package enum Layout {
    /// "MIZZENTB" and "MIZZENDT" as little-endian words.
    package static let controlMagic: UInt64 = 0x4254_4E45_5A5A_494D
    /// "MIZZENKP": the control file of a table that has no readers, see ``RecordKind/kept``.
    package static let keptMagic: UInt64 = 0x504B_4E45_5A5A_494D
    package static let dataMagic: UInt64 = 0x5444_4E45_5A5A_494D
    package static let version: UInt32 = 2
    package static let byteOrderMark: UInt32 = 0x0102_0304

    package static let controlSize = 32_768
    package static let dataHeaderSize = 4096
    package static let cacheLine = 64

    /// Where things are in the control file.
    package enum Control {
        package static let magic = 0
        package static let version = 8
        package static let byteOrder = 12
        package static let size = 16
        package static let generation = 24
        package static let heartbeat = 32
        /// Sequence lock over everything from `writerProcess` on: odd while the writer changes it.
        package static let statusSequence = 40
        package static let hashSeed = 48
        /// The boot clock at the last heartbeat, in nanoseconds; 0 where it was not stated.
        package static let heartbeatSinceBoot = 56
        package static let writerProcess = 64
        package static let writerStarted = 72
        package static let counts = 80  // namespaces, services, slices, endpoints, pods
        package static let resourceCount = 120
        package static let bootIdentity = 128  // 16 bytes, of the boot in which the heartbeat was written; 0: not stated
        package static let writerIdentity = 144  // length in one byte, then up to 111 bytes
        package static let resources = 256
        package static let resourceEntry = 256
        package static let maximumResources = 96
    }

    /// Where things are in one resource's entry of the control file.
    package enum ResourceEntry {
        package static let isSynced = 0
        package static let wallTime = 8
        package static let name = 16  // length in one byte, then up to 79 bytes
        package static let resourceVersion = 96  // length in one byte, then up to 127 bytes
        package static let maximumName = 79
        package static let maximumResourceVersion = 127
    }

    /// Where things are in a data file's header.
    package enum Data {
        package static let magic = 0
        package static let version = 8
        package static let byteOrder = 12
        package static let size = 16
        package static let generation = 24
        package static let bucketCount = 32
        package static let buckets = 40
        package static let extents = 48
        package static let extentsEnd = 56
        package static let recordCount = 64
        package static let hashSeed = 72
        /// The sum, modulo 2^64, of what ``DataFile/summand(of:)`` says of each record; 0: not stated.
        package static let recordSum = 80
    }

    /// An extent is a header and blocks of one size.
    package enum Extent {
        package static let headerSize = 64
        package static let magicValue: UInt32 = 0x4558_544E
        package static let magic = 0
        package static let blockSize = 4
        package static let size = 8
        package static let blockCount = 16
        package static let usualSize = 65_536
    }

    /// Where things are in a block.
    package enum Block {
        package static let headerSize = 32
        package static let sequence = 0
        package static let checksum = 4
        package static let next = 8
        package static let hash = 16
        package static let length = 20  // of key and payload together
        package static let kind = 24
        package static let firstLength = 25
        package static let secondLength = 26
        package static let suffixLength = 28
        package static let granularity = 32
        package static let smallest = 64
        package static let largest = 4 << 20
    }
}

/// What a record is about. The raw values are part of the layout.
package enum RecordKind: UInt8, CaseIterable {
    case namespace = 1
    case service = 2
    /// Cluster IP or external IP → service. Derived from `service`.
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
    /// What a process keeps for the next of its kind; in tables of such records only.
    case kept = 9
}

/// What a table is for. A file of the one kind is foreign to who wants the other.
package enum TablePurpose {
    /// Records about the cluster, which everybody may read.
    case records
    /// What a process keeps for the next of its kind, and nobody else reads: its owner's alone.
    case keeping

    package var magic: UInt64 {
        switch self {
        case .records: Layout.controlMagic
        case .keeping: Layout.keptMagic
        }
    }

    package var mode: mode_t {
        switch self {
        case .records: 0o644
        case .keeping: 0o600
        }
    }
}

/// A reference to a block as it stands in buckets and `next` words; 0 is none.
package struct BlockReference: Equatable {
    package var word: UInt64

    package static let none = BlockReference(word: 0)

    package init(word: UInt64) { self.word = word }

    package init(offset: Int, sequence: UInt32) {
        word = UInt64(offset / Layout.Block.granularity) << 32 | UInt64(sequence)
    }

    package var isNone: Bool { word == 0 }
    package var offset: Int { Int(word >> 32) * Layout.Block.granularity }
    package var sequence: UInt32 { UInt32(truncatingIfNeeded: word) }
}

extension Layout {
    /// The block sizes: four steps to each doubling, so that at most a quarter of a block lies idle.
    package static let blockSizes: [Int] = {
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
    package static func sizeClass(for bytes: Int) -> Int? {
        var low = 0
        var high = blockSizes.count
        while low < high {
            let middle = (low + high) / 2
            if blockSizes[middle] < bytes { low = middle + 1 } else { high = middle }
        }
        return low < blockSizes.count ? low : nil
    }
}
