/// Which labels an object must have, in the text form of `kubectl -l`, `labelSelector=` and Corefiles:
/// `team in (core, edge), env=prod, tier!=db, !canary`. Commas mean "and".
///
/// Grammar and meaning are those of apimachinery's `labels` package (Kubernetes' documentation, "Labels and Selectors"). Parsed once;
/// matching does not allocate.
public struct LabelQuery: Sendable, Equatable {
    /// What a label must be.
    public enum Condition: Sendable, Equatable {
        case exists, absent
        /// There, with one of these values, as octets.
        case isOne(of: [[UInt8]])
        /// Absent, or with none of these values.
        case isNone(of: [[UInt8]])
        /// There, and a whole number beyond this one.
        case isGreater(than: Int64)
        case isLess(than: Int64)
    }

    public struct Requirement: Sendable, Equatable {
        /// As octets.
        public let key: [UInt8]
        public let condition: Condition

        public init(key: String, _ condition: Condition) {
            self.key = Array(key.utf8)
            self.condition = condition
        }

        /// Whether an object without the label will do.
        public var isMetWithoutLabel: Bool {
            switch condition {
            case .absent, .isNone: true
            case .exists, .isOne, .isGreater, .isLess: false
            }
        }

        /// Whether an object whose label has this value will do.
        public func isMet(by value: Span<UInt8>) -> Bool {
            switch condition {
            case .exists: true
            case .absent: false
            case .isOne(let values): Self.contains(values, value)
            case .isNone(let values): !Self.contains(values, value)
            case .isGreater(let bound): Self.integer(value).map { $0 > bound } ?? false
            case .isLess(let bound): Self.integer(value).map { $0 < bound } ?? false
            }
        }

        private static func contains(_ values: [[UInt8]], _ value: Span<UInt8>) -> Bool {
            for candidate in values where candidate.count == value.count {
                var isEqual = true
                for index in 0..<value.count where candidate[index] != value[index] { isEqual = false }
                if isEqual { return true }
            }
            return false
        }

        /// Decimal digits; nil for anything else, and beyond 63 bits. There is no sign: no label's value may begin with one.
        static func integer(_ text: Span<UInt8>) -> Int64? {
            guard !text.isEmpty else { return nil }
            var number: Int64 = 0
            for index in 0..<text.count {
                let digit = Int64(text[index]) - 0x30
                guard (0...9).contains(digit) else { return nil }
                let (tens, isFull) = number.multipliedReportingOverflow(by: 10)
                let (next, isOver) = tens.addingReportingOverflow(digit)
                if isFull || isOver { return nil }
                number = next
            }
            return number
        }
    }

    /// All of them must hold; none selects everything.
    public let requirements: [Requirement]

    public init(_ requirements: [Requirement] = []) { self.requirements = requirements }

    /// Reads query text; the empty text selects everything.
    public init(_ text: String) throws(SyntaxError) {
        var parser = LabelQueryParser(text)
        requirements = try parser.requirements()
    }

    public struct SyntaxError: Error, Equatable {
        /// What was found and what was expected, in the API server's words.
        public var message: String
    }

    /// Whether everything matches.
    public var isEmpty: Bool { requirements.isEmpty }

    public func matches(_ labels: [String: String]) -> Bool { matches { labels[$0] } }

    /// - Parameter label: the value of a label, nil where the object has none.
    public func matches(_ label: (String) -> String?) -> Bool {
        for requirement in requirements {
            guard let value = label(String(decoding: requirement.key, as: UTF8.self)) else {
                if requirement.isMetWithoutLabel { continue }
                return false
            }
            if !requirement.isMet(by: Array(value.utf8).span) { return false }
        }
        return true
    }
}
