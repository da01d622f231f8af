@testable import Frontend

extension FuzzTarget {
    /// The input read as a template. A fault lies inside the text and says something; a template that compiles does so again to the
    /// same nodes, and renders, twice alike, to at most the limit or to an error that leaves the output as it was.
    static let textTemplate = FuzzTarget(name: "text-template", longestInput: 1024) { input throws(PropertyFailure) in
        let text = String(decoding: input, as: UTF8.self)
        func compile() -> Result<TextTemplate, TextTemplateFault> {
            Result { () throws(TextTemplateFault) in try TextTemplate(text) }
        }
        let compiled = compile()
        try expect(compiled == compile(), "compiled twice it differs")
        switch compiled {
        case .failure(let fault):
            try expect((0...text.utf8.count).contains(fault.offset), "\(fault) lies outside \(text.utf8.count) octets")
            try expect(!fault.message.isEmpty, "a fault without words")
        case .success(let template):
            let kept = Array("kept".utf8)
            func render() -> Result<[UInt8], TextTemplateError> {
                var output = kept
                let result = Result { () throws(TextTemplateError) in try template.render(FuzzedTemplateData(), to: &output) }
                if case .failure(let error) = result { return output == kept ? .failure(error) : .success([]) }
                return .success(output)
            }
            let first = render()
            try expect(first == render(), "rendered twice it differs")
            guard case .success(let output) = first else { return }
            try expect(output.starts(with: kept), "what stood in the output is gone")
            try expect(output.count - kept.count <= TextTemplate.outputLimit, "\(output.count) octets")
        }
    }
}

private struct FuzzedTemplateData: TextTemplateData {
    func value(of field: TextTemplateField) -> TextTemplateValue {
        switch field {
        case .match: .list([.string("a.example."), .string("a")])
        case .group: .map(["0": .string("a.example."), "a": .string("7b")])
        case .message: .structure(["Id": .unsigned(1), "Question": .list([])])
        case .question: .structure(["Name": .string("A.example."), "Qtype": .unsigned(1), "Qclass": .unsigned(1)])
        case .zone, .name, .regex, .recordClass, .type, .remote: .string("a.example.")
        }
    }
    func group(_ name: String) -> String? { name == "a" ? "7b" : nil }
    func metadata(_ label: String) -> String { label }
}
