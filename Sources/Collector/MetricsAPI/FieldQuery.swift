/// A field selector: `metadata.name=a,metadata.namespace!=b`. Metrics have no other fields to select by. Grammar, escapes and errors are those
/// of apimachinery's `fields` package.
struct FieldQuery: Sendable, Equatable {
    private struct Term: Sendable, Equatable {
        var isName: Bool
        var value: String
        var isEqual: Bool
    }

    private var terms: [Term] = []

    init() {}

    init(_ text: String) throws(Refusal) {
        var parsed: [(field: String, value: String, isEqual: Bool)] = []
        // Sorted, so that of several faults the same one is told as elsewhere.
        for part in Self.parts(text).sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) where !part.isEmpty {
            guard let (field, isEqual, value) = Self.split(part) else {
                throw .badRequest("invalid selector: '\(text)'; can't understand '\(part)'")
            }
            parsed.append((field, try Self.unescaped(value), isEqual))
        }
        for (field, value, isEqual) in parsed {
            guard ["metadata.name", "metadata.namespace"].contains(field) else {
                throw .badRequest(
                    "\(Refusal.quoted(field)) is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
            }
            terms.append(Term(isName: field == "metadata.name", value: value, isEqual: isEqual))
        }
    }

    /// - Parameter namespace: empty for what has none.
    func matches(name: String, namespace: String) -> Bool {
        terms.allSatisfy { (($0.isName ? name : namespace) == $0.value) == $0.isEqual }
    }

    /// The one name that an object must have, if there is one.
    var exactName: String? { terms.first { $0.isName && $0.isEqual }?.value }

    /// Between commas, but for those behind a backslash.
    private static func parts(_ text: String) -> [String] {
        var parts: [String.UnicodeScalarView] = [.init()]
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if scalar == ",", !isEscaped {
                parts.append(.init())
            } else {
                parts[parts.count - 1].append(scalar)
            }
            isEscaped = !isEscaped && scalar == "\\"
        }
        return parts.map { String($0) }
    }

    /// At the first operator, whatever stands before it.
    private static func split(_ part: String) -> (field: String, isEqual: Bool, value: String)? {
        let scalars = part.unicodeScalars
        guard
            let sign = scalars.indices.first(where: { index in
                scalars[index] == "=" || (scalars[index] == "!" && scalars[scalars.index(after: index)...].first == "=")
            })
        else { return nil }
        let isEqual = scalars[sign] == "="
        var rest = scalars[scalars.index(after: sign)...]
        // `!=` and `==`.
        if rest.first == "=" { rest = rest.dropFirst() }
        return (String(scalars[..<sign]), isEqual, String(rest))
    }

    private static func unescaped(_ value: String) throws(Refusal) -> String {
        var plain = String.UnicodeScalarView()
        var isEscaped = false
        for scalar in value.unicodeScalars {
            if isEscaped {
                guard ["\\", ",", "="].contains(scalar) else {
                    throw .badRequest("invalid field selector: invalid escape sequence: \\\(scalar)")
                }
                plain.append(scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == "," || scalar == "=" {
                // Go prints the number of the character.
                throw .badRequest("invalid field selector: unescaped character in value: \(scalar.value)")
            } else {
                plain.append(scalar)
            }
        }
        if isEscaped { throw .badRequest("invalid field selector: invalid escape sequence: \\") }
        return String(plain)
    }
}
