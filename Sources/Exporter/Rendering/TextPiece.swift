import NIOCore
import Synchronization

/// The samples of one family and of the objects of one group; immutable.
///
/// What every line of an object repeats, the family's name and the labels that identify the object, is not here: lines are put together
/// when they are sent, from three copies each. That keeps a third of the text, and what one family needs of a group lies together.
///
/// Layout: for each place of the group the length of what its object has, then that, which is for each sample its length and its rest:
/// `,container="web"} 1` and a line feed. Lengths are as ``Swift/Array/append(length:)`` writes them. At the end stand
/// ``LinePrinter/padding`` bytes that mean nothing.
final class TextPiece: Sendable {
    let bytes: [UInt8]
    /// Bytes of the lines, put together.
    let size: Int
    /// How many lines there are.
    let series: Int
    /// The lines compressed, from the first time that somebody asks for them so.
    private let compressed = Mutex<DeflatedText?>(nil)

    /// - Parameters:
    ///   - slots: of each object its samples, from ``SampleWriter``.
    ///   - identities: how many bytes each object's identity labels have.
    ///   - name: how many bytes the family's name has.
    /// - Returns: nil where nobody has samples.
    init?(slots: [ArraySlice<UInt8>], identities: [Int], name: Int) {
        let content = slots.reduce(0) { $0 + $1.count }
        guard content > 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(content + slots.reduce(0) { $0 + [UInt8].sizeOf(length: $1.count) } + LinePrinter.padding)
        var (size, series) = (0, 0)
        for (slot, samples) in slots.enumerated() {
            bytes.append(length: samples.count)
            bytes.append(contentsOf: samples)
            var position = samples.startIndex
            while position < samples.endIndex {
                let length = samples.readLength(at: &position)
                position += length
                size += name + identities[slot] + length
                series += 1
            }
        }
        bytes.append(contentsOf: repeatElement(0, count: LinePrinter.padding))
        (self.bytes, self.size, self.series) = (bytes, size, series)
    }

    private init(bytes: [UInt8], size: Int, series: Int) { (self.bytes, self.size, self.series) = (bytes, size, series) }

    /// The same samples behind other identity labels.
    func relabelled(identities: [Int], name: Int) -> TextPiece {
        var (size, position) = (0, 0)
        for identity in identities {
            let samples = next(at: &position)
            var place = samples.lowerBound
            while place < samples.upperBound {
                let length = bytes.readLength(at: &place)
                place += length
                size += name + identity + length
            }
        }
        return TextPiece(bytes: bytes, size: size, series: series)
    }

    /// What the object in this place has.
    func samples(slot: Int) -> ArraySlice<UInt8> {
        var position = 0
        for _ in 0..<slot { _ = next(at: &position) }
        return bytes[next(at: &position)]
    }

    /// What each place has, for so many places.
    func slots(_ count: Int) -> [ArraySlice<UInt8>] {
        var position = 0
        return (0..<count).map { _ in bytes[next(at: &position)] }
    }

    /// Where the samples of the place stand that begins here; moves behind them.
    private func next(at position: inout Int) -> Range<Int> {
        let length = bytes.readLength(at: &position)
        defer { position += length }
        return position..<position + length
    }

    /// Two scrapes that ask for a new piece at once wait for one another and share the work.
    func deflated(_ make: () -> DeflatedText) -> DeflatedText {
        compressed.withLock { compressed in
            if let compressed { return compressed }
            let made = make()
            compressed = made
            return made
        }
    }
}

// Lengths: one byte below 255; otherwise 255 and four bytes, little-endian.
extension [UInt8] {
    static func sizeOf(length: Int) -> Int { length < 255 ? 1 : 5 }

    mutating func append(length: Int) {
        guard length >= 255 else { return append(UInt8(length)) }
        append(255)
        for shift in [0, 8, 16, 24] { append(UInt8(truncatingIfNeeded: length >> shift)) }
    }
}

extension RandomAccessCollection<UInt8> where Index == Int {
    /// Moves behind the length.
    func readLength(at position: inout Int) -> Int {
        let short = self[position]
        position += 1
        guard short == 255 else { return Int(short) }
        defer { position += 4 }
        return (0..<4).reduce(0) { $0 | Int(self[position + $1]) << (8 * $1) }
    }
}
