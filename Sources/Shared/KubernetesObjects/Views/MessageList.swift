/// The messages of a repeated field, in their order.
public struct MessageList<Element: MessageView & ~Escapable>: ~Escapable {
    @usableFromInline let elements: ElementPointers

    @_lifetime(copy elements)
    init(_ elements: ElementPointers) { self.elements = elements }

    @inlinable public var count: Int { elements.count }
    @inlinable public var isEmpty: Bool { elements.count == 0 }

    /// - Precondition: `index` is in `0 ..< count`.
    @inlinable
    public subscript(index: Int) -> Element {
        @_lifetime(copy self)
        get {
            // Safe: whoever made the list says that its messages are of the element's type.
            unsafe Element(elements[index])
        }
    }

    @inlinable
    public func forEach<Failure>(_ body: (Element) throws(Failure) -> Void) throws(Failure) {
        for index in 0..<count { try body(self[index]) }
    }

    @inlinable
    public func map<Value>(_ transform: (Element) -> Value) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(count)
        for index in 0..<count { values.append(transform(self[index])) }
        return values
    }

    @inlinable
    public func compactMap<Value>(_ transform: (Element) -> Value?) -> [Value] {
        var values: [Value] = []
        for index in 0..<count {
            if let value = transform(self[index]) { values.append(value) }
        }
        return values
    }

    @inlinable
    public func contains(where holds: (Element) -> Bool) -> Bool {
        for index in 0..<count where holds(self[index]) { return true }
        return false
    }

    @inlinable
    @_lifetime(copy self)
    public func first(where holds: (Element) -> Bool) -> Element? {
        for index in 0..<count where holds(self[index]) { return self[index] }
        return nil
    }

    @inlinable
    @_lifetime(copy self)
    public func last(where holds: (Element) -> Bool) -> Element? {
        for index in (0..<count).reversed() where holds(self[index]) { return self[index] }
        return nil
    }
}
