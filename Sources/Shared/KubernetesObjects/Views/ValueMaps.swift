// Maps are pairs in a message, in no order that means anything. Of two pairs with one key the later holds, as in any decoder.

/// A `map<string, string>`.
public struct TextMap: ~Escapable {
    private let pairs: MessageList<Meta.StringEntry>

    @_lifetime(copy pairs)
    init(_ pairs: MessageList<Meta.StringEntry>) { self.pairs = pairs }

    public var isEmpty: Bool { pairs.isEmpty }

    public subscript(key: String) -> Text? {
        @_lifetime(copy self)
        get {
            guard let pair = pairs.last(where: { $0.key == key }) else { return nil }
            return pair.value
        }
    }

    /// A copy of the pairs whose key passes.
    public func dictionary(where passes: (Text) -> Bool = { _ in true }) -> [String: String] {
        if pairs.isEmpty { return [:] }
        var map: [String: String] = [:]
        pairs.forEach { pair in
            if passes(pair.key) { map[pair.key.string] = pair.value.string }
        }
        return map
    }
}

/// A `map<string, Quantity>`.
public struct QuantityMap: ~Escapable {
    private let pairs: MessageList<Meta.QuantityEntry>

    @_lifetime(copy pairs)
    init(_ pairs: MessageList<Meta.QuantityEntry>) { self.pairs = pairs }

    public var isEmpty: Bool { pairs.isEmpty }

    public subscript(key: String) -> Quantity? {
        guard let pair = pairs.last(where: { $0.key == key }) else { return nil }
        return pair.value
    }

    /// A copy, in the order of the keys' bytes, so that the same amounts give the same text.
    public var sorted: [(key: String, value: Quantity)] {
        var sorted: [(key: String, value: Quantity)] = []
        sorted.reserveCapacity(pairs.count)
        // Few: each is put in its place among those before it.
        pairs.forEach { pair in
            let key = pair.key.string
            let place = sorted.firstIndex { !$0.key.utf8.lexicographicallyPrecedes(key.utf8) } ?? sorted.count
            // An amount that is none is as if it were not there, and so is the one before it under that key.
            if place < sorted.count, sorted[place].key == key { sorted.remove(at: place) }
            if let value = pair.value { sorted.insert((key, value), at: place) }
        }
        return sorted
    }

    /// A copy.
    public var dictionary: [String: Quantity] {
        if pairs.isEmpty { return [:] }
        var map: [String: Quantity] = [:]
        pairs.forEach { pair in map[pair.key.string] = pair.value }
        return map
    }
}
