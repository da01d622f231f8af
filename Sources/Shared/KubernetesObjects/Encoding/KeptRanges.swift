/// What of a protobuf message is to be kept, as ranges of its bytes, until one copy is made of them.
///
/// Messages inside, whose length may have changed, get a new head; they are not nested here.
struct KeptRanges {
    private struct Piece {
        var range: Range<Int>
        /// Set where a message begins that gets a new head: its field, and how many bytes of it are kept.
        var head: (number: UInt32, count: Int)?
    }

    private var pieces: [Piece] = []
    private var count = 0
    /// The piece and the count with which the message that has begun does so.
    private var open = (piece: 0, count: 0)

    init() { pieces.reserveCapacity(4) }

    /// - Parameter range: behind all that was kept before.
    mutating func keep(_ range: Range<Int>) {
        count += range.count
        let last = pieces.count - 1
        if last >= 0, pieces[last].range.upperBound == range.lowerBound {
            pieces[last].range = pieces[last].range.lowerBound..<range.upperBound
        } else {
            pieces.append(Piece(range: range))
        }
    }

    /// What is kept from here to ``endMessage()`` is the payload of field `number`, which began at `place`.
    mutating func beginMessage(_ number: UInt32, at place: Int) {
        open = (pieces.count, count)
        pieces.append(Piece(range: place..<place, head: (number, 0)))
    }

    mutating func endMessage() { pieces[open.piece].head?.count = count - open.count }

    /// The kept bytes, in one allocation of their size.
    func copy(from bytes: ArraySlice<UInt8>) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(pieces.reduce(count) { $0 + ($1.head == nil ? 0 : Self.longestHead) })
        for piece in pieces {
            if let head = piece.head {
                copy.appendTag(head.number, .lengthDelimited)
                copy.appendVarint(UInt64(head.count))
            }
            copy.append(contentsOf: bytes[piece.range])
        }
        return copy
    }

    /// Bytes of the tag of a low field and of a length below 32 GiB.
    private static let longestHead = 6
}
