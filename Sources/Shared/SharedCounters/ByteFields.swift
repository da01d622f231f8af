/// Writes numbers and texts one after another; integers in the machine's byte order.
struct FieldWriter {
    var bytes: [UInt8] = []

    mutating func number(_ value: UInt64) {
        for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * shift))) }
    }

    mutating func double(_ value: Double) { number(value.bitPattern) }

    mutating func count(_ value: Int) { number(UInt64(max(0, value))) }

    mutating func text(_ value: String) {
        let utf8 = Array(value.utf8)
        count(utf8.count)
        bytes += utf8
    }

    mutating func list<Element>(_ elements: some Collection<Element>, _ write: (inout FieldWriter, Element) -> Void) {
        count(elements.count)
        for element in elements { write(&self, element) }
    }
}

/// Reads what a `FieldWriter` has written, and believes nothing of it.
struct FieldReader {
    /// The bytes end too early, or say what cannot be.
    struct Malformed: Error {}

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func number() throws(Malformed) -> UInt64 {
        guard bytes.count - position >= 8 else { throw Malformed() }
        defer { position += 8 }
        return (0..<8).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64(8 * $1) }
    }

    mutating func double() throws(Malformed) -> Double { Double(bitPattern: try number()) }

    /// A number of things that take at least a byte each, so that no more memory is asked for than there are bytes.
    mutating func count() throws(Malformed) -> Int {
        guard let count = Int(exactly: try number()), count <= bytes.count - position else { throw Malformed() }
        return count
    }

    mutating func text() throws(Malformed) -> String {
        let count = try count()
        defer { position += count }
        guard let text = String(validating: bytes[position..<position + count], as: UTF8.self) else { throw Malformed() }
        return text
    }

    mutating func list<Element>(_ read: (inout FieldReader) throws(Malformed) -> Element) throws(Malformed) -> [Element] {
        var elements: [Element] = []
        for _ in 0..<(try count()) { elements.append(try read(&self)) }
        return elements
    }
}
