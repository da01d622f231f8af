import Names

@testable import Collector

extension FuzzTarget {
    /// The input is a label selector, a line end and a field selector. What cannot be read is said in words; several requirements hold where each
    /// of them does; where a name is demanded no other object is chosen; and any text, written with escapes, is the name that is demanded.
    static let selectors = FuzzTarget(name: "selectors", longestInput: 500) { input throws(PropertyFailure) in
        let lines = input.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
        try checkLabels(String(decoding: lines[0], as: UTF8.self))
        guard lines.count == 2 else { return }
        try checkFields(String(decoding: lines[1], as: UTF8.self))
    }

    private static let labels: [[String: String]] = [
        [:], ["app": "web"], ["app": "db", "tier": "back"], ["app": "", "n": "5"], ["example.org/app": "web", "n": "17"],
    ]

    private static func checkLabels(_ text: String) throws(PropertyFailure) {
        let query: LabelQuery
        do throws(LabelQuery.SyntaxError) { query = try LabelQuery(text) } catch {
            return try expect(!error.message.isEmpty, "a fault without words")
        }
        for labels in labels {
            let each = query.requirements.allSatisfy { LabelQuery([$0]).matches(labels) }
            try expect(query.matches(labels) == each, "\(text) and \(labels): together and one by one differ")
        }
    }

    private static func checkFields(_ text: String) throws(PropertyFailure) {
        let escaped = text.unicodeScalars.reduce(into: "") { out, scalar in
            if [",", "=", "\\"].contains(scalar) { out += "\\" }
            out.unicodeScalars.append(scalar)
        }
        let exact: FieldQuery
        do throws(Refusal) { exact = try FieldQuery("metadata.name=\(escaped),metadata.namespace!=") } catch {
            throw PropertyFailure("\(escaped) is refused: \(error.message)")
        }
        try expect(exact.exactName.map { Array($0.utf8) } == Array(text.utf8), "\(escaped) is read as \(exact.exactName as Any)")
        try expect(exact.matches(name: text, namespace: "n") && !exact.matches(name: text, namespace: ""), "\(escaped) chooses wrongly")
        let query: FieldQuery
        do throws(Refusal) { query = try FieldQuery(text) } catch {
            return try expect(error.code == 400 && !error.message.isEmpty, "refused with \(error)")
        }
        guard let name = query.exactName else { return }
        try expect(!query.matches(name: name + "x", namespace: "n"), "\(text) chooses another name than \(name)")
    }
}
