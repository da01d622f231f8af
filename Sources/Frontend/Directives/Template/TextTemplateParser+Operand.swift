extension TextTemplateParser {
    /// One value with the fields that are taken of it.
    mutating func operand() throws(TextTemplateFault) -> TextTemplateOperand {
        let start = scanner.at
        var operand = TextTemplateOperand(offset: start, source: .dot)
        var takesFields = true
        switch scanner.current {
        case UInt8(ascii: "."):
            if let next = scanner.peek(1), (0x30...0x39).contains(next) {
                operand.source = .constant(try number())
                takesFields = false
            } else if scanner.peek(1).map(TextTemplateScanner.isWord) != true {
                scanner.skip()
                takesFields = false
            }
        case UInt8(ascii: "$"):
            scanner.skip()
            operand.source = .slot(try slot(of: "$" + scanner.word(), at: start))
        case UInt8(ascii: "("):
            try descend(at: start)
            defer { depth -= 1 }
            scanner.skip()
            operand.source = .pipeline(try pipeline(allowsDeclaration: .none))
            scanner.skipSpace()
            guard scanner.take(")") else { throw scanner.fault("expected ) for the ( that opens here", at: start) }
        default:
            operand.source = .constant(try constant())
            takesFields = false
        }
        try takeFields(of: &operand, if: takesFields)
        return operand
    }

    func slot(of name: String, at offset: Int) throws(TextTemplateFault) -> Int {
        guard let slot = variables.lastIndex(of: name) else {
            throw scanner.fault("unknown variable '\(name)'; variables are declared by {{ \(name) := value }}", at: offset)
        }
        return slot
    }

    private mutating func takeFields(of operand: inout TextTemplateOperand, if allowed: Bool) throws(TextTemplateFault) {
        while scanner.current == UInt8(ascii: ".") {
            guard allowed else { throw scanner.fault("a '.' cannot follow '\(operand.source == .dot ? "." : "a constant")'") }
            let start = scanner.at
            scanner.skip()
            let name = scanner.word()
            guard !name.isEmpty else { throw scanner.fault("expected a name after '.', found '\(scanner.found())'", at: start) }
            operand.fields.append(name)
        }
        switch operand.source {
        case .dot where dotIsData, .slot(0): try checkData(operand)
        case .dot, .slot, .constant, .pipeline: break
        }
    }

    /// The data's fields are known before any query comes.
    private func checkData(_ operand: TextTemplateOperand) throws(TextTemplateFault) {
        guard let first = operand.fields.first, first != TextTemplateField.metadata else { return }
        guard let field = TextTemplateField(rawValue: first) else {
            let names = TextTemplateField.allCases.map(\.rawValue) + [TextTemplateField.metadata]
            let suggestion = names.first { $0.lowercased() == first.lowercased() } ?? nearestName(to: first, among: names)
            throw scanner.fault(
                "unknown field '.\(first)'; there are \(TextTemplateField.listed)\(suggestion.map { "; did you mean '.\($0)'?" } ?? "")",
                at: operand.offset)
        }
        guard operand.fields.count > 1 else { return }
        let name = operand.fields[1]
        if field == .match { throw scanner.fault(".Match is a list: expected {{ index .Match 1 }}", at: operand.offset) }
        guard let members = field.members else { throw scanner.fault(".\(first) is a text without fields", at: operand.offset) }
        if !members.isEmpty, !members.contains(name) {
            let known = members.map { ".\(first).\($0)" }.joined(separator: ", ")
            throw scanner.fault("unknown field '.\(first).\(name)'; there are \(known)", at: operand.offset)
        }
    }

    private mutating func constant() throws(TextTemplateFault) -> TextTemplateValue {
        let start = scanner.at
        switch scanner.current {
        case UInt8(ascii: "\""): return .string(try GoText.unquoted(try scanner.quoted(by: 0x22), of: scanner, at: start))
        case UInt8(ascii: "`"):
            // Go leaves carriage returns out of raw text.
            return .string(String(decoding: try scanner.quoted(by: 0x60).filter { $0 != 0x0D }, as: UTF8.self))
        case UInt8(ascii: "'"):
            let text = try GoText.unquoted(try scanner.quoted(by: 0x27), of: scanner, at: start)
            guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
                throw scanner.fault("expected one character between ' and '; texts stand in \" or `", at: start)
            }
            return .integer(Int64(scalar.value))
        case let octet? where (0x30...0x39).contains(octet) || octet == UInt8(ascii: "+") || octet == UInt8(ascii: "-"): return try number()
        default: break
        }
        switch scanner.word() {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "nil": return .null
        case "": throw scanner.fault("expected a value, found '\(scanner.found())'", at: start)
        case let word:
            let hint =
                TextTemplateFunction(rawValue: word) == nil ? "; texts stand in \" or `" : "; put parentheses around a call: (\(word) …)"
            throw scanner.fault("expected a value, found '\(word)'\(hint)", at: start)
        }
    }

    private mutating func number() throws(TextTemplateFault) -> TextTemplateValue {
        let start = scanner.at
        var text = ""
        var previous: UInt8 = 0
        while let octet = scanner.current {
            let isSign = octet == UInt8(ascii: "+") || octet == UInt8(ascii: "-")
            let isExponent = previous | 0x20 == UInt8(ascii: "e") && !text.lowercased().contains("0x")
            guard TextTemplateScanner.isWord(octet) || octet == UInt8(ascii: ".") || isSign && (text.isEmpty || isExponent) else { break }
            text.unicodeScalars.append(UnicodeScalar(octet))
            previous = octet
            scanner.skip()
        }
        guard let value = GoText.number(text) else { throw scanner.fault("expected a number, found '\(text)'", at: start) }
        return value
    }
}
