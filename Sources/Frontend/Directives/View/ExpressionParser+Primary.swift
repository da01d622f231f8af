extension ExpressionParser {
    mutating func primary() throws(ExpressionFault) -> Part {
        let token = current
        switch token.kind {
        case .integer(let number): return try constant(.integer(number), .integer)
        case .float(let number): return try constant(.float(number), .float)
        case .string(let text): return try constant(.string(text), .string)
        case .name("true"): return try constant(.boolean(true), .boolean)
        case .name("false"): return try constant(.boolean(false), .boolean)
        case .name("nil"): return try constant(.null, .null)
        case .name(let name): return isCall ? try call(name) : try lonely(name)
        case .symbol("("):
            advance()
            let inner = try expression(0)
            try expect(")", "for the '(' that opens at character \(token.offset + 1)")
            return inner
        case .symbol("["): return try list()
        case .symbol("#"):
            advance()
            guard let type = elements.last else {
                throw fault("'#' is the element at hand inside of any, all, filter and their like, and nothing elsewhere", at: token.offset)
            }
            if case .name(let name) = current.kind, current.offset == token.offset + 1 {
                throw fault("'#\(name)' is not supported", at: token.offset)
            }
            return try part(.element, type, at: token.offset)
        case .symbol("{"): throw fault("maps are not supported", at: token.offset)
        case .symbol, .end: throw fault("expected a value, found \(token.shown)")
        }
    }

    private mutating func constant(_ value: ExpressionValue, _ type: ExpressionType) throws(ExpressionFault) -> Part {
        let offset = current.offset
        advance()
        return try part(.constant(value), type, at: offset)
    }

    private mutating func list() throws(ExpressionFault) -> Part {
        let offset = current.offset
        advance()
        var inner: [Part] = []
        while !isAt("]") {
            inner.append(try expression(0))
            guard take(",") else { break }
        }
        try expect("]", "for the '[' that opens at character \(offset + 1)")
        let type = inner.dropFirst().reduce(inner.first?.type ?? .any) { $0.joined(with: $1.type) }
        let constants = inner.compactMap(\.constant)
        let node = constants.count == inner.count ? ExpressionNode.constant(.list(constants)) : .list(inner.map(\.node))
        return try part(node, .list(type), at: offset, of: inner)
    }

    /// A name that is not called.
    private func lonely(_ name: String) throws(ExpressionFault) -> Part {
        if ExpressionFact(rawValue: name) != nil { throw fault("'\(name)' is a function: write \(name)()") }
        if ExpressionFunction(rawValue: name) != nil || ExpressionPredicate(rawValue: name) != nil {
            throw fault("'\(name)' is a function: write \(name)(…)")
        }
        if ["let", "if", "else"].contains(name) { throw fault("'\(name)' is not supported; '? :' chooses between two values") }
        throw fault("unknown name '\(name)'; texts stand in single quotes: '\(name)'")
    }

    // MARK: Calls

    /// `value | name(…)` is `name(value, …)`.
    mutating func piped(_ first: Part) throws(ExpressionFault) -> Part {
        guard case .name(let name) = current.kind, isCall else {
            throw fault("expected a function's call after '|', found \(current.shown)")
        }
        return try call(name, first: first)
    }

    private mutating func call(_ name: String, first: Part? = nil) throws(ExpressionFault) -> Part {
        let offset = current.offset
        if let predicate = ExpressionPredicate(rawValue: name) { return try call(predicate, first: first, at: offset) }
        guard let fact = ExpressionFact(rawValue: name) else {
            guard let function = ExpressionFunction(rawValue: name) else { throw unknown(name) }
            let arguments = try arguments(first)
            return try call(function, arguments, at: offset)
        }
        let arguments = try arguments(first)
        guard arguments.isEmpty else { throw fault("\(name)() takes no values, found \(arguments.count)", at: offset) }
        return try part(.fact(fact), fact.valueType, at: offset)
    }

    private func unknown(_ name: String) -> ExpressionFault {
        if Self.refused.contains(name) { return fault("'\(name)' of expr-lang is not supported; there are \(Self.listed)") }
        let suggestion = nearestName(to: name, among: Self.names).map { "; did you mean '\($0)'?" } ?? ""
        return fault("unknown function '\(name)'; there are \(Self.listed)\(suggestion)")
    }

    private static let names =
        ExpressionFact.allCases.map(\.rawValue) + ExpressionFunction.allCases.map(\.rawValue) + ExpressionPredicate.allCases.map(\.rawValue)
    private static let listed = names.sorted().joined(separator: ", ")

    /// What expr-lang has besides.
    private static let refused: Set<String> = [
        "bitand", "bitnand", "bitnot", "bitor", "bitshl", "bitshr", "bitushr", "bitxor", "ceil", "concat", "date", "duration", "findIndex",
        "findLast", "findLastIndex", "flatten", "floor", "fromBase64", "fromJSON", "fromPairs", "get", "groupBy", "keys", "mean", "median",
        "now", "reduce", "reverse", "round", "sort", "sortBy", "splitAfter", "sum", "take", "timezone", "toBase64", "toJSON", "toPairs",
        "uniq", "values",
    ]

    private mutating func arguments(_ first: Part?) throws(ExpressionFault) -> [Part] {
        advance()
        let opening = current.offset
        advance()
        var arguments = first.map { [$0] } ?? []
        while !isAt(")") {
            arguments.append(try expression(0))
            guard take(",") else { break }
        }
        try expect(")", "for the '(' that opens at character \(opening + 1)")
        return arguments
    }

    private mutating func call(_ function: ExpressionFunction, _ arguments: [Part], at offset: Int) throws(ExpressionFault) -> Part {
        let range = function.arity
        guard range.contains(arguments.count) else {
            let expected =
                range.upperBound == .max
                ? "at least \(range.lowerBound)" : range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            throw fault("\(function.rawValue)() takes \(expected) values, found \(arguments.count)", at: offset)
        }
        let type = try type(of: function, arguments)
        if function == .incidr, case .string(let text)? = arguments[1].constant {
            guard let block = AddressBlock(text) else {
                throw fault("expected an address block such as 10.0.0.0/8 or 2001:db8::/32, found '\(text)'", at: arguments[1].offset)
            }
            return try part(.inBlock(arguments[0].node, block), .boolean, at: offset, of: [arguments[0]])
        }
        return try part(.call(function, arguments.map(\.node)), type, at: offset, of: arguments)
    }

    private func type(of function: ExpressionFunction, _ arguments: [Part]) throws(ExpressionFault) -> ExpressionType {
        let name = "a value of \(function.rawValue)()"
        switch function {
        case .incidr, .hasPrefix, .hasSuffix, .metadata, .lower, .upper, .trim, .trimPrefix, .trimSuffix, .replace, .indexOf, .lastIndexOf:
            for argument in arguments { try check(argument, is: .string, as: name) }
        case .split, .repeat:
            try check(arguments[0], is: .string, as: name)
            if function == .split { try check(arguments[1], is: .string, as: name) }
            if function == .repeat || arguments.count == 3 { try check(arguments[arguments.count - 1], is: .integer, as: name) }
        case .join, .first, .last: try checkList(arguments[0], name)
        case .len:
            guard arguments[0].type.isList || arguments[0].type.isString else {
                throw fault("expected a text or a list as \(name), found \(arguments[0].type.named)", at: arguments[0].offset)
            }
        case .abs, .max, .min:
            for argument in arguments where !argument.type.isNumber {
                throw fault("expected numbers as values of \(function.rawValue)(), found \(argument.type.named)", at: argument.offset)
            }
        case .int, .float, .string: break
        }
        switch function {
        case .incidr, .hasPrefix, .hasSuffix: return .boolean
        case .metadata, .lower, .upper, .trim, .trimPrefix, .trimSuffix, .join, .replace, .repeat, .string: return .string
        case .split: return .list(.string)
        case .len, .indexOf, .lastIndexOf, .int: return .integer
        case .float: return .float
        case .abs, .max, .min: return arguments.dropFirst().reduce(arguments[0].type) { $0.joined(with: $1.type) }
        case .first, .last: return arguments[0].type.element ?? .any
        }
    }

    private func checkList(_ part: Part, _ purpose: String) throws(ExpressionFault) {
        guard part.type.isList else { throw fault("expected a list as \(purpose), found \(part.type.named)", at: part.offset) }
    }

    // MARK: Predicates

    /// `any(list, condition)`; the condition may stand in braces.
    private mutating func call(_ predicate: ExpressionPredicate, first: Part?, at offset: Int) throws(ExpressionFault) -> Part {
        let name = predicate.rawValue
        advance()
        let opening = current.offset
        advance()
        let list = if let first { first } else { try expression(0) }
        guard let element = list.type.element else {
            throw fault("expected a list as the first value of \(name)(), found \(list.type.named)", at: list.offset)
        }
        if first == nil { try expect(",", "and a condition, as in \(name)([1, 2], # > 1)") }
        let isBraced = take("{")
        elements.append(element)
        let body = try expression(0)
        elements.removeLast()
        if isBraced { try expect("}", "behind the condition of \(name)()") }
        _ = take(",")
        try expect(")", "for the '(' that opens at character \(opening + 1)")
        if predicate != .map { try check(body, is: .boolean, as: "the condition of \(name)()") }
        let type: ExpressionType =
            switch predicate {
            case .any, .all, .none, .one: .boolean
            case .filter: .list(element)
            case .map: .list(body.type)
            case .count: .integer
            // Nil when there is none.
            case .find: .any
            }
        return try part(.predicate(predicate, over: list.node, body.node), type, at: offset, of: [list, body])
    }
}
