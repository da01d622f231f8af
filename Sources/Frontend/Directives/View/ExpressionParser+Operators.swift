import RegularExpressions

extension ExpressionParser {
    /// Two values and the operator between them.
    mutating func combine(_ name: String, _ left: Part, _ right: Part, at offset: Int) throws(ExpressionFault) -> Part {
        switch name {
        case "||", "or", "&&", "and": return try connect(left, right, isOr: name == "||" || name == "or", name, at: offset)
        case "matches": return try match(left, right, at: offset)
        default: break
        }
        guard let operation = ExpressionOperator(rawValue: name == "^" ? "**" : name),
            let type = Self.type(of: operation, left.type, right.type)
        else {
            throw fault("'\(name)' cannot stand between \(left.type.named) and \(right.type.named)", at: offset)
        }
        return try part(.operation(operation, left.node, right.node), type, at: offset, of: [left, right])
    }

    /// Long chains become one flat part.
    private mutating func connect(
        _ left: Part, _ right: Part, isOr: Bool, _ name: String, at offset: Int
    ) throws(ExpressionFault) -> Part {
        for side in [left, right] where !side.type.isBoolean {
            throw fault("expected conditions on both sides of '\(name)', found \(side.type.named)", at: side.offset)
        }
        var nodes = [left.node]
        switch left.node {
        case .either(let inner) where isOr: nodes = inner
        case .both(let inner) where !isOr: nodes = inner
        default: break
        }
        nodes.append(right.node)
        var result = try part(isOr ? .either(nodes) : .both(nodes), .boolean, at: left.offset, of: [right])
        result.depth = max(result.depth, nodes.count > 2 ? left.depth : left.depth + 1)
        guard result.depth <= ViewExpression.depthLimit else { throw fault("expected a shorter expression", at: offset) }
        return result
    }

    private mutating func match(_ left: Part, _ right: Part, at offset: Int) throws(ExpressionFault) -> Part {
        try check(left, is: .string, as: "what 'matches' looks at")
        guard case .string(let pattern)? = right.constant else {
            throw fault("expected a regular expression in quotes after 'matches'; others are not supported", at: right.offset)
        }
        let expression: RegularExpression
        do throws(RegularExpressionError) {
            expression = try RegularExpression(pattern)
        } catch {
            throw fault("'\(pattern)' is no regular expression: \(error)", at: right.offset)
        }
        return try part(.matches(left.node, expression), .boolean, at: offset, of: [left])
    }

    /// Nil where the operator cannot stand between these.
    private static func type(of operation: ExpressionOperator, _ left: ExpressionType, _ right: ExpressionType) -> ExpressionType? {
        let numbers = left.isNumber && right.isNumber
        let strings = left.isString && right.isString
        switch operation {
        case .equal, .notEqual: return left.isComparable(with: right) ? .boolean : nil
        case .less, .atMost, .greater, .atLeast: return numbers || strings ? .boolean : nil
        case .plus:
            if left == .any || right == .any { return numbers || strings ? .any : nil }
            return strings ? .string : numbers ? number(left, right) : nil
        case .minus, .times: return numbers ? number(left, right) : nil
        case .divided, .power: return numbers ? .float : nil
        case .modulo: return whole(left) && whole(right) ? .integer : nil
        case .range: return whole(left) && whole(right) ? .list(.integer) : nil
        case .coalesce: return left == .null ? right : right == .null ? left : left.joined(with: right)
        case .isIn: return right.element.map { left.isComparable(with: $0) } == true ? .boolean : nil
        case .contains, .startsWith, .endsWith: return strings ? .boolean : nil
        }
    }

    private static func whole(_ type: ExpressionType) -> Bool { type == .integer || type == .any }

    private static func number(_ left: ExpressionType, _ right: ExpressionType) -> ExpressionType {
        left == .any || right == .any ? .any : left == .integer && right == .integer ? .integer : .float
    }
}
