extension TextTemplateParser {
    /// How many variables may stand before `:=`.
    enum Declaration { case none, one, two }

    /// Commands between `|`, with a declaration or assignment before them; ends before `}}` or `)`.
    mutating func pipeline(allowsDeclaration declaration: Declaration) throws(TextTemplateFault) -> TextTemplatePipeline {
        scanner.skipSpace()
        let start = scanner.at
        var pipeline = TextTemplatePipeline(offset: start)
        let declared = try targets(declaration, of: &pipeline)
        repeat {
            scanner.skipSpace()
            let isFirst = pipeline.commands.isEmpty
            pipeline.commands.append(try command(hasInput: !isFirst))
            // The space before a trim marker belongs to it.
            if !scanner.isAtClose { scanner.skipSpace() }
        } while scanner.take("|")
        guard !pipeline.commands.isEmpty else { throw scanner.fault("expected a value", at: start) }
        variables += declared
        return pipeline
    }

    /// `$x :=`, `$x =`, `$x, $y :=`; the names that are new. Nothing is read when there is none of them.
    private mutating func targets(_ declaration: Declaration, of pipeline: inout TextTemplatePipeline) throws(TextTemplateFault) -> [String]
    {
        let before = scanner
        guard declaration != .none, scanner.current == UInt8(ascii: "$") else { return [] }
        let start = scanner.at
        var names: [String] = []
        repeat {
            scanner.skipSpace()
            guard scanner.take("$") else { break }
            names.append("$" + scanner.word())
            scanner.skipSpace()
        } while scanner.take(",")
        if scanner.take(":=") {
            guard names.count <= (declaration == .two ? 2 : 1), !names.contains("$") else {
                throw scanner.fault("expected one variable before := (in range two)", at: start)
            }
            pipeline.slots = names.indices.map { variables.count + $0 }
            return names
        }
        if names.count == 1, scanner.current == UInt8(ascii: "="), scanner.peek(1) != UInt8(ascii: "=") {
            scanner.skip()
            pipeline.slots = [try slot(of: names[0], at: start)]
            guard pipeline.slots != [0] else { throw scanner.fault("$ cannot be assigned to", at: start) }
            return []
        }
        scanner = before
        return []
    }

    private mutating func command(hasInput: Bool) throws(TextTemplateFault) -> TextTemplateCommand {
        let start = scanner.at
        if let function = try function() {
            var command = TextTemplateCommand(offset: start, head: .function(function))
            command.arguments = try arguments()
            try check(command, function, hasInput: hasInput)
            return command
        }
        let first = try operand()
        let arguments = try arguments()
        if isData(first), first.fields.first == TextTemplateField.metadata {
            guard first.fields.count == 1, arguments.count + (hasInput ? 1 : 0) == 1 else {
                throw scanner.fault("expected .Meta with one label, as in {{ .Meta \"zone/label\" }}", at: start)
            }
            return TextTemplateCommand(offset: start, head: .metadata, arguments: arguments)
        }
        guard arguments.isEmpty, !hasInput else {
            throw scanner.fault(
                "expected a function where values are given to it; there are \(TextTemplateFunction.listed), .Meta", at: start)
        }
        if case .constant(.null) = first.source { throw scanner.fault("nil is no value of its own", at: start) }
        return TextTemplateCommand(offset: start, head: .value(first))
    }

    private func isData(_ operand: TextTemplateOperand) -> Bool {
        switch operand.source {
        case .dot: dotIsData
        case .slot(let slot): slot == 0
        case .constant, .pipeline: false
        }
    }

    /// A function's name, read; nil (and nothing read) where something else stands.
    private mutating func function() throws(TextTemplateFault) -> TextTemplateFunction? {
        let before = scanner
        guard let octet = scanner.current, TextTemplateScanner.isWord(octet), !(0x30...0x39).contains(octet) else { return nil }
        let word = scanner.word()
        if ["true", "false", "nil"].contains(word) {
            scanner = before
            return nil
        }
        guard let function = TextTemplateFunction(rawValue: word) else {
            let suggestion = nearestName(to: word, among: TextTemplateFunction.allCases.map(\.rawValue)).map { "; did you mean '\($0)'?" }
            throw scanner.fault(
                "unknown function '\(word)'; there are \(TextTemplateFunction.listed)\(suggestion ?? "")", at: before.at)
        }
        return function
    }

    private func check(_ command: TextTemplateCommand, _ function: TextTemplateFunction, hasInput: Bool) throws(TextTemplateFault) {
        let count = command.arguments.count + (hasInput ? 1 : 0)
        guard function.arity.contains(count) else {
            let range = function.arity
            let expected =
                range.upperBound == .max
                ? "at least \(range.lowerBound)" : range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            throw scanner.fault("\(function.rawValue) takes \(expected) values, found \(count)", at: command.offset)
        }
        if function == .printf, case .constant(.string(let format))? = command.arguments.first?.source,
            let verb = GoFormat.unsupported(in: format)
        {
            throw scanner.fault("printf: '\(verb)' is not supported; there are \(GoFormat.listed)", at: command.arguments[0].offset)
        }
    }

    /// Values up to `|`, `)` or `}}`, white space between them.
    private mutating func arguments() throws(TextTemplateFault) -> [TextTemplateOperand] {
        var arguments: [TextTemplateOperand] = []
        while !scanner.isAtClose {
            let before = scanner.at
            scanner.skipSpace()
            if scanner.current == UInt8(ascii: "|") || scanner.current == UInt8(ascii: ")") { break }
            guard scanner.current != nil else {
                throw scanner.fault("expected }} for the action that opens here, found the end of the text", at: scanner.opening)
            }
            guard scanner.at > before else { throw scanner.fault("expected a space, '|' or '}}', found '\(scanner.found())'") }
            arguments.append(try operand())
        }
        return arguments
    }
}
