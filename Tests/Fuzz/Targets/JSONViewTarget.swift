@testable import KubernetesObjects

extension FuzzTarget {
    /// A text that is refused is refused inside its bytes. Of one that is taken, every value that a walk comes to is found again
    /// by its path, also by the path's text, with the same bytes; and these bytes are a value that is taken too.
    static let jsonView = FuzzTarget(name: "json-view", longestInput: 2048) { input throws(PropertyFailure) in
        let root: JSONView
        do throws(ObjectDecodingError) { root = try JSONView(input) } catch {
            return try expect((0...input.count).contains(error.offset), "offset \(error.offset) of \(input.count) bytes")
        }
        var visits = 0
        try walk(root, root, at: [], &visits)
    }

    /// Visits at most a few hundred values, each of which is looked up from the root.
    private static func walk(
        _ view: JSONView, _ root: JSONView, at steps: [JSONPath.Step], _ visits: inout Int
    ) throws(PropertyFailure) {
        visits += 1
        guard visits < 300, steps.count < JSONPath.stepLimit else { return }
        try expect(root[JSONPath(steps)].map { Array($0.text) } == Array(view.text), "another value at \(steps)")
        let again = try? JSONView(Array(view.text))
        try expect(again?.kind == view.kind && again?.string == view.string, "its bytes are another value at \(steps)")
        if !steps.isEmpty, let text = spelled(steps) {
            try expect((try? JSONPath(text))?.steps == steps, "the path \(text) reads otherwise")
        }
        for (index, element) in view.elements.enumerated() {
            try walk(element, root, at: steps + [.element(index)], &visits)
        }
        var members: [String: JSONView] = [:]
        view.forEachMember { key, value in members[String(decoding: key, as: UTF8.self)] = value }
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            // A key that is not UTF-8 has no name to ask for; one that differs only in how it is composed counts as another.
            guard let same = view[key], same.text == value.text else { continue }
            try walk(value, root, at: steps + [.member(key)], &visits)
        }
    }

    /// The path as text; nil where a key holds a quote.
    private static func spelled(_ steps: [JSONPath.Step]) -> String? {
        var text = ""
        for step in steps {
            switch step {
            case .element(let index): text += "[\(index)]"
            case .member(let key):
                if key.utf8.contains(UInt8(ascii: "\"")) { return nil }
                text += "[\"\(key)\"]"
            case .matching: return nil
            }
        }
        return text
    }
}
