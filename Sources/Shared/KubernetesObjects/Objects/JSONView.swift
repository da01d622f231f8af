/// A value of a JSON text, read in place: an object of a kind without a schema, or a part of one. Only what is asked for is
/// built; a look-up passes over the members before the one that it wants.
///
/// A copy is a position in the same bytes, which it keeps alive.
public struct JSONView: Sendable {
    private let cursor: JSONCursor

    public enum Kind: Hashable, Sendable {
        case object, array, string, number, bool, null
    }

    /// Larger texts are refused. A server refuses objects of more than 3 MiB.
    public static let sizeLimit = 16 << 20

    /// - Throws: ``ObjectDecodingError`` for what is not one JSON value, is nested deeper than 128, or larger than the limit.
    public init(_ text: [UInt8]) throws(ObjectDecodingError) {
        guard text.count <= Self.sizeLimit else {
            throw ObjectDecodingError(.unexpectedValue("a JSON text of \(text.count) bytes, more than \(Self.sizeLimit)"), at: 0)
        }
        var cursor = JSONCursor(text)
        _ = cursor.peek()
        let start = cursor
        try cursor.skip()
        try cursor.expectEnd()
        self.cursor = start
    }

    /// At a value of a text that was checked as a whole, so that nothing below can fail for what it is.
    private init(at cursor: JSONCursor) { self.cursor = cursor }

    public var kind: Kind {
        var cursor = cursor
        switch cursor.peek() {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        default: return .number
        }
    }

    // MARK: What the value is; nil where it is something else

    public var string: String? {
        var cursor = cursor
        return kind == .string ? try? cursor.readString() : nil
    }

    public var bool: Bool? {
        var cursor = cursor
        return kind == .bool ? try? cursor.readBool() : nil
    }

    /// A number as it is written.
    public var number: String? {
        var cursor = cursor
        return kind == .number ? try? cursor.readNumber() : nil
    }

    /// A whole number of 64 bits.
    public var integer: Int64? { number.flatMap { Int64($0) } }

    /// The nearest floating point number; infinite where it is too large for any.
    public var double: Double? { number.flatMap { Double($0) } }

    /// The bytes of the value, as they are written.
    public var text: ArraySlice<UInt8> {
        var cursor = cursor
        guard let range = try? cursor.skip() else { return [] }
        return cursor.bytes[range]
    }

    // MARK: What is in it

    /// A member of an object; of two with one key the later.
    public subscript(key: String) -> JSONView? {
        var found: JSONView?
        forEachMember { name, value in
            if name.elementsEqual(key.utf8) { found = value }
        }
        return found
    }

    public subscript(path: JSONPath) -> JSONView? {
        var value = self
        for step in path.steps {
            guard let next = value.value(at: step) else { return nil }
            value = next
        }
        return value
    }

    private func value(at step: JSONPath.Step) -> JSONView? {
        switch step {
        case .member(let key): return self[key]
        case .element(let index):
            let elements = elements
            let position = index < 0 ? elements.count + index : index
            return elements.indices.contains(position) ? elements[position] : nil
        case .matching(let key, let wanted):
            return elements.first { element in
                guard let value = element[key] else { return false }
                return value.string.map { $0 == wanted } ?? value.text.elementsEqual(wanted.utf8)
            }
        }
    }

    /// Calls `body` for each member of an object in the order of the text, with the bytes of its key; never for other values.
    public func forEachMember(_ body: (_ key: [UInt8], _ value: JSONView) -> Void) {
        guard kind == .object else { return }
        var cursor = cursor
        try? cursor.readObject { key, cursor throws(ObjectDecodingError) in
            body(key, JSONView(at: cursor))
            try cursor.skip()
        }
    }

    /// The elements of an array; none for other values.
    public var elements: [JSONView] {
        guard kind == .array else { return [] }
        var cursor = cursor
        var elements: [JSONView] = []
        try? cursor.readArray { cursor throws(ObjectDecodingError) in
            elements.append(JSONView(at: cursor))
            try cursor.skip()
        }
        return elements
    }

    /// The members of an object whose values are strings: labels, selectors, annotations.
    public var strings: [String: String] {
        var map: [String: String] = [:]
        forEachMember { key, value in map[String(decoding: key, as: UTF8.self)] = value.string }
        return map
    }
}
