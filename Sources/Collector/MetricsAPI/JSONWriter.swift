/// Writes JSON as it comes, without a tree: what is rendered thousands of times. Equal to ``JSONValue`` byte for byte.
struct JSONWriter {
    var bytes: [UInt8] = []
    private let isPretty: Bool
    private var level: Int
    /// The next member or element is the first of its object or array.
    private var isFirst = true

    /// - Parameter level: how deep what is written stands, for its indentation.
    init(pretty: Bool, level: Int) {
        isPretty = pretty
        self.level = level
    }

    /// Goes on inside an object or array in which something stands already.
    init(pretty: Bool, inside level: Int, after bytes: [UInt8]) {
        self.init(pretty: pretty, level: level + 1)
        self.bytes = bytes
        isFirst = false
    }

    mutating func open(_ bracket: Unicode.Scalar) {
        bytes.append(UInt8(ascii: bracket))
        level += 1
        isFirst = true
    }

    /// Something stood inside.
    mutating func close(_ bracket: Unicode.Scalar) {
        level -= 1
        if isPretty { newLine() }
        bytes.append(UInt8(ascii: bracket))
        isFirst = false
    }

    /// Begins a member or an element.
    mutating func next() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        if isPretty { newLine() }
        isFirst = false
    }

    /// - Parameter name: needs no escapes.
    mutating func key(_ name: String) {
        next()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: name.utf8)
        bytes.append(UInt8(ascii: "\""))
        endKey()
    }

    mutating func key(escaping name: String) {
        next()
        JSONValue.writeString(name, to: &bytes)
        endKey()
    }

    mutating func string(_ text: String) { JSONValue.writeString(text, to: &bytes) }

    /// A text that needs no escapes.
    mutating func quoted(_ write: (inout [UInt8]) -> Void) {
        bytes.append(UInt8(ascii: "\""))
        write(&bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func endKey() {
        bytes.append(UInt8(ascii: ":"))
        if isPretty { bytes.append(UInt8(ascii: " ")) }
    }

    private mutating func newLine() {
        bytes.append(UInt8(ascii: "\n"))
        for _ in 0..<level { bytes.append(contentsOf: "  ".utf8) }
    }
}
