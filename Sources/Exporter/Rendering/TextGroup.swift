/// What a group has to know of a family.
struct TextFamily: Sendable {
    /// How many bytes its name has.
    var name: Int
    /// Which list of chosen labels stands in its lines, from 1; 0: none.
    var list = 0
}

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
    /// The same with chosen labels behind them, for each list of those.
    private(set) var labelled: [IdentityList]
    /// Bytes of all pieces' lines, put together.
    private(set) var size = 0

    /// - Parameters:
    ///   - records: 1 to ``size``, each with as many families.
    init(_ records: [ObjectRecord], families: [TextFamily]) {
        identities = IdentityList(records.map(\.identity))
        let lists = families.reduce(0) { max($0, $1.list) }
        labelled = (0..<lists).map { list in IdentityList(records.map { $0.identity + $0.addition(list) }) }
        var positions = Array(repeating: 0, count: records.count)
        var builder = TextPieceBuilder()
        pieces = Array(repeating: nil, count: families.count)
        // Of most families nobody in the group has samples.
        for family in families.indices where records.contains(where: { $0.lengths[family] > 0 }) {
            let (name, shown) = (families[family].name, identities(list: families[family].list))
            for (slot, record) in records.enumerated() {
                let end = positions[slot] + record.lengths[family]
                builder.append(record.samples[positions[slot]..<end], line: name + shown.length(slot))
                positions[slot] = end
            }
            pieces[family] = builder.finish()
            size += pieces[family]?.size ?? 0
        }
    }

    /// What was kept of a group.
    /// - Parameters:
    ///   - labelled: the same objects with chosen labels, for each list of those.
    ///   - pieces: by their family's number.
    /// - Returns: nil where lengths and numbers do not fit one another.
    init?(
        identities: [[UInt8]], labelled: [[[UInt8]]] = [], pieces kept: [(family: Int, content: ArraySlice<UInt8>)], families: [TextFamily]
    ) {
        guard labelled.count == families.reduce(0, { max($0, $1.list) }), labelled.allSatisfy({ $0.count == identities.count }) else {
            return nil
        }
        self.identities = IdentityList(identities)
        self.labelled = labelled.map(IdentityList.init)
        pieces = Array(repeating: nil, count: families.count)
        var builder = TextPieceBuilder()
        for (family, content) in kept {
            guard families.indices.contains(family), pieces[family] == nil,
                let piece = builder.piece(of: content, self.identities(list: families[family].list), name: families[family].name)
            else { return nil }
            pieces[family] = piece
            size += piece.size
        }
    }

    /// Bytes of memory.
    var footprint: Int {
        pieces.reduce(([identities] + labelled).reduce(0) { $0 + $1.footprint } + pieces.capacity * MemoryLayout<TextPiece?>.stride + 32) {
            $0 + ($1?.footprint ?? 0)
        }
    }

    /// What stands in the lines of a family.
    /// - Parameter list: ``TextFamily/list``.
    func identities(list: Int) -> IdentityList { list == 0 ? identities : labelled[list - 1] }

    /// Puts what an object has now in the place of what it had. Its identity must be the same.
    /// - Returns: in how many families its samples change.
    @discardableResult
    mutating func replace(slot: Int, with record: ObjectRecord, families: [TextFamily]) -> Int {
        if !labelled.isEmpty { relabel([slot: record.additions], families: families) }
        return replaceSamples(slot: slot, with: record, families: families)
    }

    private mutating func replaceSamples(slot: Int, with record: ObjectRecord, families: [TextFamily]) -> Int {
        let count = identities.indices.count
        var changed = 0
        var position = 0
        for family in families.indices {
            let samples = record.samples[position..<position + record.lengths[family]]
            position = samples.endIndex
            guard let piece = pieces[family] else {
                if samples.isEmpty { continue }
                changed += 1
                pieces[family] = Self.piece(samples, in: slot, of: count, line: line(of: families[family], slot: slot))
                size += pieces[family]?.size ?? 0
                continue
            }
            guard !piece.samples(slot: slot, of: count).hasSameBytes(as: samples) else { continue }
            changed += 1
            pieces[family] = piece.replacing(slot: slot, of: count, with: samples, line: line(of: families[family], slot: slot))
            size += (pieces[family]?.size ?? 0) - piece.size
        }
        return changed
    }

    /// How many bytes stand before each of an object's samples.
    private func line(of family: TextFamily, slot: Int) -> Int { family.name + identities(list: family.list).length(slot) }

    /// Puts other chosen labels behind the identities of objects. Samples stay where they are, and are not copied.
    /// - Parameter additions: ``ObjectRecord/additions``, by place.
    /// - Returns: how many objects that changes.
    @discardableResult
    mutating func relabel(_ additions: [Int: [[UInt8]]], families: [TextFamily]) -> Int {
        var changed: Set<Int> = []
        for list in labelled.indices {
            var shown: [Int: [UInt8]] = [:]
            for (slot, additions) in additions {
                let new = identities[slot] + (additions.indices.contains(list) ? additions[list] : [])
                if labelled[list][slot] != new { shown[slot] = new }
            }
            guard !shown.isEmpty else { continue }
            changed.formUnion(shown.keys)
            let old = labelled[list]
            labelled[list] = IdentityList(old.indices.map { shown[$0] ?? old[$0] })
            for family in families.indices where families[family].list == list + 1 {
                guard let piece = pieces[family] else { continue }
                let new = piece.relabelled(labelled[list], name: families[family].name)
                size += new.size - piece.size
                pieces[family] = new
            }
        }
        return changed.count
    }

    /// Takes all samples of a family out.
    mutating func drop(family: Int) {
        size -= pieces[family]?.size ?? 0
        pieces[family] = nil
    }

    /// A piece in which one object alone has samples.
    private static func piece(_ samples: ArraySlice<UInt8>, in slot: Int, of count: Int, line: Int) -> TextPiece? {
        var builder = TextPieceBuilder()
        for other in 0..<count { builder.append(other == slot ? samples : [], line: line) }
        return builder.finish()
    }

    /// The object is gone; its place stays empty.
    mutating func remove(slot: Int, families: [TextFamily]) {
        let nothing = ObjectRecord(identity: [], samples: [], lengths: families.map { _ in 0 })
        _ = replaceSamples(slot: slot, with: nothing, families: families)
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
        let identity = identities[slot]
        return ObjectRecord(
            identity: identity, samples: samples, lengths: lengths, additions: labelled.map { Array($0[slot].dropFirst(identity.count)) })
    }
}

extension ObjectRecord {
    fileprivate func addition(_ list: Int) -> [UInt8] { additions.indices.contains(list) ? additions[list] : [] }
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
