/// Control frames of Frame Streams, the framing of dnstap (farsightsec/fstrm, fstrm/control.h): an escape of four zero octets where a
/// data frame has its length, the control frame's length, its type, and fields; numbers are 32 bits in network order.
enum FrameStream {
    static let dnstap: [UInt8] = Array("protobuf:dnstap.Dnstap".utf8)
    /// Of a control frame, after escape and length.
    static let longestControl = 512
    private static let contentTypeField: UInt32 = 1

    enum Control: UInt32, Sendable {
        case accept = 1
        case start = 2
        case stop = 3
        case ready = 4
        case finish = 5
    }

    /// What a peer sent in the place of the control frame that was expected.
    enum Fault: Error, Equatable {
        case notControl
        case tooLong(UInt32)
        case malformed
        case unexpected(UInt32)
        case contentTypeRefused
    }

    /// - Parameter contentType: nil for `stop` and `finish`, which have none.
    static func encode(_ control: Control, contentType: [UInt8]?) -> [UInt8] {
        var frame = number(control.rawValue)
        if let contentType { frame += number(contentTypeField) + number(UInt32(contentType.count)) + contentType }
        return number(0) + number(UInt32(frame.count)) + frame
    }

    /// How long the control frame that begins with these eight octets is, without them.
    static func controlLength(_ head: [UInt8]) throws(Fault) -> Int {
        guard head.count == 8, readNumber(head[..<4]) == 0 else { throw .notControl }
        let length = readNumber(head[4...])
        guard length <= longestControl else { throw .tooLong(length) }
        return Int(length)
    }

    /// Checks that a control frame without its head is of that type, and that its content types, if it names any, have `contentType`.
    static func check(_ frame: [UInt8], is expected: Control, contentType: [UInt8]?) throws(Fault) {
        guard frame.count >= 4 else { throw .malformed }
        let type = readNumber(frame[..<4])
        guard type == expected.rawValue else { throw .unexpected(type) }
        var rest = frame[4...]
        var offered = 0
        var isOffered = false
        while !rest.isEmpty {
            guard rest.count >= 8, readNumber(rest.prefix(4)) == contentTypeField else { throw .malformed }
            let length = Int(readNumber(rest.dropFirst(4).prefix(4)))
            rest = rest.dropFirst(8)
            guard length <= rest.count else { throw .malformed }
            offered += 1
            if let contentType, rest.prefix(length).elementsEqual(contentType) { isOffered = true }
            rest = rest.dropFirst(length)
        }
        // A peer that names none takes every type.
        guard contentType == nil || offered == 0 || isOffered else { throw .contentTypeRefused }
    }

    /// How many whole data frames lie in `range`, which begins with one, and where the last of them ends.
    static func wholeFrames(_ bytes: [UInt8], in range: Range<Int>) -> (frames: Int, end: Int) {
        var found = (frames: 0, end: range.lowerBound)
        while range.upperBound - found.end >= 4 {
            let next = found.end + 4 + Int(readNumber(bytes[found.end..<(found.end + 4)]))
            if next > range.upperBound { break }
            found = (found.frames + 1, next)
        }
        return found
    }

    private static func number(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }

    private static func readNumber(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }
}
