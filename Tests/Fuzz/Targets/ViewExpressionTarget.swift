@testable import Frontend

extension FuzzTarget {
    /// The input read as a view's expression. A fault lies inside the text and says something; one that compiles gives, twice alike, a
    /// boolean, another value where nothing was known of its type, or an error.
    static let viewExpression = FuzzTarget(name: "view-expression", longestInput: 1024) { input throws(PropertyFailure) in
        let text = String(decoding: input, as: UTF8.self)
        let compiled = Result { () throws(ExpressionFault) in
            try ViewExpression(text)
        }
        switch compiled {
        case .failure(let fault):
            try expect((0...text.utf8.count).contains(fault.offset), "\(fault) lies outside \(text.utf8.count) octets")
            try expect(!fault.message.isEmpty, "a fault without words")
        case .success(let expression):
            func value() -> Result<ExpressionValue, ExpressionError> {
                Result { () throws(ExpressionError) in try expression.value(for: FuzzedFacts()) }
            }
            let (first, second) = (value(), value())
            // A number that is none differs from itself.
            try expect("\(first)" == "\(second)", "\(first), then \(second)")
            try expect(expression.holds(for: FuzzedFacts()) == (first == .success(.boolean(true))), "it holds unlike its value \(first)")
        }
    }
}

private struct FuzzedFacts: ExpressionFacts {
    func value(of fact: ExpressionFact) -> ExpressionValue {
        switch fact.valueType {
        case .integer: .integer(1232)
        case .boolean: .boolean(true)
        default: .string(fact == .clientIP ? "192.0.2.1" : "a.b.example.")
        }
    }
    func metadata(_ label: String) -> String { label }
}
