/// A JSON document as a tree of values, members of objects in the order in which they were written.
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

/// Members of a JSON object. Kubernetes objects have few members at each level, so a look-up is a linear scan.
public struct JSONObject: Sendable {
    public private(set) var members: [(key: String, value: JSONValue)]

    public init() { members = [] }

    /// - Parameter members: with distinct keys.
    init(members: [(key: String, value: JSONValue)]) { self.members = members }

    public var isEmpty: Bool { members.isEmpty }
    public var count: Int { members.count }

    /// The value under a key; assigning `nil` removes the member, assigning a value to a new key appends it.
    public subscript(key: String) -> JSONValue? {
        get { members.first { $0.key == key }?.value }
        set {
            if let index = members.firstIndex(where: { $0.key == key }) {
                if let newValue { members[index].value = newValue } else { members.remove(at: index) }
            } else if let newValue {
                members.append((key, newValue))
            }
        }
    }

    /// Puts a member before all others, as `kind` and `apiVersion` stand first in Kubernetes' JSON.
    mutating func prepend(_ key: String, _ value: JSONValue) {
        self[key] = nil
        members.insert((key, value), at: 0)
    }
}

/// Two objects are equal when they hold the same members in whatever order.
extension JSONObject: Hashable {
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.members.allSatisfy { right[$0.key] == $0.value }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        for key in members.map(\.key).sorted() { hasher.combine(key) }
    }
}

extension JSONValue {
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    public var isNull: Bool { self == .null }

    public var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .double(let value): Int64(exactly: value)
        case .null, .bool, .string, .array, .object: nil
        }
    }

    /// A member of an object; `nil` for other values. Assigning makes an object of anything else.
    public subscript(key: String) -> JSONValue? {
        get { if case .object(let object) = self { object[key] } else { nil } }
        set {
            var object = self.object ?? JSONObject()
            self = .null  // so that the members are not copied
            object[key] = newValue
            self = .object(object)
        }
    }

    /// The value at a path of member names.
    func at(_ path: String...) -> JSONValue? { at(path[...]) }

    func at(_ path: ArraySlice<String>) -> JSONValue? {
        var value = self
        for key in path {
            guard let next = value[key] else { return nil }
            value = next
        }
        return value
    }

    mutating func set(_ value: JSONValue?, at path: String...) { set(value, at: path[...]) }

    private mutating func set(_ value: JSONValue?, at path: ArraySlice<String>) {
        guard let first = path.first else { return }
        if path.count == 1 {
            self[first] = value
        } else {
            var child = self[first] ?? .object(JSONObject())
            child.set(value, at: path.dropFirst())
            self[first] = child
        }
    }

    /// Members whose values are strings, as labels and selectors are.
    var stringMembers: [(key: String, value: String)] {
        (object?.members ?? []).compactMap { member in member.value.string.map { (member.key, $0) } }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(members: elements.map { (key: $0.0, value: $0.1) }))
    }
}

extension JSONValue {
    /// An object of strings, in the order of the pairs.
    init(strings: some Sequence<(key: String, value: String)>) {
        self = .object(JSONObject(members: strings.map { (key: $0.key, value: .string($0.value)) }))
    }

    /// An object without the members whose value is `nil`.
    static func present(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        .object(JSONObject(members: members.compactMap { key, value in value.map { (key: key, value: $0) } }))
    }
}
