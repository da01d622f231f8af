// Records of a file that grows at its end: a stream's history, and what a follower keeps of its own over a restart.
//
// A record is its body's length, the complement of that, a checksum of the body (4 bytes each) and the body. Numbers are
// little-endian, texts have their length (2 bytes) in front.

/// Why a file of records cannot be gone on with.
public enum HistoryFault: Error, Hashable, Sendable {
    /// The file ends inside the record that begins here: what a process leaves that is killed while it writes.
    case cutShort(at: Int)
    case damaged(at: Int, StaticString)

    public static func == (left: HistoryFault, right: HistoryFault) -> Bool { left.text == right.text }
    public func hash(into hasher: inout Hasher) { hasher.combine(text) }

    public var text: String {
        switch self {
        case .cutShort(let at): "it ends inside the record at byte \(at)"
        case .damaged(let at, let what): "at byte \(at): \(what)"
        }
    }
}

/// Puts records one behind the other into a buffer.
public struct RecordEncoder: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// - Parameter capacity: bytes that will be put at least.
    public init(capacity: Int) { bytes.reserveCapacity(capacity) }

    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// One record around what the body puts.
    public mutating func record(_ body: (inout RecordEncoder) -> Void) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: RecordDecoder.frameSize))
        let bodyStart = bytes.count
        body(&self)
        let length = UInt32(bytes.count - bodyStart)
        set(length, at: start)
        set(~length, at: start + 4)
        set(RecordDecoder.checksum(bytes, bodyStart..<bytes.count), at: start + 8)
    }

    /// What identifies an object is far shorter than 65,535 bytes (``EnvelopeDecoder/longestText``); a longer text would be
    /// cut here and found to be another object's after a restart.
    public mutating func put(_ text: String) {
        let count = min(text.utf8.count, Int(UInt16.max))
        put(UInt16(count))
        // A prefix would be appended byte by byte.
        if count == text.utf8.count { bytes.append(contentsOf: text.utf8) } else { bytes.append(contentsOf: text.utf8.prefix(count)) }
    }

    public mutating func put(_ number: UInt8) { bytes.append(number) }
    public mutating func put(_ number: UInt16) { place(UInt64(number), 2) }
    public mutating func put(_ number: UInt32) { place(UInt64(number), 4) }
    public mutating func put(_ number: UInt64) {
        // Safe: the bytes of a local value, appended within the closure. One by one they take several times as long.
        unsafe withUnsafeBytes(of: number.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    public mutating func put(_ numbers: (UInt64, UInt64, UInt64, UInt64)) {
        let ordered = (numbers.0.littleEndian, numbers.1.littleEndian, numbers.2.littleEndian, numbers.3.littleEndian)
        // Safe: as above; four numbers of one size have nothing between them.
        unsafe withUnsafeBytes(of: ordered) { unsafe bytes.append(contentsOf: $0) }
    }

    private mutating func place(_ number: UInt64, _ count: Int) {
        for place in 0..<count { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * place))) }
    }

    private mutating func set(_ number: UInt32, at start: Int) {
        for place in 0..<4 { bytes[start + place] = UInt8(truncatingIfNeeded: number >> UInt32(8 * place)) }
    }
}

/// Reads records one after the other. Nothing here traps on any input.
public struct RecordDecoder: Sendable {
    static let frameSize = 12

    private let bytes: [UInt8]
    public private(set) var position: Int
    private var end: Int

    public init(_ bytes: [UInt8], from position: Int = 0) {
        self.bytes = bytes
        self.position = position
        end = bytes.count
    }

    static func checksum(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
        UInt32(truncatingIfNeeded: StreamHistory.digest(bytes.span.extracting(range)))
    }

    /// The next record, as its body reads it, which has to be all of it; nil at the end of the file.
    /// - Parameter body: is told where the record begins.
    public mutating func next<Record>(
        _ body: (inout RecordDecoder, _ start: Int) throws(HistoryFault) -> Record
    ) throws(HistoryFault) -> Record? {
        guard position < bytes.count else { return nil }
        let start = position
        guard bytes.count - start >= Self.frameSize else { throw .cutShort(at: start) }
        let (length, complement, checksum) = (try uint32(), try uint32(), try uint32())
        guard length == ~complement else { throw .damaged(at: start, "the length is wrong") }
        guard bytes.count - position >= Int(length) else { throw .cutShort(at: start) }
        end = position + Int(length)
        guard Self.checksum(bytes, position..<end) == checksum else { throw .damaged(at: start, "the checksum is wrong") }
        let record = try body(&self, start)
        guard position == end else { throw .damaged(at: start, "the record is longer than what it says") }
        end = bytes.count
        return record
    }

    /// Whether the record that is being read has more.
    public var hasMore: Bool { position < end }

    public mutating func text() throws(HistoryFault) -> String {
        let length = Int(try uint16())
        guard end - position >= length else { throw .damaged(at: position, "a text is longer than its record") }
        defer { position += length }
        guard let text = String(validating: bytes[position..<position + length], as: UTF8.self) else {
            throw .damaged(at: position, "a text is not UTF-8")
        }
        return text
    }

    public mutating func uint8() throws(HistoryFault) -> UInt8 { UInt8(truncatingIfNeeded: try number(1)) }
    public mutating func uint16() throws(HistoryFault) -> UInt16 { UInt16(truncatingIfNeeded: try number(2)) }
    public mutating func uint32() throws(HistoryFault) -> UInt32 { UInt32(truncatingIfNeeded: try number(4)) }
    public mutating func uint64() throws(HistoryFault) -> UInt64 { try number(8) }

    private mutating func number(_ size: Int) throws(HistoryFault) -> UInt64 {
        guard end - position >= size else { throw .damaged(at: position, "the record ends too early") }
        var number: UInt64 = 0
        for place in 0..<size { number |= UInt64(bytes[position + place]) << UInt64(8 * place) }
        position += size
        return number
    }
}
