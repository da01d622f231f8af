/// The samples of up to 128 objects of one resource: a piece for each family.
///
/// A change of one object makes anew the pieces of the families in which it changes, and no others. Pieces are never written again, so that
/// a scrape may send those that it has seen while newer ones take their places.
struct TextGroup: Sendable {
    /// How many objects a group has room for. A family's piece of so many pods has some 5 KB: little enough to be made anew for each
    /// change, and enough to be worth the hundred bytes that a piece costs.
    static let size = 128

    /// One for each family; nil where no object has samples of it.
    private(set) var pieces: [TextPiece?]
    let identities: IdentityList
    /// Bytes of all pieces' lines, put together.
    private(set) var size = 0

    /// - Parameters:
    ///   - records: 1 to ``size``, each with as many families.
    ///   - names: how many bytes the name of each family has.
    init(_ records: [ObjectRecord], names: [Int]) {
        identities = IdentityList(records.map(\.identity))
        let lengths = records.map(\.identity.count)
        var positions = Array(repeating: 0, count: records.count)
        var builder = TextPieceBuilder()
        pieces = Array(repeating: nil, count: names.count)
        // Of most families nobody in the group has samples.
        for family in names.indices where records.contains(where: { $0.lengths[family] > 0 }) {
            for (slot, record) in records.enumerated() {
                let end = positions[slot] + record.lengths[family]
                builder.append(record.samples[positions[slot]..<end], line: names[family] + lengths[slot])
                positions[slot] = end
            }
            pieces[family] = builder.finish()
            size += pieces[family]?.size ?? 0
        }
    }

    /// What was kept of a group.
    /// - Parameter pieces: by their family's number.
    /// - Returns: nil where lengths do not fit one another.
    init?(identities: [[UInt8]], pieces kept: [(family: Int, content: ArraySlice<UInt8>)], names: [Int]) {
        self.identities = IdentityList(identities)
        pieces = Array(repeating: nil, count: names.count)
        var builder = TextPieceBuilder()
        for (family, content) in kept {
            guard names.indices.contains(family), pieces[family] == nil,
                let piece = builder.piece(of: content, self.identities, name: names[family])
            else { return nil }
            pieces[family] = piece
            size += piece.size
        }
    }

    /// Bytes of memory.
    var footprint: Int {
        pieces.reduce(identities.footprint + pieces.capacity * MemoryLayout<TextPiece?>.stride + 32) { $0 + ($1?.footprint ?? 0) }
    }

    /// Puts what an object has now in the place of what it had. Its identity must be the same.
    /// - Returns: in how many families it changes.
    @discardableResult
    mutating func replace(slot: Int, with record: ObjectRecord, names: [Int]) -> Int {
        let count = identities.indices.count
        let identity = identities.length(slot)
        var changed = 0
        var position = 0
        for (family, name) in names.enumerated() {
            let samples = record.samples[position..<position + record.lengths[family]]
            position = samples.endIndex
            guard let piece = pieces[family] else {
                if samples.isEmpty { continue }
                changed += 1
                pieces[family] = Self.piece(samples, in: slot, of: count, line: name + identity)
                size += pieces[family]?.size ?? 0
                continue
            }
            guard !piece.samples(slot: slot, of: count).hasSameBytes(as: samples) else { continue }
            changed += 1
            pieces[family] = piece.replacing(slot: slot, of: count, with: samples, line: name + identity)
            size += (pieces[family]?.size ?? 0) - piece.size
        }
        return changed
    }

    /// A piece in which one object alone has samples.
    private static func piece(_ samples: ArraySlice<UInt8>, in slot: Int, of count: Int, line: Int) -> TextPiece? {
        var builder = TextPieceBuilder()
        for other in 0..<count { builder.append(other == slot ? samples : [], line: line) }
        return builder.finish()
    }

    /// The object is gone; its place stays empty.
    mutating func remove(slot: Int, names: [Int]) {
        let nothing = ObjectRecord(identity: [], samples: [], lengths: names.map { _ in 0 })
        replace(slot: slot, with: nothing, names: names)
    }

    /// What an object has, as it stands in the pieces.
    func record(slot: Int) -> ObjectRecord {
        var samples: [UInt8] = []
        var lengths: [Int] = []
        for piece in pieces {
            let own = piece?.samples(slot: slot, of: identities.indices.count) ?? []
            samples += own
            lengths.append(own.count)
        }
        return ObjectRecord(identity: identities[slot], samples: samples, lengths: lengths)
    }
}

/// The labels that identify the objects of a group, one after another; immutable.
///
/// ``LinePrinter/padding`` bytes that mean nothing stand at the end.
struct IdentityList: Sendable {
    let bytes: [UInt8]
    /// Where each begins, and where the last one ends.
    let starts: [UInt32]

    init(_ identities: [[UInt8]]) {
        var (bytes, starts): ([UInt8], [UInt32]) = ([], [0])
        bytes.reserveCapacity(identities.reduce(LinePrinter.padding) { $0 + $1.count })
        for identity in identities {
            bytes += identity
            starts.append(UInt32(bytes.count))
        }
        bytes += repeatElement(0, count: LinePrinter.padding)
        (self.bytes, self.starts) = (bytes, starts)
    }

    /// Bytes of memory.
    var footprint: Int { bytes.capacity + starts.capacity * MemoryLayout<UInt32>.stride + 64 }

    var indices: Range<Int> { 0..<starts.count - 1 }

    func length(_ slot: Int) -> Int { Int(starts[slot + 1] - starts[slot]) }

    subscript(slot: Int) -> [UInt8] { Array(bytes[Int(starts[slot])..<Int(starts[slot + 1])]) }
}
