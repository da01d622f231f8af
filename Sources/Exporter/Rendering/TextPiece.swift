import Glibc
import NIOCore
import Synchronization

/// The samples of one family and of the objects of one group; immutable.
///
/// What every line of an object repeats, the family's name and the labels that identify the object, is not here: lines are put together
/// when they are sent, from three copies each. That keeps a third of the text, and what one family needs of a group lies together.
///
/// Layout: for each place of the group the length of what its object has, then that, which is for each sample its length and its rest:
/// `,container="web"} 1` and a line feed. Lengths are as ``Swift/Array/append(length:)`` writes them. Behind the last place stands where
/// every ``stride``th begins, in four bytes each, so that a change of one object does not walk over all before it; and at the end
/// ``LinePrinter/padding`` bytes that mean nothing.
final class TextPiece: Sendable {
    /// Places from one whose beginning is noted to the next.
    fileprivate static let stride = 16

    let bytes: [UInt8]
    /// Bytes of the lines, put together; 0 where nobody has samples.
    let size: Int
    /// How many lines there are.
    let series: Int
    /// The lines compressed, from the first time that somebody asks for them so.
    private let compressed = Mutex<DeflatedText?>(nil)

    /// - Parameter bytes: as the layout says, for as many places as the group has.
    fileprivate init(bytes: [UInt8], size: Int, series: Int) { (self.bytes, self.size, self.series) = (bytes, size, series) }

    /// Bytes of memory: the object, its lock and two heads of allocations beside what it holds.
    var footprint: Int { bytes.capacity + 176 + (compressed.withLock { $0 }?.blocks.capacity ?? 0) }

    /// What all places have, one behind the other.
    /// - Parameter count: how many places there are.
    func content(of count: Int) -> ArraySlice<UInt8> { bytes[..<marks(of: count)] }

    /// What the object in this place has.
    /// - Parameter count: how many places there are.
    func samples(slot: Int, of count: Int) -> ArraySlice<UInt8> { bytes[place(slot, of: count).samples] }

    /// The same with something else in one place.
    /// - Parameters:
    ///   - count: how many places there are.
    ///   - line: how many bytes stand before each of the object's samples in its line: the family's name and the identity labels.
    /// - Returns: nil where nobody has samples then.
    func replacing(slot: Int, of count: Int, with samples: ArraySlice<UInt8>, line: Int) -> TextPiece? {
        let (start, old) = place(slot, of: count)
        let (before, after) = (Self.size(of: bytes[old], line: line), Self.size(of: samples, line: line))
        let (size, series) = (size - before.bytes + after.bytes, series - before.series + after.series)
        guard size > 0 else { return nil }
        let marks = marks(of: count)
        var new: [UInt8] = []
        let grown = [UInt8].sizeOf(length: samples.count) + samples.count - (old.upperBound - start)
        new.reserveCapacity(bytes.count + grown)
        new.append(contentsOf: bytes[..<start])
        new.append(length: samples.count)
        new.append(contentsOf: samples)
        new.append(contentsOf: bytes[old.upperBound..<marks])
        for mark in 0...(count - 1) / Self.stride {
            let position = self.mark(mark, at: marks)
            new.append(word: mark * Self.stride > slot ? position + grown : position)
        }
        new.append(contentsOf: repeatElement(0, count: LinePrinter.padding))
        return TextPiece(bytes: new, size: size, series: series)
    }

    /// The same samples behind other labels of their objects.
    /// - Parameters:
    ///   - identities: those labels.
    ///   - name: how many bytes the family's name has.
    func relabelled(_ identities: IdentityList, name: Int) -> TextPiece {
        var (size, start) = (0, 0)
        for slot in identities.indices {
            let samples = next(at: start)
            size += Self.size(of: bytes[samples], line: name + identities.length(slot)).bytes
            start = samples.upperBound
        }
        return TextPiece(bytes: bytes, size: size, series: series)
    }

    /// Where a place begins, and its samples.
    private func place(_ slot: Int, of count: Int) -> (start: Int, samples: Range<Int>) {
        var start = mark(slot / Self.stride, at: marks(of: count))
        for _ in 0..<slot % Self.stride { start = next(at: start).upperBound }
        return (start, next(at: start))
    }

    /// Where the samples of the place stand that begins here.
    private func next(at start: Int) -> Range<Int> {
        var position = start
        let length = bytes.readLength(at: &position)
        return position..<position + length
    }

    /// Where the notes stand of where places begin.
    private func marks(of count: Int) -> Int { bytes.count - LinePrinter.padding - 4 * ((count - 1) / Self.stride + 1) }

    private func mark(_ index: Int, at marks: Int) -> Int { bytes.word(at: marks + 4 * index) }

    /// How long the lines of samples are, and how many.
    fileprivate static func size(of samples: ArraySlice<UInt8>, line: Int) -> (bytes: Int, series: Int) {
        var (position, size, series) = (samples.startIndex, 0, 0)
        while position < samples.endIndex {
            let length = samples.readLength(at: &position)
            position += length
            size += line + length
            series += 1
        }
        return (size, series)
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

/// Makes pieces, one after another, of what each place has.
struct TextPieceBuilder {
    // Without the notes and what follows them. The room is used again for the next piece.
    private var bytes: [UInt8] = []
    private var marks: [Int] = []
    private var count = 0
    private var size = 0
    private var series = 0

    /// The next place.
    /// - Parameter line: as of ``TextPiece/replacing(slot:of:with:line:)``.
    mutating func append(_ samples: ArraySlice<UInt8>, line: Int) {
        if count % TextPiece.stride == 0 { marks.append(bytes.count) }
        count += 1
        bytes.append(length: samples.count)
        guard !samples.isEmpty else { return }
        bytes.append(contentsOf: samples)
        let lines = TextPiece.size(of: samples, line: line)
        size += lines.bytes
        series += lines.series
    }

    /// A piece as it was kept, from bytes that nobody has checked.
    /// - Parameters:
    ///   - content: as of ``TextPiece/content(of:)``.
    ///   - name: how many bytes the family's name has.
    /// - Returns: nil where lengths do not fit one another, and where nobody has samples.
    mutating func piece(of content: ArraySlice<UInt8>, _ identities: IdentityList, name: Int) -> TextPiece? {
        var position = content.startIndex
        for slot in identities.indices {
            guard let samples = content.part(at: &position), samples.isWholeSamples else { return nil }
            append(samples, line: name + identities.length(slot))
        }
        return position == content.endIndex ? finish() : nil
    }

    /// Ends a piece and begins the next.
    /// - Returns: nil where no place has samples.
    mutating func finish() -> TextPiece? {
        defer {
            bytes.removeAll(keepingCapacity: true)
            marks.removeAll(keepingCapacity: true)
            (count, size, series) = (0, 0, 0)
        }
        guard size > 0 else { return nil }
        // A copy of its size: pieces are kept.
        var whole: [UInt8] = []
        whole.reserveCapacity(bytes.count + 4 * marks.count + LinePrinter.padding)
        whole.append(contentsOf: bytes)
        for mark in marks { whole.append(word: mark) }
        whole.append(contentsOf: repeatElement(0, count: LinePrinter.padding))
        return TextPiece(bytes: whole, size: size, series: series)
    }
}

extension ArraySlice<UInt8> {
    /// As `==`, which looks at one byte at a time.
    func hasSameBytes(as other: ArraySlice<UInt8>) -> Bool {
        guard count == other.count else { return false }
        // Safe: memcmp reads as many bytes as both have, during the call.
        return unsafe withUnsafeBytes { mine in
            unsafe other.withUnsafeBytes { others in
                guard let first = mine.baseAddress, let second = others.baseAddress else { return true }
                return unsafe memcmp(first, second, mine.count) == 0
            }
        }
    }

    /// The part whose length stands here, from bytes that nobody has checked; moves behind it.
    /// - Returns: nil where it would go beyond the end.
    fileprivate func part(at position: inout Int) -> ArraySlice<UInt8>? {
        guard position < endIndex, endIndex - position >= (self[position] == 255 ? 5 : 1) else { return nil }
        let length = readLength(at: &position)
        guard length <= endIndex - position else { return nil }
        defer { position += length }
        return self[position..<position + length]
    }

    /// Whether these are samples, each behind its length, each of which ends its line.
    fileprivate var isWholeSamples: Bool {
        var position = startIndex
        while position < endIndex {
            guard let sample = part(at: &position), sample.last == UInt8(ascii: "\n") else { return false }
        }
        return true
    }
}

// Lengths: one byte below 255; otherwise 255 and four bytes, little-endian.
extension [UInt8] {
    static func sizeOf(length: Int) -> Int { length < 255 ? 1 : 5 }

    mutating func append(length: Int) {
        guard length >= 255 else { return append(UInt8(length)) }
        append(255)
        append(word: length)
    }

    /// Four bytes.
    mutating func append(word: Int) {
        append(UInt8(truncatingIfNeeded: word))
        append(UInt8(truncatingIfNeeded: word >> 8))
        append(UInt8(truncatingIfNeeded: word >> 16))
        append(UInt8(truncatingIfNeeded: word >> 24))
    }
}

extension RandomAccessCollection<UInt8> where Index == Int {
    /// Moves behind the length.
    func readLength(at position: inout Int) -> Int {
        let short = self[position]
        position += 1
        guard short == 255 else { return Int(short) }
        defer { position += 4 }
        return word(at: position)
    }

    func word(at position: Int) -> Int {
        Int(self[position]) | Int(self[position + 1]) << 8 | Int(self[position + 2]) << 16 | Int(self[position + 3]) << 24
    }
}
