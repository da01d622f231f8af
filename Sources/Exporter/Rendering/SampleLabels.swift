import KubernetesObjects

/// What a label's value can be made of: text of an object that is read in place, or a string.
protocol LabelValue: ~Escapable {
    /// Whether the bytes can go into an exposition as they are: ASCII without backslash, line feed and double quote.
    func appendIfPlain(to bytes: inout [UInt8]) -> Bool

    /// UTF-8, repaired where it is not.
    var string: String { get }
}

extension Text: LabelValue {
    func appendIfPlain(to bytes: inout [UInt8]) -> Bool {
        let text = utf8
        for index in text.indices where !isPlain(text[index]) { return false }
        // Safe: the buffer is read only during the call.
        unsafe text.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
        return true
    }
}

extension String: LabelValue {
    func appendIfPlain(to bytes: inout [UInt8]) -> Bool {
        guard utf8.allSatisfy(isPlain) else { return false }
        bytes.append(contentsOf: utf8)
        return true
    }

    var string: String { self }
}

private func isPlain(_ byte: UInt8) -> Bool {
    byte < 0x80 && byte != UInt8(ascii: "\\") && byte != UInt8(ascii: "\n") && byte != UInt8(ascii: "\"")
}

/// The labels of one sample, appended in the order of the calls: `label("node", pod.spec.nodeName)`.
struct SampleLabels: Sendable {
    /// Whole samples as ``TextPiece`` has them, each behind its length, but for the one that is being written.
    fileprivate(set) var bytes: [UInt8] = []
    /// Where the length of the sample stands that is being written; nil between samples.
    private var start: Int?

    mutating func callAsFunction(_ name: String, _ value: borrowing some LabelValue & ~Escapable) {
        _ = begun()
        bytes.append(UInt8(ascii: ","))
        bytes.append(label: name, value: value)
    }

    /// Ends the sample.
    mutating func end(_ value: Double) {
        let start = begun()
        bytes.append(UInt8(ascii: "}"))
        bytes.append(UInt8(ascii: " "))
        bytes.append(number: value)
        bytes.append(UInt8(ascii: "\n"))
        let length = bytes.count - start - 1
        if length < 255 {
            bytes[start] = UInt8(length)
        } else {
            var long: [UInt8] = []
            long.append(length: length)
            bytes.replaceSubrange(start...start, with: long)
        }
        self.start = nil
    }

    private mutating func begun() -> Int {
        if let start { return start }
        let start = bytes.count
        bytes.append(0)
        self.start = start
        return start
    }
}

extension [UInt8] {
    /// `name="value"`, with backslash, line feed and double quote of the value escaped.
    mutating func append(label name: String, value: borrowing some LabelValue & ~Escapable) {
        append(contentsOf: name.utf8)
        append(UInt8(ascii: "="))
        append(UInt8(ascii: "\""))
        if !value.appendIfPlain(to: &self) {
            for byte in value.string.utf8 {
                switch byte {
                case UInt8(ascii: "\\"): append(contentsOf: [byte, byte])
                case UInt8(ascii: "\n"): append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
                case UInt8(ascii: "\""): append(contentsOf: [UInt8(ascii: "\\"), byte])
                default: append(byte)
                }
            }
        }
        append(UInt8(ascii: "\""))
    }
}
