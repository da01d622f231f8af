/// A sample as Prometheus text and OpenMetrics write it: `name{label="value",…} number`.
struct SampleLine {
    let name: ArraySlice<UInt8>
    /// Names, and values with their escapes.
    private(set) var labels: [(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)] = []
    /// The value, and a timestamp or what else follows it.
    private(set) var rest: ArraySlice<UInt8>

    /// - Parameter line: without its line feed.
    /// - Returns: nil for what is no sample.
    init?(_ line: ArraySlice<UInt8>) {
        guard let end = line.firstIndex(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: " ") }), end > line.startIndex else {
            return nil
        }
        name = line[..<end]
        rest = line[(end + 1)...]
        guard line[end] == UInt8(ascii: "{") else { return }
        while rest.first != UInt8(ascii: "}") {
            if rest.first == UInt8(ascii: ",") { rest.removeFirst() }
            guard let equals = rest.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let label = rest[..<equals]
            rest = rest[(equals + 1)...]
            guard rest.first == UInt8(ascii: "\""), let close = Self.closingQuote(of: rest) else { return nil }
            labels.append((label, rest[(rest.startIndex + 1)..<close]))
            rest = rest[(close + 1)...]
        }
        rest = rest.dropFirst().drop { $0 == UInt8(ascii: " ") }
    }

    private static func closingQuote(of text: ArraySlice<UInt8>) -> Int? {
        var index = text.startIndex + 1
        while index < text.endIndex {
            switch text[index] {
            case UInt8(ascii: "\""): return index
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        return nil
    }

    /// A label's value without its escapes.
    static func unescaped(_ value: ArraySlice<UInt8>) -> [UInt8] {
        guard value.contains(UInt8(ascii: "\\")) else { return Array(value) }
        var text: [UInt8] = []
        var isEscaped = false
        for byte in value {
            if !isEscaped, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else {
                text.append(isEscaped && byte == UInt8(ascii: "n") ? UInt8(ascii: "\n") : byte)
                isEscaped = false
            }
        }
        return text
    }
}
