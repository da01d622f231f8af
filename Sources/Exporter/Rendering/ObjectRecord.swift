/// All samples of one object, rendered once when the object changes; immutable.
///
/// What every line of an object repeats is kept once: the family's name not at all (the exposition knows it), the labels
/// that identify the object once for all families. A pod of the captured cluster takes 2.7 kB this way, where its lines
/// take 8 kB.
///
/// Layout, in bytes:
/// - 0: how wide an offset is, 2 or 4; 2 unless the record is longer than 65,535 bytes
/// - 1 …: one little-endian offset a family, and one more: where its samples begin, from the beginning of the record;
///   the samples of family i end where those of i + 1 begin
/// - identity labels (`{namespace="default",pod="web-0"`), up to the first offset
/// - the samples of all families, in their order, each without name and identity and ended by a line feed
struct ObjectRecord: Hashable, Sendable {
    let bytes: [UInt8]

    /// - Parameters:
    ///   - identity: not empty, from ``identityLabels(_:)``.
    ///   - families: the samples of each family, from ``SampleWriter``.
    init(identity: [UInt8], families: [[UInt8]]) {
        self.init(identity: identity, samples: Array(families.joined()), lengths: families.map(\.count))
    }

    /// - Parameters:
    ///   - samples: of all families, in their order.
    ///   - lengths: how many bytes of them belong to each family.
    init(identity: [UInt8], samples: [UInt8], lengths: [Int]) {
        let size = { (width: Int) in 1 + width * (lengths.count + 1) + identity.count + samples.count }
        let width = size(2) <= Int(UInt16.max) ? 2 : 4
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size(width))
        bytes.append(UInt8(width))
        var offset = size(width) - samples.count
        for length in lengths + [0] {
            for shift in 0..<width { bytes.append(UInt8(truncatingIfNeeded: offset >> (8 * shift))) }
            offset += length
        }
        bytes += identity
        bytes += samples
        self.bytes = bytes
    }

    /// The identity labels of a record of so many families.
    func identity(families: Int) -> ArraySlice<UInt8> {
        bytes[Self.identityStart(families: families, width: Int(bytes[0]))..<Self.offset(of: 0, in: bytes.span)]
    }

    /// Where identity begins in a record of so many families.
    static func identityStart(families: Int, width: Int) -> Int { 1 + width * (families + 1) }

    static func offset(of family: Int, in bytes: Span<UInt8>) -> Int {
        let width = Int(bytes[0])
        let start = 1 + family * width
        var offset = 0
        for index in (0..<width).reversed() { offset = offset << 8 | Int(bytes[start + index]) }
        return offset
    }
}
