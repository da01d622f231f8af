import Names
import RegularExpressions

/// Evaluates an expression for one query. Recursion is as deep as the parser let the expression be.
struct ExpressionEvaluator<Facts: ExpressionFacts> {
    let facts: Facts
    private var elements: [ExpressionValue] = []
    private var steps = 0

    init(facts: Facts) { self.facts = facts }

    private mutating func charge(_ work: Int) throws(ExpressionError) {
        steps += min(work, ViewExpression.stepLimit + 1)
        if steps > ViewExpression.stepLimit { throw .tooManySteps }
    }

    mutating func value(of node: ExpressionNode) throws(ExpressionError) -> ExpressionValue {
        try charge(1)
        switch node {
        case .constant(let value): return value
        case .fact(let fact): return facts.value(of: fact)
        case .element: return elements.last ?? .null
        case .either(let nodes): return .boolean(try decide(nodes, stopsAt: true))
        case .both(let nodes): return .boolean(try decide(nodes, stopsAt: false))
        case .not(let inner): return .boolean(try !condition(inner))
        case .negative(let inner): return try negative(try value(of: inner))
        case .operation(let operation, let left, let right): return try value(of: operation, left, right)
        case .matches(.fact(let fact), let pattern) where fact.valueType == .string: return .boolean(facts.matches(fact, pattern))
        case .matches(let inner, let pattern): return .boolean(pattern.matches(try string(try value(of: inner))))
        case .conditional(let condition, let yes, let no): return try value(of: try self.condition(condition) ? yes : no)
        case .list(let nodes):
            var values: [ExpressionValue] = []
            for node in nodes { values.append(try value(of: node)) }
            return .list(values)
        case .index(let base, let place): return try element(of: try value(of: base), at: try value(of: place))
        case .slice(let base, let from, let to):
            return try slice(
                try value(of: base), try from.map { node throws(ExpressionError) in try value(of: node) },
                try to.map { node throws(ExpressionError) in try value(of: node) })
        case .inBlock(.fact(let fact), let block) where fact == .clientIP || fact == .serverIP:
            guard let address = facts.address(of: fact) else { throw .unfit("incidr: expected an address") }
            return .boolean(block.contains(address))
        case .inBlock(let inner, let block):
            guard let address = IPAddress(try string(try value(of: inner))) else { throw .unfit("incidr: expected an address") }
            return .boolean(block.contains(address))
        case .call(.metadata, let nodes):
            return .string(facts.metadata(try string(try value(of: nodes[0]))))
        case .call(let function, let nodes):
            var values: [ExpressionValue] = []
            for node in nodes { values.append(try value(of: node)) }
            let result = try function.result(of: values)
            try charge(result.size)
            return result
        case .predicate(let predicate, let over, let body): return try value(of: predicate, over, body)
        }
    }

    private mutating func condition(_ node: ExpressionNode) throws(ExpressionError) -> Bool {
        guard case .boolean(let value) = try value(of: node) else { throw .unfit("expected a condition") }
        return value
    }

    private func string(_ value: ExpressionValue) throws(ExpressionError) -> String {
        guard case .string(let text) = value else { throw .unfit("expected a text") }
        return text
    }

    /// `or` and `and`: nothing behind the one that decides is looked at.
    private mutating func decide(_ nodes: [ExpressionNode], stopsAt decisive: Bool) throws(ExpressionError) -> Bool {
        for node in nodes where try condition(node) == decisive { return decisive }
        return !decisive
    }

    private func negative(_ value: ExpressionValue) throws(ExpressionError) -> ExpressionValue {
        switch value {
        case .integer(let number): return .integer(0 &- number)
        case .float(let number): return .float(-number)
        case .null, .boolean, .string, .list: throw .unfit("expected a number after '-'")
        }
    }

    private mutating func value(
        of operation: ExpressionOperator, _ left: ExpressionNode, _ right: ExpressionNode
    ) throws(ExpressionError) -> ExpressionValue {
        let first = try value(of: left)
        if operation == .coalesce { return first == .null ? try value(of: right) : first }
        let second = try value(of: right)
        if operation == .range, case .integer(let from) = first, case .integer(let to) = second {
            guard from <= to else { return .list([]) }
            let (distance, overflow) = to.subtractingReportingOverflow(from)
            try charge(overflow ? .max : distance)
            return .list((from...to).map { .integer($0) })
        }
        if operation == .isIn, case .list(let values) = second { try charge(values.count) }
        let result = try operation.result(first, second)
        try charge(result.size)
        return result
    }

    // MARK: Lists

    private func place(_ value: ExpressionValue) throws(ExpressionError) -> Int {
        guard case .integer(let number) = value else { throw .unfit("expected a whole number as a place") }
        return number
    }

    /// Negative places count from the end.
    private func element(of base: ExpressionValue, at index: ExpressionValue) throws(ExpressionError) -> ExpressionValue {
        guard case .list(let values) = base else { throw .unfit("expected a list before '['") }
        let place = try place(index)
        let position = place < 0 ? place + values.count : place
        guard values.indices.contains(position) else { throw .unfit("place \(place) of a list of \(values.count)") }
        return values[position]
    }

    private mutating func slice(
        _ base: ExpressionValue, _ from: ExpressionValue?, _ to: ExpressionValue?
    ) throws(ExpressionError) -> ExpressionValue {
        func bound(_ value: ExpressionValue?, _ count: Int, default: Int) throws(ExpressionError) -> Int {
            guard let value else { return `default` }
            let place = try place(value)
            return min(max(place < 0 ? place + count : place, 0), count)
        }
        switch base {
        case .list(let values):
            let (start, end) = (try bound(from, values.count, default: 0), try bound(to, values.count, default: values.count))
            try charge(max(end - start, 0))
            return .list(start < end ? Array(values[start..<end]) : [])
        case .string(let text):
            let octets = Array(text.utf8)
            let (start, end) = (try bound(from, octets.count, default: 0), try bound(to, octets.count, default: octets.count))
            try charge(octets.count / 64)
            return .string(start < end ? String(decoding: octets[start..<end], as: UTF8.self) : "")
        case .null, .boolean, .integer, .float: throw .unfit("expected a list or a text before '['")
        }
    }

    private mutating func value(
        of predicate: ExpressionPredicate, _ over: ExpressionNode, _ body: ExpressionNode
    ) throws(ExpressionError) -> ExpressionValue {
        guard case .list(let values) = try value(of: over) else { throw .unfit("\(predicate.rawValue): expected a list") }
        var held: [ExpressionValue] = []
        for value in values {
            elements.append(value)
            let result = try self.value(of: body)
            elements.removeLast()
            if predicate == .map {
                held.append(result)
                continue
            }
            guard case .boolean(let holds) = result else { throw .unfit("\(predicate.rawValue): expected a condition") }
            switch predicate {
            case .any where holds: return .boolean(true)
            case .all where !holds: return .boolean(false)
            case .none where holds: return .boolean(false)
            case .find where holds: return value
            default: if holds { held.append(value) }
            }
        }
        switch predicate {
        case .any: return .boolean(false)
        case .all, .none: return .boolean(true)
        case .one: return .boolean(held.count == 1)
        case .filter, .map: return .list(held)
        case .count: return .integer(held.count)
        case .find: return .null
        }
    }
}

extension ExpressionValue {
    /// What making it cost, in steps.
    var size: Int {
        switch self {
        case .null, .boolean, .integer, .float: 0
        case .string(let text): text.utf8.count / 64
        case .list(let values): values.count
        }
    }
}
