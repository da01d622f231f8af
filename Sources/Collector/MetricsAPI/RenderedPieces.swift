import Synchronization

/// In which form an item stands in a list.
enum PieceForm: Hashable, Sendable {
    case json(pretty: Bool)
    case protobuf
    /// Of a `Table`.
    case row(version: MetaVersion, object: RowObject, pretty: Bool)
}

/// An item of a list as it is sent, but for the time of the answer, which every item carries.
struct RenderedPiece: Sendable {
    var bytes: [UInt8]
    /// Where the time of the answer stands in them; the same number of bytes for every time from 1978 to 3058.
    var moment: Range<Int>
    /// How many of the first bytes depend on the object alone, not on its samples.
    var fixed: Int
    /// When what it shows was measured: nanoseconds since 1970-01-01 UTC.
    var measuredAt: Int64
}

/// What was rendered of one object, in each form that was asked for lately, for as long as no sample says anything new.
///
/// Its lock is of this object alone, and held while it is rendered: of two lists that want it at once the second finds it ready, and
/// samples, which go to the store, wait for neither.
final class RenderedPieces: Sendable {
    private struct Kept: Sendable {
        var form: PieceForm
        var piece: RenderedPiece
        /// What it shows: compared by identity, and held so that no other can take its address.
        var reading: any Reading
        /// Seconds since the boot.
        var asked: UInt32
    }

    /// What is measured of an object; the same one for as long as no sample says anything new.
    typealias Reading = AnyObject & Sendable

    private let kept = Mutex<[Kept]>([])

    /// - Parameters:
    ///   - reading: what it is to show.
    ///   - size: of the answer's time in this form.
    ///   - now: seconds since the boot.
    ///   - render: given the piece that showed another reading of the same object, of which it may keep what is fixed; nil where there is
    ///     nothing to show.
    func piece(
        _ form: PieceForm, of reading: any Reading, momentSize size: Int, now: UInt32, render: (RenderedPiece?) -> RenderedPiece?
    ) -> RenderedPiece? {
        kept.withLock { kept in
            guard let place = kept.firstIndex(where: { $0.form == form }) else {
                guard let piece = render(nil) else { return nil }
                kept.append(Kept(form: form, piece: piece, reading: reading, asked: now))
                return piece
            }
            let former = kept[place].piece
            let isWhole = former.moment.count == size
            if isWhole, kept[place].reading === reading {
                kept[place].asked = now
                return former
            }
            guard let piece = render(isWhole ? former : nil) else {
                kept.remove(at: place)
                return nil
            }
            kept[place] = Kept(form: form, piece: piece, reading: reading, asked: now)
            return piece
        }
    }

    /// Forgets what nobody has asked for since then, in seconds since the boot.
    func forget(before moment: UInt32) {
        kept.withLock { kept in
            guard kept.contains(where: { $0.asked < moment }) else { return }
            // Made anew, so that the array shrinks too.
            kept = kept.filter { $0.asked >= moment }
        }
    }

    /// Memory that they take, but for malloc's own.
    var size: Int {
        kept.withLock { kept in
            kept.isEmpty
                ? 0
                : Self.arrayHeader + kept.capacity * MemoryLayout<Kept>.stride
                    + kept.reduce(0) { $0 + Self.arrayHeader + $1.piece.bytes.capacity }
        }
    }

    private static let arrayHeader = 32
}
