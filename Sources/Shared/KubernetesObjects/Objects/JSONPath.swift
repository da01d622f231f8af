/// A place in a JSON value: `spec.replicas`, `status.conditions[type=Ready].status`, `metadata.labels["app.kubernetes.io/name"]`,
/// `spec.rules[0]`, `spec.rules[-1]` for the last.
public struct JSONPath: Hashable, Sendable {
    public enum Step: Hashable, Sendable {
        /// A member of an object. Of two members with one key the later counts, as in Go.
        case member(String)
        /// An element of an array; negative from its end, -1 being the last.
        case element(Int)
        /// The first element of an array that is an object with this member. Numbers and booleans match as they are written.
        case matching(key: String, value: String)
    }

    public var steps: [Step]

    /// Longer paths are refused: nothing in Kubernetes is as deep.
    static let stepLimit = 64

    public init(_ steps: [Step]) { self.steps = steps }

    /// - Throws: ``Fault`` with what is wrong and where.
    public init(_ text: String) throws(Fault) {
        var parser = JSONPathParser(text)
        steps = try parser.steps()
    }

    public struct Fault: Error, Hashable, CustomStringConvertible {
        public var text: String
        /// In bytes from the beginning of the text.
        public var offset: Int
        public var reason: String

        public var description: String { "the path \"\(text)\" cannot be read at byte \(offset): \(reason)" }
    }
}

private struct JSONPathParser {
    private let text: String
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    private func fault(_ reason: String) -> JSONPath.Fault { JSONPath.Fault(text: text, offset: position, reason: reason) }

    mutating func steps() throws(JSONPath.Fault) -> [JSONPath.Step] {
        var steps: [JSONPath.Step] = []
        while position < bytes.count {
            guard steps.count < JSONPath.stepLimit else { throw fault("more than \(JSONPath.stepLimit) steps") }
            if take("[") {
                steps.append(try bracket())
                continue
            }
            guard steps.isEmpty || take(".") else { throw fault("a point or a bracket was expected") }
            steps.append(.member(try name(until: ".[")))
        }
        guard !steps.isEmpty else { throw fault("it is empty") }
        return steps
    }

    private mutating func take(_ letter: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: letter) else { return false }
        position += 1
        return true
    }

    private mutating func name(until ends: String) throws(JSONPath.Fault) -> String {
        let start = position
        while position < bytes.count, !ends.utf8.contains(bytes[position]) { position += 1 }
        guard position > start else { throw fault("a name was expected") }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// What follows an opening bracket.
    private mutating func bracket() throws(JSONPath.Fault) -> JSONPath.Step {
        let step: JSONPath.Step
        if take("\"") {
            step = .member(try quoted())
        } else {
            let key = try name(until: "=]")
            if take("=") {
                step = .matching(key: key, value: take("\"") ? try quoted() : try name(until: "]"))
            } else if let index = Int(key) {
                step = .element(index)
            } else {
                throw fault("an index, key=value or a quoted name was expected in brackets")
            }
        }
        guard take("]") else { throw fault("a closing bracket was expected") }
        return step
    }

    private mutating func quoted() throws(JSONPath.Fault) -> String {
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard take("\"") else { throw fault("a closing quote was expected") }
        return text
    }
}
