/// Finds the end of one JSON value while its bytes arrive; each byte is looked at once.
///
/// It only counts brackets and quotes. Whether the value is right JSON is found by whoever reads it.
struct JSONBoundary: Sendable {
    private enum State {
        case start
        case bare
        case string
        case escape
        case nested
        case nestedString
        case nestedEscape
        case done
    }

    private var state = State.start
    private var depth = 0
    /// How many bytes have been looked at.
    private(set) var scanned = 0

    /// Looks at the bytes of `queue` that are new. The value begins at the queue's front.
    ///
    /// - Returns: how many bytes the value has; nil while its end is not there.
    mutating func find(in queue: ByteQueue) -> Int? {
        while state != .done, scanned < queue.count {
            guard step(queue[scanned]) else { break }
            scanned += 1
        }
        return state == .done ? scanned : nil
    }

    /// Drops the value's bytes from the queue's front as they come; true when its end is behind.
    mutating func drop(from queue: inout ByteQueue) -> Bool {
        let end = find(in: queue)
        queue.drop(end ?? scanned)
        scanned = 0
        return end != nil
    }

    /// Takes one byte into the value; false when the value ended before it.
    private mutating func step(_ byte: UInt8) -> Bool {
        switch state {
        case .start:
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth = 1
                state = .nested
            case UInt8(ascii: "\""): state = .string
            default: state = .bare
            }
        case .bare:
            switch byte {
            case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: " "), UInt8(ascii: "\n"),
                UInt8(ascii: "\r"), UInt8(ascii: "\t"):
                state = .done
                return false
            default: break
            }
        case .string:
            if byte == UInt8(ascii: "\"") { state = .done } else if byte == UInt8(ascii: "\\") { state = .escape }
        case .escape: state = .string
        case .nested: stepNested(byte)
        case .nestedString:
            if byte == UInt8(ascii: "\"") {
                state = .nested
            } else if byte == UInt8(ascii: "\\") {
                state = .nestedEscape
            }
        case .nestedEscape: state = .nestedString
        case .done: return false
        }
        return true
    }

    private mutating func stepNested(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            if depth == 0 { state = .done }
        case UInt8(ascii: "\""): state = .nestedString
        default: break
        }
    }
}
