/// Compiles an expression: operators by their precedence in expr-lang, types checked as parts are put together.
struct ExpressionParser {
    /// A part, its type, and how deep it is.
    struct Part {
        var node: ExpressionNode
        var type: ExpressionType
        var offset: Int
        var depth = 1
        /// A text or number that is known now.
        var constant: ExpressionValue? {
            if case .constant(let value) = node { value } else { nil }
        }
    }

    private let tokens: [ExpressionToken]
    private var position = 0
    private var nesting = 0
    private var parts = 0
    /// The type of `#` inside the predicate at hand; the last is the innermost.
    var elements: [ExpressionType] = []

    init(_ text: String) throws(ExpressionFault) {
        tokens = try ExpressionLexer.tokens(of: text)
    }

    mutating func whole() throws(ExpressionFault) -> (ExpressionNode, ExpressionType) {
        let part = try expression(0)
        guard current.kind == .end else { throw fault("expected an operator or the end, found \(current.shown)\(hint(after: part))") }
        return (part.node, part.type)
    }

    private func hint(after part: Part) -> String {
        switch current.kind {
        case .symbol("="): "; to compare write =="
        case .symbol("."), .symbol("?."): "; members are not supported"
        default: ""
        }
    }

    // MARK: Words

    /// The last is the end, and nothing goes past it.
    var current: ExpressionToken { tokens[position] }

    mutating func advance() { position = Swift.min(position + 1, tokens.count - 1) }

    func isAt(_ symbol: String) -> Bool { current.kind == .symbol(symbol) }

    mutating func take(_ symbol: String) -> Bool {
        guard isAt(symbol) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: String, _ purpose: String) throws(ExpressionFault) {
        guard take(symbol) else { throw fault("expected '\(symbol)' \(purpose), found \(current.shown)") }
    }

    /// Whether the word after the one at hand opens a parenthesis.
    var isCall: Bool { position + 1 < tokens.count && tokens[position + 1].kind == .symbol("(") }

    func fault(_ message: String, at offset: Int? = nil) -> ExpressionFault {
        ExpressionFault(offset: offset ?? current.offset, message: message)
    }

    mutating func descend() throws(ExpressionFault) {
        nesting += 1
        if nesting > ViewExpression.nestingLimit {
            throw fault("expected at most \(ViewExpression.nestingLimit) parentheses and operators inside one another")
        }
    }

    mutating func ascend() { nesting -= 1 }

    /// A part of others, counted.
    mutating func part(
        _ node: ExpressionNode, _ type: ExpressionType, at offset: Int, of inner: [Part] = []
    ) throws(ExpressionFault) -> Part {
        parts += 1
        let depth = 1 + (inner.map(\.depth).max() ?? 0)
        guard depth <= ViewExpression.depthLimit, parts <= ViewExpression.nodeLimit else {
            throw fault("expected a shorter expression; a list with 'in' takes the place of many comparisons", at: offset)
        }
        return Part(node: node, type: type, offset: offset, depth: depth)
    }

    // MARK: Operators

    private static let precedence: [String: Int] = [
        "|": 0, "||": 10, "or": 10, "&&": 15, "and": 15, "==": 20, "!=": 20, "<": 20, ">": 20, "<=": 20, ">=": 20, "in": 20, "matches": 20,
        "contains": 20, "startsWith": 20, "endsWith": 20, "..": 25, "+": 30, "-": 30, "*": 60, "/": 60, "%": 60, "**": 100, "^": 100,
        "??": 500,
    ]
    private static let negatable: Set<String> = ["in", "matches", "contains", "startsWith", "endsWith"]
    private static let ordering: Set<String> = ["<", "<=", ">", ">="]

    /// The operator at hand and how many words it has; `not in` has two.
    private var operatorAhead: (name: String, isNegated: Bool)? {
        switch current.kind {
        case .symbol(let text), .name(let text):
            if text == "not", position + 1 < tokens.count, case .name(let next) = tokens[position + 1].kind, Self.negatable.contains(next) {
                return (next, true)
            }
            return Self.precedence[text] == nil ? nil : (text, false)
        case .string, .integer, .float, .end: return nil
        }
    }

    /// Operators of at least this precedence, and with 0 a condition `? :` behind them.
    mutating func expression(_ least: Int) throws(ExpressionFault) -> Part {
        try descend()
        defer { ascend() }
        var left = try unary()
        var previous = ""
        while let (name, isNegated) = operatorAhead, let precedence = Self.precedence[name], precedence >= least {
            if previous == "??", name != "??" {
                throw fault("expected parentheses around '??' beside '\(name)'")
            }
            let offset = current.offset
            advance()
            if isNegated { advance() }
            previous = name
            if name == "|" {
                left = try piped(left)
            } else if Self.ordering.contains(name) {
                left = try comparisons(left, name, at: offset)
            } else {
                let right = try expression(name == "**" || name == "^" ? precedence : precedence + 1)
                left = try combine(name, left, right, at: offset)
                if isNegated { left = try part(.not(left.node), .boolean, at: offset, of: [left]) }
            }
        }
        return least == 0 ? try conditional(left) : left
    }

    /// `a < b <= c` is `a < b && b <= c`.
    private mutating func comparisons(_ first: Part, _ name: String, at offset: Int) throws(ExpressionFault) -> Part {
        var (left, name, offset) = (first, name, offset)
        var result: Part?
        while true {
            let right = try expression(21)
            let comparison = try combine(name, left, right, at: offset)
            let all =
                try result.map { before throws(ExpressionFault) in try combine("&&", before, comparison, at: offset) } ?? comparison
            guard let (next, _) = operatorAhead, Self.ordering.contains(next) else { return all }
            result = all
            left = right
            name = next
            offset = current.offset
            advance()
        }
    }

    private mutating func conditional(_ condition: Part) throws(ExpressionFault) -> Part {
        guard isAt("?") else { return condition }
        let offset = current.offset
        advance()
        guard condition.type.isBoolean else {
            throw fault("expected a condition before '?', found \(condition.type.named)", at: condition.offset)
        }
        // `a ?: b` is `a ? a : b`.
        let yes = isAt(":") ? condition : try expression(0)
        try expect(":", "after '?'")
        let no = try expression(0)
        return try part(
            .conditional(condition.node, yes.node, no.node), yes.type.joined(with: no.type), at: offset, of: [condition, yes, no])
    }

    private mutating func unary() throws(ExpressionFault) -> Part {
        let offset = current.offset
        switch current.kind {
        case .symbol("!"), .name("not"):
            advance()
            let inner = try expression(50)
            guard inner.type.isBoolean else {
                throw fault("expected a condition after 'not', found \(inner.type.named)", at: inner.offset)
            }
            return try part(.not(inner.node), .boolean, at: offset, of: [inner])
        case .symbol("-"), .symbol("+"):
            let isNegative = isAt("-")
            advance()
            let inner = try expression(90)
            guard inner.type.isNumber else {
                throw fault("expected a number after '\(isNegative ? "-" : "+")', found \(inner.type.named)", at: inner.offset)
            }
            return isNegative ? try part(.negative(inner.node), inner.type, at: offset, of: [inner]) : inner
        default: return try postfix(try primary())
        }
    }

    // MARK: Places

    private mutating func postfix(_ base: Part) throws(ExpressionFault) -> Part {
        var base = base
        while isAt("[") {
            let offset = current.offset
            advance()
            if take(":") {
                base = try slice(base, from: nil, at: offset)
                continue
            }
            let first = try expression(0)
            if take(":") {
                base = try slice(base, from: first, at: offset)
                continue
            }
            try expect("]", "for the '[' that opens at character \(offset + 1)")
            guard let element = base.type.element else {
                throw fault("expected a list before '[', found \(base.type.named); parts of texts are [from:to]", at: base.offset)
            }
            try check(first, is: .integer, as: "a place in a list")
            base = try part(.index(base.node, first.node), element, at: offset, of: [base, first])
        }
        if isAt(".") || isAt("?.") { throw fault("members are not supported: a query has none") }
        return base
    }

    private mutating func slice(_ base: Part, from: Part?, at offset: Int) throws(ExpressionFault) -> Part {
        let to = isAt("]") ? nil : try expression(0)
        try expect("]", "for the '[' that opens at character \(offset + 1)")
        guard base.type.isList || base.type == .string else {
            throw fault("expected a list or a text before '[', found \(base.type.named)", at: base.offset)
        }
        for bound in [from, to] { if let bound { try check(bound, is: .integer, as: "a place") } }
        return try part(
            .slice(base.node, from: from?.node, to: to?.node), base.type, at: offset, of: [base] + [from, to].compactMap { $0 })
    }

    func check(_ part: Part, is type: ExpressionType, as purpose: String) throws(ExpressionFault) {
        guard part.type == type || part.type == .any else {
            throw fault("expected \(type.named) as \(purpose), found \(part.type.named)", at: part.offset)
        }
    }
}
