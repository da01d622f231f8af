/// A field selector: `metadata.name=a,metadata.namespace!=b`. Metrics have no other fields to select by.
struct FieldQuery: Sendable, Equatable {
    private struct Term: Sendable, Equatable {
        var isName: Bool
        var value: String
        var isEqual: Bool
    }

    private var terms: [Term] = []

    init() {}

    /// - Parameter namespaced: whether `metadata.namespace` can be selected by.
    init(_ text: String, namespaced: Bool) throws(Refusal) {
        for part in text.split(separator: ",") {
            let operators: [(String, Bool)] = [("!=", false), ("==", true), ("=", true)]
            guard let (sign, isEqual) = operators.first(where: { part.contains($0.0) }),
                let range = part.firstRange(of: sign)
            else { throw .badRequest("invalid selector: '\(text)'; can't understand '\(part)'") }
            let field = String(part[..<range.lowerBound])
            guard field == "metadata.name" || (namespaced && field == "metadata.namespace") else {
                throw .badRequest("field label not supported: \(field)")
            }
            terms.append(
                Term(isName: field == "metadata.name", value: String(part[range.upperBound...]), isEqual: isEqual))
        }
    }

    func matches(name: String, namespace: String) -> Bool {
        terms.allSatisfy { (($0.isName ? name : namespace) == $0.value) == $0.isEqual }
    }
}

extension Substring {
    /// The first place of a short text; nil if it does not occur.
    fileprivate func firstRange(of text: String) -> Range<Index>? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index..<self.index(index, offsetBy: text.count) }
            index = self.index(after: index)
        }
        return nil
    }
}
