// Counters that outlive their process: layout and memory contract.
//
// WHAT IT IS FOR. Several frontends of one host answer for one another: whoever is asked for metrics tells the sums over all that live and
// all that have ended. So each has its numbers in a file of its own that the others map, and what an ended one has counted is added to a
// file of the ended.
//
// FILES of a folder that belongs to one user alone (the version of this layout is part of their names, so releases with another one do not
// touch them):
//   v1-ID         the segment of one process, ID being 16 hexadecimal digits drawn at random
//   v1-ID.making  a segment that is not finished
//   v1-ended      what all processes have counted that have ended, see `EndedCounters`
//
// WHO WRITES. A segment has one writer: the process that made it, which holds its lock (flock, exclusive) as long as it lives; the kernel takes the
// lock from it whatever ends it. Nobody else ever writes to it, so nothing that another process does can damage or delay its counting.
// Inside the process each thread adds to cells of its own, or with atomic additions to those that threads share; the directory of series
// grows under a lock that no query takes.
//
// A SEGMENT is a header, two places for the card, and records one after another. `end` says where the last one ends. A record is: the
// descriptions of one or more series, then their cells. It is written whole before `end` moves past it (release), and but for its cells and
// its mark it never changes and never moves. So a reader that loads `end` (acquire) finds whole records up to there; each states a checksum
// of its descriptions. Cells are words that are read one by one (relaxed): each is a number that was there.
//
// THE CARD says what the process serves and how it is. There are two places for it, and a count that says which one is meant (the count's
// lowest bit): the writer fills the other place and then adds one to the count (release). A reader copies the place and looks whether the count
// is still the same. A writer that is killed half way leaves the count, and with it the card of before.
//
// WHO LIVES. A segment whose lock nobody holds is that of an ended process. Everybody but its writer asks for a shared lock only, and only for a
// moment: so those who ask do not take one another for its writer. A segment gets its name only after it is locked, so none is ever seen
// without its writer's lock while that lives.
//
// ADDING UP THE ENDED, exactly once. Who does it holds the lock of the file that is to become `v1-ended` (`FileReplacement`). It writes, in this order:
//   1. a new file: what was in the old one and what the segments of the ended say, and the names of these segments
//   2. the new file takes the old one's place (rename)
//   3. the segments are removed
// Killed before 2, nothing has happened: the unfinished file is nobody's, and the next one writes over it. Killed between 2 and 3, the segments are there, and
// their names are in the file: they are counted already, and whoever comes next removes them. A name is forgotten once its segment is gone.
// Power losses do not matter: a file of another boot is never believed.
//
// READING THE SUM. A reader opens `v1-ended`, lists the folder, adds up the segments but for those that `v1-ended` names, and then looks whether
// `v1-ended` is still the same file. If it is not, it begins again. If it is, then during all that time nothing was added to it: each segment was
// either there and not named, or named. So no process is counted twice or not at all, and since cells only grow, no sum is lower than one that was
// told before, by whichever process.
//
// TRUST. Folder and files have to be the user's own, and nobody else may write to them; what is not is not looked into. Sizes, offsets and counts of
// a segment are checked against the file and one another before they are used. What is not survived is a file of ours that somebody cuts
// short while it is mapped, as with the record table.

/// Offsets and sizes in bytes; integers are in the machine's byte order, which `byteOrderMark` states.
enum CounterLayout {
    /// "MIZZENFC", as a little-endian word.
    static let magic: UInt64 = 0x4346_4E45_5A5A_494D
    /// "MIZZENFE": the file of the ended.
    static let endedMagic: UInt64 = 0x4546_4E45_5A5A_494D
    static let version: UInt32 = 1
    static let byteOrderMark: UInt32 = 0x0102_0304
    static let cacheLine = 64

    /// What a segment may grow to. A file has holes where nothing was written.
    static let capacity = 64 << 20
    /// Room is set aside in pieces of this size.
    static let growth = 64 << 10
    /// Segments of a folder, those of ended processes included.
    static let mostSegments = 512

    enum Header {
        static let magic = 0
        static let version = 8
        static let byteOrder = 12
        static let end = 16
        /// The monotonic clock, nanoseconds: it stands still while the machine is suspended, and so nobody seems to have been silent meanwhile.
        static let heartbeat = 24
        static let process = 32
        /// Nanoseconds since 1970.
        static let started = 40
        static let boot = 48  // 16 bytes, the upper half first
        static let cardCount = 64
        static let cards = 512
        /// Length in 8 bytes, then bytes.
        static let cardSize = 3840
        static let size = 8192
    }

    enum Record {
        static let length = 0
        static let descriptionLength = 4
        static let cellsOffset = 8
        static let cellCount = 12
        static let checksum = 16
        /// 0, or 1 where it is not told any more.
        static let mark = 24
        static let headerSize = 32
    }

    static let names = "v1-"
    static let ended = "v1-ended"
    static let unfinished = ".making"
}
