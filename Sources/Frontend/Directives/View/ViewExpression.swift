import Names
import RegularExpressions

/// A condition over a query, in the part of expr-lang that has to do with queries; compiled and its types checked once.
struct ViewExpression: Sendable, Equatable {
    /// Octets of the text.
    static let textLimit = 65_536
    /// Parts of the expression.
    static let nodeLimit = 10_000
    /// Parentheses, calls and operators inside one another.
    static let nestingLimit = 64
    static let depthLimit = 200
    /// Parts looked at, elements of lists made and text copied for one query.
    static let stepLimit = 100_000

    let text: String
    private let root: ExpressionNode

    init(_ text: String) throws(ExpressionFault) {
        var parser = try ExpressionParser(text)
        let (root, type) = try parser.whole()
        guard type == .boolean || type == .any else {
            throw ExpressionFault(offset: 0, message: "expected a condition, which is true or false, found \(type.named)")
        }
        self.text = text
        self.root = root
    }

    /// An expression that cannot be evaluated for this query does not hold, as with CoreDNS.
    func holds(for query: some ExpressionFacts) -> Bool {
        do {
            return try value(for: query) == .boolean(true)
        } catch {
            return false
        }
    }

    func value(for query: some ExpressionFacts) throws(ExpressionError) -> ExpressionValue {
        var evaluator = ExpressionEvaluator(facts: query)
        return try evaluator.value(of: root)
    }

    static func == (left: ViewExpression, right: ViewExpression) -> Bool { left.text == right.text }
}

/// Why a text is no expression: an offset in octets and words for an operator.
struct ExpressionFault: Error, Hashable, Sendable, CustomStringConvertible {
    var offset: Int
    var message: String

    var description: String { "\(message) (at character \(offset + 1))" }
}

/// Why an expression has no value for a query.
enum ExpressionError: Error, Hashable, Sendable {
    /// A value is not what its place needs.
    case unfit(String)
    case tooManySteps
}

/// What expressions ask of a query: CoreDNS's functions, under their names.
enum ExpressionFact: String, CaseIterable, Sendable {
    /// Octets that the client takes.
    case bufsize
    case recordClass = "class"
    /// Addresses are plain: an IPv6 address has no brackets.
    case clientIP = "client_ip"
    /// Whether DNSSEC records are wanted.
    case wantsDNSSEC = "do"
    case id
    /// In lower case, with a final dot.
    case name
    case opcode
    /// The client's, as text.
    case port
    /// `udp` or `tcp`.
    case proto
    case serverIP = "server_ip"
    case serverPort = "server_port"
    /// Octets of the query.
    case size
    case type

    var valueType: ExpressionType {
        switch self {
        case .bufsize, .id, .opcode, .size: .integer
        case .wantsDNSSEC: .boolean
        case .recordClass, .clientIP, .name, .port, .proto, .serverIP, .serverPort, .type: .string
        }
    }
}

/// A query.
protocol ExpressionFacts {
    /// Of the type that ``ExpressionFact/valueType`` names.
    func value(of fact: ExpressionFact) -> ExpressionValue
    /// Empty when there is no such label.
    func metadata(_ label: String) -> String
    /// What `value(of:)` has as text, for the usual conditions, which then make no text; nil for a fact that is no address.
    func address(of fact: ExpressionFact) -> IPAddress?
    /// Whether a fact's text is matched.
    func matches(_ fact: ExpressionFact, _ expression: RegularExpression) -> Bool
}

extension ExpressionFacts {
    func address(of fact: ExpressionFact) -> IPAddress? { text(of: fact).flatMap { IPAddress($0) } }
    func matches(_ fact: ExpressionFact, _ expression: RegularExpression) -> Bool { text(of: fact).map { expression.matches($0) } ?? false }

    private func text(of fact: ExpressionFact) -> String? {
        if case .string(let text) = value(of: fact) { text } else { nil }
    }
}

enum ExpressionValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case string(String)
    case list([ExpressionValue])
}

/// What is known of a value before there is a query.
indirect enum ExpressionType: Sendable, Equatable {
    case any, null, boolean, integer, float, string
    case list(ExpressionType)

    var named: String {
        switch self {
        case .any: "a value of any type"
        case .null: "nil"
        case .boolean: "a boolean"
        case .integer: "a whole number"
        case .float: "a decimal number"
        case .string: "a text"
        case .list: "a list"
        }
    }

    var isNumber: Bool { self == .integer || self == .float || self == .any }
    var isString: Bool { self == .string || self == .any }
    var isBoolean: Bool { self == .boolean || self == .any }
    var isList: Bool { element != nil }

    /// Of a list's elements.
    var element: ExpressionType? {
        switch self {
        case .any: .any
        case .list(let element): element
        default: nil
        }
    }

    /// Whether values of both may be asked to be equal.
    func isComparable(with other: ExpressionType) -> Bool {
        switch (self, other) {
        case (.any, _), (_, .any), (.null, _), (_, .null), (.integer, .float), (.float, .integer), (.list, .list): true
        default: self == other
        }
    }

    func joined(with other: ExpressionType) -> ExpressionType { self == other ? self : .any }
}
