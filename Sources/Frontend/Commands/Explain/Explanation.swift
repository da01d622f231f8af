import Names

/// The way of one question, for people and, by its coding, for programs.
struct Explanation: Encodable {
    /// What one directive did.
    struct Step: Encodable {
        /// How deep the look-up is nested that this belongs to; 0 for the question itself.
        var depth: Int
        /// Nil where a look-up begins.
        var directive: String?
        var text: String
    }

    struct Answer: Encodable {
        /// `NOERROR`.
        var code: String
        /// Cut for UDP.
        var isTruncated: Bool
        /// As lines of a zone file.
        var answer: [String]
        var authority: [String]
        var additional: [String]
    }

    var question: String
    var type: String
    var client: String
    /// The server of the Corefile that is asked, and the others.
    var server = ""
    var otherServers: [String] = []
    /// Which block takes it, and why.
    var block: [String] = []
    var steps: [Step] = []
    /// What becomes of the question where that is no answer.
    var end: String?
    var answer: Answer?
    /// The names that were looked for in the record table, and what it has for them.
    var tableNames: [String] = []
    var records: [String] = []

    init(_ name: DNSName, _ type: RecordType, from client: IPAddress) {
        (question, self.type, self.client) = ("\(name)", "\(type)", "\(client)")
    }

    /// Whether a client is content with this answer and asks no further name.
    var isContent: Bool { answer.map { $0.code == "NOERROR" && !$0.answer.isEmpty } ?? false }

    var lines: [String] {
        var lines = ["\(question) \(type) from \(client)\(server.isEmpty ? "" : ", asked of \(server)")"]
        if !otherServers.isEmpty { lines.append("  (other servers of the Corefile: \(otherServers.joined(separator: ", ")))") }
        lines += block.map { "  " + $0 }
        lines += steps.map { step in
            String(repeating: "  ", count: step.depth + 1) + (step.directive.map { "\($0): " } ?? "") + step.text
        }
        if !records.isEmpty { lines += ["  the record table has:"] + records.map { "    " + $0 } }
        if let end { lines.append(end) }
        guard let answer else { return lines }
        lines.append("answer: \(answer.code)\(answer.isTruncated ? ", cut for UDP" : "")")
        lines += answer.answer.map { "  " + $0 } + answer.authority.map { "  authority: " + $0 }
        return lines + answer.additional.map { "  additional: " + $0 }
    }
}
