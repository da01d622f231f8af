/// Compiles a template: texts and actions one after another, blocks by recursion of bounded depth.
struct TextTemplateParser {
    enum End { case text, end, otherwise }
    enum Block { case condition, with, range }

    var scanner: TextTemplateScanner
    /// The variables in sight; the index is the slot.
    var variables = ["$"]
    var depth = 0
    var loops = 0
    /// Whether `.` is the data here: not inside `with` and `range`.
    var dotIsData = true

    init(_ text: String) { scanner = TextTemplateScanner(text) }

    mutating func template() throws(TextTemplateFault) -> [TextTemplateNode] {
        let start = scanner.at
        let (nodes, end) = try items()
        guard end == .text else {
            throw scanner.fault("unexpected {{ \(end == .end ? "end" : "else") }}: no if, with or range is open here", at: start)
        }
        return nodes
    }

    /// Texts and actions up to the end of the text, `{{ end }}` (read whole) or `{{ else` (read up to there).
    private mutating func items() throws(TextTemplateFault) -> ([TextTemplateNode], End) {
        var nodes: [TextTemplateNode] = []
        while true {
            let text = scanner.text()
            if !text.isEmpty { nodes.append(.text(text)) }
            guard try scanner.openAction() else { return (nodes, .text) }
            if try scanner.skipComment() { continue }
            let start = scanner.at
            switch scanner.keyword() {
            case "end":
                try scanner.closeAction()
                return (nodes, .end)
            case "else": return (nodes, .otherwise)
            case "if": nodes.append(try block(.condition, at: start))
            case "with": nodes.append(try block(.with, at: start))
            case "range": nodes.append(try block(.range, at: start))
            case "break": nodes.append(try leave(.leaveLoop, "break", at: start))
            case "continue": nodes.append(try leave(.nextTurn, "continue", at: start))
            case let word?:
                throw scanner.fault(
                    "'\(word)' is not supported: each record is one template; there are if, else, with, range, break, continue and end",
                    at: start)
            case nil:
                nodes.append(.action(try pipeline(allowsDeclaration: .one)))
                try scanner.closeAction()
            }
        }
    }

    private mutating func leave(_ node: TextTemplateNode, _ word: String, at start: Int) throws(TextTemplateFault) -> TextTemplateNode {
        guard loops > 0 else { throw scanner.fault("'\(word)' outside of range", at: start) }
        try scanner.closeAction()
        return node
    }

    /// What follows `if`, `with` or `range`, to its `{{ end }}`.
    private mutating func block(_ kind: Block, at start: Int) throws(TextTemplateFault) -> TextTemplateNode {
        try descend(at: start)
        defer { depth -= 1 }
        let visible = variables.count
        let (outerDot, outerLoops) = (dotIsData, loops)
        let pipeline = try pipeline(allowsDeclaration: kind == .range ? .two : .one)
        try scanner.closeAction()
        if kind != .condition { dotIsData = false }
        if kind == .range { loops += 1 }
        let (body, end) = try items()
        dotIsData = outerDot
        loops = outerLoops
        var otherwise: [TextTemplateNode] = []
        if end == .otherwise { otherwise = try self.otherwise(of: kind, at: start) }
        if end == .text { throw unclosed(start) }
        variables.removeSubrange(visible...)
        let branch = TextTemplateBranch(pipeline: pipeline, body: body, otherwise: otherwise)
        switch kind {
        case .condition: return .condition(branch)
        case .with: return .with(branch)
        case .range: return .range(branch)
        }
    }

    /// What follows `{{ else`, to the `{{ end }}` of the block.
    private mutating func otherwise(of kind: Block, at start: Int) throws(TextTemplateFault) -> [TextTemplateNode] {
        let at = scanner.at
        switch (scanner.keyword(), kind) {
        case (nil, _): break
        case ("if", .condition): return [try block(.condition, at: at)]
        case ("with", .with): return [try block(.with, at: at)]
        case (let word?, _): throw scanner.fault("unexpected '\(word)' after else", at: at)
        }
        try scanner.closeAction()
        let elseAt = scanner.at
        let (nodes, end) = try items()
        switch end {
        case .end: return nodes
        case .otherwise: throw scanner.fault("a second else in one block", at: elseAt)
        case .text: throw unclosed(start)
        }
    }

    private func unclosed(_ start: Int) -> TextTemplateFault {
        scanner.fault("expected {{ end }} for the block that opens here, found the end of the text", at: start)
    }

    mutating func descend(at offset: Int) throws(TextTemplateFault) {
        depth += 1
        if depth > TextTemplate.nestingLimit {
            throw scanner.fault("expected at most \(TextTemplate.nestingLimit) blocks and parentheses inside one another", at: offset)
        }
    }
}
