extension DNSName {
    /// Reads presentation text: labels between dots, `\.` and `\DDD` escapes, a final dot or not. `.` and the empty text are the root.
    init(_ text: some StringProtocol) throws(WireError) {
        self.init()
        _ = try read(text: Array(text.utf8)[...])
    }

    /// Reads presentation text as a zone file has it: `@` is `origin`, and `origin` is behind what has no final dot (RFC 1035 5.1). Offsets in
    /// errors count from the text's beginning.
    init(_ text: ArraySlice<UInt8>, origin: DNSName) throws(WireError) {
        if text.elementsEqual(CollectionOfOne(0x40)) {
            self = origin
            return
        }
        self.init()
        if text.isEmpty { throw .emptyLabel(at: 0) }
        if try read(text: text) { return }
        guard append(origin) else { throw .nameTooLong(at: text.count) }
    }

    /// Appends the labels of `text`. Returns whether it ended with a dot.
    private mutating func read(text: ArraySlice<UInt8>) throws(WireError) -> Bool {
        let octets = text
        let first = octets.startIndex
        if octets.elementsEqual(CollectionOfOne(0x2E)) { return true }
        var label: [UInt8] = []
        var start = first
        var at = first
        while at < octets.endIndex {
            switch octets[at] {
            case 0x2E:  // .
                try close(label, from: start - first)
                label.removeAll(keepingCapacity: true)
                start = at + 1
                at += 1
            case 0x5C:  // \
                at = try Self.unescape(octets, at: at, into: &label)
            default:
                label.append(octets[at])
                at += 1
            }
        }
        if label.isEmpty { return true }
        try close(label, from: start - first)
        return false
    }

    private mutating func close(_ label: [UInt8], from start: Int) throws(WireError) {
        if label.isEmpty { throw .emptyLabel(at: start) }
        if label.count > 63 { throw .labelTooLong(at: start) }
        guard append(label: label.span) else { throw .nameTooLong(at: start) }
    }

    /// Appends what the escape at `at` stands for. Returns the place behind it.
    static func unescape(_ octets: ArraySlice<UInt8>, at: Int, into label: inout [UInt8]) throws(WireError) -> Int {
        let offset = at - octets.startIndex
        guard at + 1 < octets.endIndex else { throw .badEscape(at: offset) }
        guard (0x30...0x39).contains(octets[at + 1]) else {
            label.append(octets[at + 1])
            return at + 2
        }
        guard at + 3 < octets.endIndex, let value = UInt8(String(decoding: octets[(at + 1)...(at + 3)], as: UTF8.self)) else {
            throw .badEscape(at: offset)
        }
        label.append(value)
        return at + 4
    }
}

extension DNSName: CustomStringConvertible {
    /// Presentation text with a final dot. Allocates: for logs and tests.
    var description: String {
        if labelCount == 0 { return "." }
        var text = ""
        let storage = storage.span
        for index in 0..<labelCount {
            for i in range(ofLabel: index) {
                switch storage[i] {
                case 0x2E, 0x5C, 0x22, 0x3B, 0x28, 0x29, 0x40, 0x24:
                    text += "\\" + String(UnicodeScalar(storage[i]))
                case 0x21...0x7E: text.unicodeScalars.append(UnicodeScalar(storage[i]))
                default:
                    let digits = String(storage[i])
                    text += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
                }
            }
            text += "."
        }
        return text
    }
}
