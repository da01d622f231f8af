/// Goes through a template's nodes for one query. Recursion is as deep as the parser let the template be.
struct TextTemplateRenderer<Data: TextTemplateData> {
    /// What follows a node.
    private enum Flow { case on, leaveLoop, nextTurn }

    let data: Data
    private(set) var output: [UInt8]
    private let start: Int
    private var variables: [TextTemplateValue] = [.null]
    /// Nil: the data.
    private var dot: TextTemplateValue?
    private var steps = 0

    init(data: Data, output: [UInt8]) {
        self.data = data
        self.output = output
        start = output.count
    }

    mutating func render(_ nodes: [TextTemplateNode]) throws(TextTemplateError) { _ = try run(nodes) }

    /// Counts work, and text that is copied, against the limit.
    private mutating func charge(_ work: Int) throws(TextTemplateError) {
        steps += work
        if steps > TextTemplate.stepLimit { throw .tooManySteps }
    }

    private mutating func write(_ octets: some Collection<UInt8>) throws(TextTemplateError) {
        guard output.count - start + octets.count <= TextTemplate.outputLimit else { throw .tooLong }
        output.append(contentsOf: octets)
    }

    // MARK: Nodes

    private mutating func run(_ nodes: [TextTemplateNode]) throws(TextTemplateError) -> Flow {
        for node in nodes {
            try charge(1)
            let flow = try run(node)
            if flow != .on { return flow }
        }
        return .on
    }

    private mutating func run(_ node: TextTemplateNode) throws(TextTemplateError) -> Flow {
        switch node {
        case .text(let octets): try write(octets)
        case .leaveLoop: return .leaveLoop
        case .nextTurn: return .nextTurn
        case .action(let pipeline):
            let value = try self.value(of: pipeline)
            guard pipeline.slots.isEmpty else { break }
            guard let text = value.printed else { throw .unfit(at: pipeline.offset, "a structure cannot be printed; take a field of it") }
            try write(text.utf8)
        case .condition(let branch):
            return try run(try value(of: branch.pipeline).isTrue ? branch.body : branch.otherwise)
        case .with(let branch):
            let value = try self.value(of: branch.pipeline)
            guard value.isTrue else { return try run(branch.otherwise) }
            let outer = dot
            dot = value
            defer { dot = outer }
            return try run(branch.body)
        case .range(let branch): return try loop(branch)
        }
        return .on
    }

    private mutating func loop(_ branch: TextTemplateBranch) throws(TextTemplateError) -> Flow {
        let value = try self.value(of: branch.pipeline, binding: false)
        let outer = dot
        defer { dot = outer }
        var turns = 0
        switch value {
        case .list(let elements):
            for (index, element) in elements.enumerated() {
                turns += 1
                if try turn(branch, .integer(Int64(index)), element) { return .on }
            }
        case .map(let entries):
            for (key, element) in TextTemplateValue.sorted(entries) {
                turns += 1
                if try turn(branch, .string(key), element) { return .on }
            }
        case .integer(let count):
            var index: Int64 = 0
            while index < count {
                turns += 1
                if try turn(branch, .integer(index), .integer(index)) { return .on }
                index += 1
            }
        case .null, .missing: break
        case .boolean, .unsigned, .float, .string, .structure:
            throw .unfit(at: branch.pipeline.offset, "range goes over a list, a map or a whole number, not \(value.typeName)")
        }
        dot = outer
        return turns == 0 ? try run(branch.otherwise) : .on
    }

    /// One turn of a loop; whether it was the last.
    private mutating func turn(
        _ branch: TextTemplateBranch, _ index: TextTemplateValue, _ element: TextTemplateValue
    ) throws(TextTemplateError) -> Bool {
        try charge(1)
        dot = element
        let slots = branch.pipeline.slots
        if slots.count == 2 { bind(index, to: slots[0]) }
        if let last = slots.last { bind(element, to: last) }
        return try run(branch.body) == .leaveLoop
    }

    private mutating func bind(_ value: TextTemplateValue, to slot: Int) {
        while variables.count <= slot { variables.append(.missing) }
        variables[slot] = value
    }

    // MARK: Values

    private mutating func value(of pipeline: TextTemplatePipeline, binding: Bool = true) throws(TextTemplateError) -> TextTemplateValue {
        var value: TextTemplateValue?
        for command in pipeline.commands { value = try self.value(of: command, input: value) }
        let result = value ?? .missing
        if binding { for slot in pipeline.slots { bind(result, to: slot) } }
        return result
    }

    private mutating func value(of command: TextTemplateCommand, input: TextTemplateValue?) throws(TextTemplateError) -> TextTemplateValue {
        try charge(1)
        switch command.head {
        case .value(let operand): return try value(of: operand)
        case .metadata:
            let label = try command.arguments.first.map { operand throws(TextTemplateError) in try value(of: operand) } ?? input
            guard case .string(let name)? = label else {
                throw .unfit(at: command.offset, ".Meta takes a text, found \(label?.typeName ?? "nothing")")
            }
            return .string(data.metadata(name))
        case .function(.and): return try firstDecisive(command, input, stopsAt: false)
        case .function(.or): return try firstDecisive(command, input, stopsAt: true)
        case .function(let function):
            var arguments: [TextTemplateValue] = []
            for operand in command.arguments { arguments.append(try value(of: operand)) }
            if let input { arguments.append(input) }
            let result = try function.result(of: arguments, at: command.offset)
            if case .string(let text) = result {
                guard text.utf8.count <= TextTemplate.outputLimit else { throw .tooLong }
                try charge(text.utf8.count / 64)
            }
            return result
        }
    }

    /// `and` and `or`: arguments are looked at until one decides; that, or the last, is the value.
    private mutating func firstDecisive(
        _ command: TextTemplateCommand, _ input: TextTemplateValue?, stopsAt decisive: Bool
    ) throws(TextTemplateError) -> TextTemplateValue {
        var value: TextTemplateValue = .missing
        for operand in command.arguments {
            value = try self.value(of: operand)
            if value.isTrue == decisive { return value }
        }
        return input ?? value
    }

    private mutating func value(of operand: TextTemplateOperand) throws(TextTemplateError) -> TextTemplateValue {
        try charge(1)
        switch operand.source {
        case .constant(let value): return value
        case .pipeline(let pipeline): return try fields(operand.fields[...], of: try value(of: pipeline), at: operand.offset)
        case .slot(0): return try ofData(operand)
        case .slot(let slot):
            return try fields(operand.fields[...], of: slot < variables.count ? variables[slot] : .missing, at: operand.offset)
        case .dot:
            guard let dot else { return try ofData(operand) }
            return try fields(operand.fields[...], of: dot, at: operand.offset)
        }
    }

    private func ofData(_ operand: TextTemplateOperand) throws(TextTemplateError) -> TextTemplateValue {
        guard let first = operand.fields.first else { return .structure([:]) }
        guard let field = TextTemplateField(rawValue: first) else {
            throw .unfit(at: operand.offset, ".\(first) cannot be used here")
        }
        if field == .group, operand.fields.count == 2 {
            return data.group(operand.fields[1]).map { .string($0) } ?? .missing
        }
        return try fields(operand.fields.dropFirst(), of: data.value(of: field), at: operand.offset)
    }

    private func fields(
        _ names: ArraySlice<String>, of value: TextTemplateValue, at offset: Int
    ) throws(TextTemplateError) -> TextTemplateValue {
        var value = value
        for name in names {
            switch value {
            case .map(let entries): value = entries[name] ?? .missing
            case .structure(let members):
                guard let member = members[name] else { throw .unfit(at: offset, "there is no field '\(name)'") }
                value = member
            case .missing, .null, .boolean, .integer, .unsigned, .float, .string, .list:
                throw .unfit(at: offset, "'\(name)' is asked of \(value.typeName), which has no fields")
            }
        }
        return value
    }
}
