import KubernetesObjects

/// A custom resource, or a part of one, read once for all the paths that are followed into it.
///
/// Numbers are told apart as Kubernetes does: a whole number that is written as one and fits 64 bits is an integer, any other a double.
indirect enum ObjectValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case text(String)
    case list([ObjectValue])
    /// In the order of the keys' bytes; of two members with one key the later counts.
    case map([Member])

    struct Member: Hashable, Sendable {
        var key: String
        var value: ObjectValue
    }

    /// - Parameter view: of a text that was checked as a whole, so that its depth is bounded.
    init(_ view: JSONView) {
        switch view.kind {
        case .null: self = .null
        case .bool: self = .bool(view.bool ?? false)
        case .string: self = .text(view.string ?? "")
        case .number:
            let text = view.number ?? "0"
            self = Int64(text).map { .integer($0) } ?? .double(Double(text) ?? 0)
        case .array: self = .list(view.elements.map { ObjectValue($0) })
        case .object:
            var members: [Member] = []
            view.forEachMember { key, value in
                members.append(Member(key: String(decoding: key, as: UTF8.self), value: ObjectValue(value)))
            }
            self = .map(Self.ordered(members))
        }
    }

    private static func ordered(_ members: [Member]) -> [Member] {
        // Stable, so that of two with one key the later stays behind the other.
        let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        return sorted.indices.filter { $0 + 1 == sorted.count || !sorted[$0].key.utf8.elementsEqual(sorted[$0 + 1].key.utf8) }.map {
            sorted[$0]
        }
    }

    /// nil for a value that is not there and for `null`, which paths do not tell apart.
    var present: ObjectValue? { self == .null ? nil : self }

    /// A member of a map; nil where there is none, or it is `null`, or this is no map.
    subscript(key: String) -> ObjectValue? {
        guard case .map(let members) = self else { return nil }
        return members.first { $0.key.utf8.elementsEqual(key.utf8) }?.value.present
    }

    /// The map with this member as well, unless it has one of that key.
    func adding(_ key: String, _ text: String) -> ObjectValue {
        guard case .map(let members) = self, !members.contains(where: { $0.key == key }) else { return self }
        return .map(Self.ordered(members + [Member(key: key, value: .text(text))]))
    }

    /// The value as a label shows it: what Go's `%v` prints, as kube-state-metrics does.
    var labelText: String {
        switch self {
        case .null: return "<nil>"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .double(let value):
            var bytes: [UInt8] = []
            bytes.append(number: value)
            return String(decoding: bytes, as: UTF8.self)
        case .text(let text): return text
        case .list(let elements): return "[\(elements.map(\.labelText).joined(separator: " "))]"
        case .map(let members):
            return "map[\(members.map { "\($0.key):\($0.value.labelText)" }.joined(separator: " "))]"
        }
    }
}
