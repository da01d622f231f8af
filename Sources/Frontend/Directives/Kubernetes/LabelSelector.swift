import RecordTable

/// Which labels an object must have, as Kubernetes writes it: `team in (core, edge), env=prod, tier!=db, !canary`.
///
/// Commas between requirements mean "and". Parsed when the Corefile is read; matching does not allocate.
struct LabelSelector: Sendable, Equatable {
    enum Condition: Sendable, Equatable {
        case exists, absent
        /// The label is there with one of these values, as octets.
        case isOne(of: [[UInt8]])
        /// The label is absent or has none of these values.
        case isNone(of: [[UInt8]])
    }

    struct Requirement: Sendable, Equatable {
        let key: [UInt8]
        let condition: Condition
    }

    struct Fault: Error {
        /// What was expected and what was found.
        let message: String
    }

    var requirements: [Requirement] = []

    /// Whether everything matches.
    var isEmpty: Bool { requirements.isEmpty }

    init() {}

    /// Reads selector text.
    init(_ text: String) throws(Fault) {
        var reader = Reader(words: Self.words(of: text))
        while true {
            requirements.append(try reader.requirement())
            guard let separator = reader.next() else { return }
            guard separator == "," else { throw Fault(message: "expected ',' or the end of the selector, found '\(separator)'") }
        }
    }

    /// Names and values, and the signs `( ) , ! = == !=` one by one.
    private static func words(of text: String) -> [String] {
        var words: [String] = []
        var word = ""
        func flush() {
            if !word.isEmpty { words.append(word) }
            word = ""
        }
        for character in text {
            switch character {
            case " ", "\t": flush()
            case "=" where word.isEmpty && (words.last == "=" || words.last == "!"): words[words.count - 1] += "="
            case "(", ")", ",", "!", "=":
                flush()
                words.append(String(character))
            default: word.append(character)
            }
        }
        flush()
        return words
    }

    private struct Reader {
        var words: [String]
        var at = 0

        mutating func next() -> String? {
            guard at < words.count else { return nil }
            at += 1
            return words[at - 1]
        }

        mutating func requirement() throws(Fault) -> Requirement {
            let first = try name("a label's key")
            if first == "!" { return Requirement(key: Array(try key().utf8), condition: .absent) }
            let octets = Array(first.utf8)
            try check(first)
            guard at < words.count, words[at] != "," else { return Requirement(key: octets, condition: .exists) }
            switch next() {
            case "=", "==": return Requirement(key: octets, condition: .isOne(of: [value()]))
            case "!=": return Requirement(key: octets, condition: .isNone(of: [value()]))
            case "in": return Requirement(key: octets, condition: .isOne(of: try values()))
            case "notin": return Requirement(key: octets, condition: .isNone(of: try values()))
            case let other:
                throw Fault(message: "expected =, ==, !=, in, notin or ',' after '\(first)', found '\(other ?? "")'")
            }
        }

        private mutating func name(_ what: String) throws(Fault) -> String {
            guard let word = next() else { throw Fault(message: "expected \(what) at the end of the selector") }
            return word
        }

        private mutating func key() throws(Fault) -> String {
            let word = try name("a label's key")
            try check(word)
            return word
        }

        private func check(_ key: String) throws(Fault) {
            guard !["(", ")", ",", "!", "=", "==", "!="].contains(key) else {
                throw Fault(message: "expected a label's key, found '\(key)'")
            }
        }

        /// What follows `=`; nothing stands for the empty value.
        private mutating func value() -> [UInt8] {
            guard at < words.count, words[at] != "," else { return [] }
            return Array((next() ?? "").utf8)
        }

        private mutating func values() throws(Fault) -> [[UInt8]] {
            guard next() == "(" else { throw Fault(message: "expected '(' and values after 'in' or 'notin'") }
            var values: [[UInt8]] = []
            while true {
                let word = try name("')'")
                switch word {
                case ")":
                    if values.isEmpty { values.append([]) }
                    return values
                case ",": continue
                case "(", "!", "=", "==", "!=": throw Fault(message: "expected a value, found '\(word)'")
                default: values.append(Array(word.utf8))
                }
            }
        }
    }

    // MARK: Matching

    /// Whether labels fulfil every requirement.
    func matches(_ labels: borrowing LabelsView) -> Bool {
        for requirement in requirements {
            let index = labels.index(of: requirement.key.span)
            switch requirement.condition {
            case .exists: if index == nil { return false }
            case .absent: if index != nil { return false }
            case .isOne(let values):
                guard let index, Self.contains(values, labels.value(index)) else { return false }
            case .isNone(let values):
                if let index, Self.contains(values, labels.value(index)) { return false }
            }
        }
        return true
    }

    private static func contains(_ values: [[UInt8]], _ value: Span<UInt8>) -> Bool {
        for candidate in values where candidate.span.equals(value) { return true }
        return false
    }
}

extension Span<UInt8> {
    /// Whether both hold the same octets.
    func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for i in 0..<count where self[i] != other[i] { return false }
        return true
    }
}
