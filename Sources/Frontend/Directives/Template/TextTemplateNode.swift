/// A piece of a compiled template.
indirect enum TextTemplateNode: Sendable, Equatable {
    case text([UInt8])
    case action(TextTemplatePipeline)
    case condition(TextTemplateBranch)
    case with(TextTemplateBranch)
    case range(TextTemplateBranch)
    case leaveLoop
    case nextTurn
}

struct TextTemplateBranch: Sendable, Equatable {
    var pipeline: TextTemplatePipeline
    var body: [TextTemplateNode]
    var otherwise: [TextTemplateNode]
}

/// Commands, each of which gets the value of the one before it as its last argument.
struct TextTemplatePipeline: Sendable, Equatable {
    var offset = 0
    /// Where the value goes; two for `range $index, $element :=`.
    var slots: [Int] = []
    var commands: [TextTemplateCommand] = []
}

struct TextTemplateCommand: Sendable, Equatable {
    enum Head: Sendable, Equatable {
        case function(TextTemplateFunction)
        /// `.Meta`, of the data or of `$`.
        case metadata
        case value(TextTemplateOperand)
    }

    var offset: Int
    var head: Head
    var arguments: [TextTemplateOperand] = []
}

struct TextTemplateOperand: Sendable, Equatable {
    indirect enum Source: Sendable, Equatable {
        case dot
        case constant(TextTemplateValue)
        /// A variable; slot 0 is `$`, the data.
        case slot(Int)
        case pipeline(TextTemplatePipeline)
    }

    var offset: Int
    var source: Source
    /// The fields that are taken of it, one of the other.
    var fields: [String] = []
}

/// The functions that a template may call.
enum TextTemplateFunction: String, CaseIterable, Sendable {
    case and, or, not, eq, ne, lt, le, gt, ge, len, index, slice, print, printf, println, html, urlquery
    /// CoreDNS's own: text, base and bits to an unsigned number.
    case parseInt

    /// How many arguments it takes.
    var arity: ClosedRange<Int> {
        switch self {
        case .and, .or, .index: 1...Int.max
        case .not, .len: 1...1
        case .eq: 2...Int.max
        case .ne, .lt, .le, .gt, .ge: 2...2
        case .slice: 1...3
        case .print, .println, .html, .urlquery: 0...Int.max
        case .printf: 1...Int.max
        case .parseInt: 3...3
        }
    }

    static var listed: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
