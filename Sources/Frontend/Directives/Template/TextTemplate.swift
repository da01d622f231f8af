/// A text of Go's `text/template` language, as far as CoreDNS's `template` needs it, compiled once and rendered for each query.
///
/// Fields, variables, pipelines, `if`, `with`, `range`, comments, trim markers and the functions of `TextTemplateFunction`. What is
/// outside of that is refused when the text is compiled.
struct TextTemplate: Sendable, Equatable {
    /// Octets of a rendered text, and of any string on the way to it. A record has at most 65,535 octets, each at most 4 in text.
    static let outputLimit = 262_144
    /// Actions, values and turns of loops that one rendering may take.
    static let stepLimit = 100_000
    /// Parentheses and blocks inside one another.
    static let nestingLimit = 64

    /// As written, for metrics and messages.
    let text: String
    let nodes: [TextTemplateNode]

    init(_ text: String) throws(TextTemplateFault) {
        var parser = TextTemplateParser(text)
        self.text = text
        nodes = try parser.template()
    }

    /// Appends the text for `data`. On an error `output` is as before.
    func render(_ data: some TextTemplateData, to output: inout [UInt8]) throws(TextTemplateError) {
        let start = output.count
        var renderer = TextTemplateRenderer(data: data, output: output)
        do {
            try renderer.render(nodes)
        } catch {
            output.removeSubrange(start...)
            throw error
        }
        output = renderer.output
    }
}

/// Why a text is no template: an offset in octets and words for an operator.
struct TextTemplateFault: Error, Hashable, Sendable, CustomStringConvertible {
    var offset: Int
    var message: String

    var description: String { "\(message) (at character \(offset + 1))" }
}

/// Why a template cannot be rendered for a query.
enum TextTemplateError: Error, Hashable, Sendable {
    /// A value is not what its place needs; the octet of the template at which that place begins.
    case unfit(at: Int, String)
    /// Longer than ``TextTemplate/outputLimit``.
    case tooLong
    /// More than ``TextTemplate/stepLimit``.
    case tooManySteps
}

/// What a template can say of a query.
enum TextTemplateField: String, CaseIterable, Sendable {
    /// The zone that holds the name, with a final dot.
    case zone = "Zone"
    /// In lower case, with a final dot.
    case name = "Name"
    /// The pattern that matched.
    case regex = "Regex"
    /// The whole match and the groups, by number.
    case match = "Match"
    /// The groups by name, and by number as text.
    case group = "Group"
    case recordClass = "Class"
    case type = "Type"
    /// The query.
    case message = "Message"
    case question = "Question"
    /// The client's address.
    case remote = "Remote"

    /// Nil: a plain string. Otherwise the fields of a structure, or none for the list and the map, which have no fixed ones.
    var members: [String]? {
        switch self {
        case .zone, .name, .regex, .recordClass, .type, .remote, .match: nil
        case .group: []
        case .question: ["Name", "Qtype", "Qclass"]
        case .message:
            [
                "Id", "Response", "Opcode", "Authoritative", "Truncated", "RecursionDesired", "RecursionAvailable", "Zero",
                "AuthenticatedData", "CheckingDisabled", "Rcode", "Question",
            ]
        }
    }

    static let metadata = "Meta"
    static var listed: String { (allCases.map(\.rawValue) + [metadata]).map { ".\($0)" }.joined(separator: ", ") }
}

/// The query that a template is rendered for.
protocol TextTemplateData {
    /// ``TextTemplateValue/string(_:)`` for all but `match` (a list), `group` (a map), `question` and `message` (structures with the
    /// members that ``TextTemplateField/members`` lists).
    func value(of field: TextTemplateField) -> TextTemplateValue
    /// A group by its name or number; nil when the pattern has none such.
    func group(_ name: String) -> String?
    /// Empty when there is no such label.
    func metadata(_ label: String) -> String
}
