/// RFC 6902.
enum JSONPatch {
    static func apply(_ patch: JSONValue, to tree: JSONValue) throws(StatusError) -> JSONValue {
        guard let operations = patch.array else { throw .badRequest("a JSON patch is a list of operations") }
        var result = tree
        for operation in operations { try apply(operation, &result) }
        return result
    }

    private static func apply(_ operation: JSONValue, _ tree: inout JSONValue) throws(StatusError) {
        let path = try pointer(operation["path"])
        switch operation["op"]?.string {
        case "add": try change(&tree, path[...], .add(operation["value"] ?? .null))
        case "replace": try change(&tree, path[...], .replace(operation["value"] ?? .null))
        case "remove": try change(&tree, path[...], .remove)
        case "test":
            guard try value(tree, path) == operation["value"] ?? .null else {
                throw StatusError(
                    code: 422, reason: "Invalid",
                    message: "the server rejected our request due to an error in our request: "
                        + "testing value \(operation["path"]?.string ?? "") failed")
            }
        case "move":
            let source = try pointer(operation["from"])
            let moved = try value(tree, source)
            try change(&tree, source[...], .remove)
            try change(&tree, path[...], .add(moved))
        case "copy": try change(&tree, path[...], .add(try value(tree, try pointer(operation["from"]))))
        case nil, .some: throw .badRequest("unexpected kind of operation in a JSON patch")
        }
    }

    /// RFC 6901.
    private static func pointer(_ value: JSONValue?) throws(StatusError) -> [String] {
        guard let text = value?.string, text.isEmpty || text.hasPrefix("/") else {
            throw .badRequest("a JSON patch operation has no valid path")
        }
        return text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
            String($0).replacing("~1", with: "/").replacing("~0", with: "~")
        }
    }

    private static func value(_ tree: JSONValue, _ path: [String]) throws(StatusError) -> JSONValue {
        var value = tree
        for step in path {
            let next =
                value.array.map { list in Int(step).flatMap { list.indices.contains($0) ? list[$0] : nil } }
                ?? value[step]
            guard let next else { throw missing(path) }
            value = next
        }
        return value
    }

    private enum Change {
        case add(JSONValue)
        case replace(JSONValue)
        case remove
    }

    private static func change(
        _ tree: inout JSONValue, _ path: ArraySlice<String>, _ change: Change
    ) throws(StatusError) {
        guard let step = path.first else {
            if case .add(let value) = change { tree = value }
            if case .replace(let value) = change { tree = value }
            return
        }
        if path.count > 1 {
            if var list = tree.array {
                guard let index = Int(step), list.indices.contains(index) else { throw missing(Array(path)) }
                try Self.change(&list[index], path.dropFirst(), change)
                tree = .array(list)
            } else {
                guard var child = tree[step] else { throw missing(Array(path)) }
                try Self.change(&child, path.dropFirst(), change)
                tree[step] = child
            }
            return
        }
        if var list = tree.array {
            try Self.change(&list, at: step, change)
            tree = .array(list)
            return
        }
        switch change {
        case .add(let value): tree[step] = value
        case .replace(let value):
            guard tree[step] != nil else { throw missing([step]) }
            tree[step] = value
        case .remove:
            guard tree[step] != nil else { throw missing([step]) }
            tree[step] = nil
        }
    }

    private static func change(_ list: inout [JSONValue], at step: String, _ change: Change) throws(StatusError) {
        let index = step == "-" ? list.count : Int(step) ?? -1
        switch change {
        case .add(let value):
            guard (0...list.count).contains(index) else { throw missing([step]) }
            list.insert(value, at: index)
        case .replace(let value):
            guard list.indices.contains(index) else { throw missing([step]) }
            list[index] = value
        case .remove:
            guard list.indices.contains(index) else { throw missing([step]) }
            list.remove(at: index)
        }
    }

    private static func missing(_ path: [String]) -> StatusError {
        StatusError(
            code: 422, reason: "Invalid",
            message: "the server rejected our request due to an error in our request: "
                + "no value at /\(path.joined(separator: "/"))")
    }
}
