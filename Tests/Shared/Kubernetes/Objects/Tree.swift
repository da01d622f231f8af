import Testing

@testable import KubernetesObjects

/// A view that writes down all that it says. The conformances are generated.
protocol TreeView: MessageView, ~Escapable {
    var tree: Tree { get }
}

/// All that the object's view says.
func viewTree(_ object: EncodedObject, _ resource: Resource) throws -> JSONTree {
    let read = try #require(viewTrees[resource])
    return try read(object).json
}

/// The members of a JSON object, as a view says them.
struct Tree {
    private(set) var members: [String: JSONTree] = [:]

    var json: JSONTree { .object(members) }

    private static func text(_ text: String) -> JSONTree { .scalar("\"" + text) }

    // Fields that are left out when they are empty.

    mutating func add(_ name: String, implicit text: Text) {
        if !text.isEmpty { members[name] = Self.text(text.string) }
    }

    mutating func add(_ name: String, implicit number: some BinaryInteger) {
        if number != 0 { members[name] = .scalar("\(number)") }
    }

    mutating func add(_ name: String, implicit flag: Bool) {
        if flag { members[name] = .scalar("true") }
    }

    mutating func add(_ name: String, _ bytes: Span<UInt8>) {
        if bytes.isEmpty { return }
        let copy = bytes.indices.map { bytes[$0] }
        members[name] = Self.text(String(decoding: Base64.encode(copy), as: UTF8.self))
    }

    // Fields that may be absent.

    mutating func add(_ name: String, _ text: Text?) {
        if let text { members[name] = Self.text(text.string) }
    }

    mutating func add(_ name: String, _ number: (some BinaryInteger)?) {
        if let number { members[name] = .scalar("\(number)") }
    }

    mutating func add(_ name: String, _ flag: Bool?) {
        if let flag { members[name] = .scalar("\(flag)") }
    }

    mutating func add(_ name: String, _ time: Timestamp?, fractionDigits: Int = 0) {
        if let time { members[name] = time.text(fractionDigits: fractionDigits).map(Self.text) ?? .scalar("null") }
    }

    mutating func add(_ name: String, _ amount: Quantity?) {
        if let amount { members[name] = Self.amount(amount) }
    }

    mutating func add(_ name: String, _ value: IntOrString?) {
        switch value {
        case .int(let number): members[name] = .scalar("\(number)")
        case .string(let text): members[name] = Self.text(text)
        case nil: break
        }
    }

    mutating func add<View: TreeView & ~Escapable>(_ name: String, _ view: View?) {
        if let view { members[name] = view.tree.json }
    }

    // Messages by value, and their members without them.

    mutating func add<View: TreeView & ~Escapable>(_ name: String, _ view: View) { members[name] = view.tree.json }

    mutating func inline(_ view: borrowing some TreeView & ~Escapable) {
        members.merge(view.tree.members) { first, _ in first }
    }

    // Repeated fields.

    mutating func add(_ name: String, _ list: TextList) {
        if !list.isEmpty { members[name] = .array(list.strings.map(Self.text)) }
    }

    mutating func add<View: TreeView & ~Escapable>(_ name: String, _ list: MessageList<View>) {
        if !list.isEmpty { members[name] = .array(list.map { $0.tree.json }) }
    }

    mutating func add(_ name: String, _ pairs: MessageList<Meta.BytesEntry>) {
        if pairs.isEmpty { return }
        var map: [String: JSONTree] = [:]
        pairs.forEach { pair in map[pair.key.string] = pair.tree.members["value"] ?? Self.text("") }
        members[name] = .object(map)
    }

    mutating func add(_ name: String, _ map: TextMap) {
        if !map.isEmpty { members[name] = .object(map.dictionary().mapValues(Self.text)) }
    }

    mutating func add(_ name: String, _ map: QuantityMap) {
        if !map.isEmpty { members[name] = .object(map.dictionary.mapValues(Self.amount)) }
    }

    /// Not as text, which a view does not keep.
    static func amount(_ amount: Quantity) -> JSONTree { .scalar("amount of \(amount.nanos) billionths") }
}

extension JSONTree {
    /// The same tree with its amounts written as `view` writes them.
    func withAmounts(of view: JSONTree) -> JSONTree {
        switch (self, view) {
        case (.object(let mine), .object(let theirs)):
            .object(mine.reduce(into: [:]) { $0[$1.key] = theirs[$1.key].map($1.value.withAmounts(of:)) ?? $1.value })
        case (.array(let mine), .array(let theirs)):
            mine.count == theirs.count ? .array(zip(mine, theirs).map { $0.withAmounts(of: $1) }) : self
        case (.scalar(let mine), .scalar(let theirs)) where theirs.hasPrefix("amount of "):
            Quantity(mine.dropFirst()).map(Tree.amount) ?? self
        default: self
        }
    }
}
