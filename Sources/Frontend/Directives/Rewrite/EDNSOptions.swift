/// The options of an OPT record in wire form (RFC 6891 6.1.2): code, length, data, one after the other.
///
/// Octets behind the last whole option are kept out.
struct EDNSOptions: Sendable, Equatable {
    static let nsid: UInt16 = 3
    static let subnet: UInt16 = 8

    private(set) var octets: [UInt8] = []

    init() {}

    /// - Parameter wire: the OPT record's data.
    init(_ wire: Span<UInt8>) {
        var at = 0
        while at + 4 <= wire.count {
            let end = at + 4 + Int(wire.word(at: at + 2))
            guard end <= wire.count else { return }
            for i in at..<end { octets.append(wire[i]) }
            at = end
        }
    }

    /// The data of the first option of that code.
    func data(of code: UInt16) -> [UInt8]? { range(of: code).map { Array(octets[($0.lowerBound + 4)..<$0.upperBound]) } }

    mutating func append(_ code: UInt16, _ data: [UInt8]) { octets += Self.option(code, data) }

    /// Gives the first option of that code other data. Returns false when there is none.
    mutating func replace(_ code: UInt16, _ data: [UInt8]) -> Bool {
        guard let range = range(of: code) else { return false }
        octets.replaceSubrange(range, with: Self.option(code, data))
        return true
    }

    mutating func removeAll(_ code: UInt16) {
        while let range = range(of: code) { octets.removeSubrange(range) }
    }

    mutating func removeFirst(_ code: UInt16) {
        if let range = range(of: code) { octets.removeSubrange(range) }
    }

    private static func option(_ code: UInt16, _ data: [UInt8]) -> [UInt8] {
        [UInt8(code >> 8), UInt8(code & 0xFF), UInt8(data.count >> 8 & 0xFF), UInt8(data.count & 0xFF)] + data
    }

    private func range(of code: UInt16) -> Range<Int>? {
        let wire = octets.span
        var at = 0
        while at + 4 <= wire.count {
            let end = at + 4 + Int(wire.word(at: at + 2))
            if wire.word(at: at) == code { return at..<end }
            at = end
        }
        return nil
    }
}
