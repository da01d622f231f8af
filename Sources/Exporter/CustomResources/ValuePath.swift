/// A way into an object: the elements of a `path`, `valueFrom` or `labelsFromPath` of a custom resource configuration.
///
/// What an element means depends on what it meets: in a map it is a key, in a list an index (negative from the end). `[key=value]`
/// is the first map of a list whose member matches, and `key=value` in a map is that member if it is this text.
struct ValuePath: Hashable, Sendable {
    private enum Step: Hashable, Sendable {
        case name(String)
        /// `key=value` with exactly one equals sign: a member if it has that text, else the member that is called so.
        case nameOrMember(String, key: String, text: String)
        case matching(ElementMatch)
    }

    /// As they are written.
    let elements: [String]
    private let steps: [Step]

    static let empty = ValuePath()

    private init() { (elements, steps) = ([], []) }

    struct Fault: Error, Hashable {
        /// The element that cannot be read, and why.
        var reason: String
    }

    /// Longer paths are refused: nothing in Kubernetes is as deep.
    static let elementLimit = 128

    init(_ elements: [String]) throws(Fault) {
        guard elements.count <= Self.elementLimit else { throw Fault(reason: "a path has more than \(Self.elementLimit) elements") }
        self.elements = elements
        var steps: [Step] = []
        for element in elements { steps.append(try Self.step(element)) }
        self.steps = steps
    }

    private static func step(_ element: String) throws(Fault) -> Step {
        if element.hasPrefix("["), element.hasSuffix("]"), element.utf8.count >= 2 {
            let inner = element.dropFirst().dropLast()
            guard let equals = inner.firstIndex(of: "=") else {
                throw Fault(reason: "the path element '\(element)' is in brackets and has no '=': write [key=value]")
            }
            let text = String(inner[inner.index(after: equals)...])
            return .matching(ElementMatch(key: String(inner[..<equals]), text: text))
        }
        let parts = element.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return .name(element) }
        return .nameOrMember(element, key: String(parts[0]), text: String(parts[1]))
    }

    /// The value at the end of the path; nil where the path leads nowhere, or to `null`.
    func value(in object: ObjectValue?) -> ObjectValue? {
        var value = object?.present
        for step in steps {
            guard let current = value else { return nil }
            value = Self.follow(step, from: current)
        }
        return value
    }

    private static func follow(_ step: Step, from value: ObjectValue) -> ObjectValue? {
        switch (step, value) {
        case (.name(let name), .map): return value[name]
        case (.nameOrMember(let name, let key, let text), .map):
            return value[key] == .text(text) ? .text(text) : value[name]
        case (.name(let name), .list(let elements)), (.nameOrMember(let name, _, _), .list(let elements)):
            guard let index = Int(name) else { return nil }
            let (position, overflows) = index < 0 ? index.addingReportingOverflow(elements.count) : (index, false)
            return !overflows && elements.indices.contains(position) ? elements[position].present : nil
        case (.matching(let match), .list(let elements)): return elements.first(where: match.matches)
        case (.matching, _), (.name, _), (.nameOrMember, _): return nil
        }
    }
}

extension ValuePath: CustomStringConvertible {
    var description: String { "[\(elements.joined(separator: ","))]" }
}

/// `[key=value]`: which maps of a list are meant.
private struct ElementMatch: Hashable, Sendable {
    let key: String
    let text: String
    /// The text as a number, by the same conversion that makes values of samples; nil for a text that is none.
    private let number: Double?
    private let bool: Bool?

    init(key: String, text: String) {
        self.key = key
        self.text = text
        number = try? SampleNumber.value(of: .text(text))
        bool =
            switch text {
            case "1", "t", "T", "true", "TRUE", "True": true
            case "0", "f", "F", "false", "FALSE", "False": false
            default: nil
            }
    }

    func matches(_ element: ObjectValue) -> Bool {
        guard let candidate = element[key] else { return false }
        if candidate == .text(text) { return true }
        if let number, let found = try? SampleNumber.value(of: candidate), found == number { return true }
        if let bool, candidate == .bool(bool) { return true }
        return false
    }
}
