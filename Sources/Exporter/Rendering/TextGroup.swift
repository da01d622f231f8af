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
        let lengths = ([identities] + labelled).map(\.lengths)
        var positions = Array(repeating: 0, count: records.count)
        pieces = []
        pieces.reserveCapacity(families.count)
        for family in families.indices {
            let slots = records.indices.map { index in
                let start = positions[index]
                positions[index] += records[index].lengths[family]
                return records[index].samples[start..<positions[index]]
            }
            pieces.append(TextPiece(slots: slots, identities: lengths[families[family].list], name: families[family].name))
            size += pieces[family]?.size ?? 0
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
        var changed = 0
        var position = 0
        for family in families.indices {
            let samples = record.samples[position..<position + record.lengths[family]]
            position += samples.count
            let old = pieces[family]?.samples(slot: slot) ?? []
            guard !old.elementsEqual(samples) else { continue }
            changed += 1
            var slots = pieces[family]?.slots(identities.indices.count) ?? identities.indices.map { _ in [] }
            slots[slot] = samples
            let shown = identities(list: families[family].list)
            let new = TextPiece(slots: slots, identities: shown.lengths, name: families[family].name)
            size += (new?.size ?? 0) - (pieces[family]?.size ?? 0)
            pieces[family] = new
        }
        return changed
    }

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
            let lengths = labelled[list].lengths
            for family in families.indices where families[family].list == list + 1 {
                guard let piece = pieces[family] else { continue }
                let new = piece.relabelled(identities: lengths, name: families[family].name)
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
            let own = piece?.samples(slot: slot) ?? []
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

    var indices: Range<Int> { 0..<starts.count - 1 }
    var lengths: [Int] { indices.map { Int(starts[$0 + 1] - starts[$0]) } }

    subscript(slot: Int) -> [UInt8] { Array(bytes[Int(starts[slot])..<Int(starts[slot + 1])]) }
}
