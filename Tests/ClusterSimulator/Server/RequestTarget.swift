import KubernetesObjects

/// A request line, taken apart.
struct RequestTarget: Sendable {
    /// As it stood in the request line.
    var original: String
    var path: String
    var query: [(name: String, value: String)]

    init(_ text: String) {
        original = text
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = Self.decode(parts.first ?? "", plusIsSpace: false)
        query = (parts.count > 1 ? parts[1] : "").split(separator: "&").map { pair in
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (
                Self.decode(sides[0], plusIsSpace: true),
                sides.count > 1 ? Self.decode(sides[1], plusIsSpace: true) : ""
            )
        }
    }

    subscript(name: String) -> String? { query.first { $0.name == name }?.value }

    /// As Go reads booleans in queries: absent and `false` and `0` are false.
    func flag(_ name: String) -> Bool {
        guard let value = self[name] else { return false }
        return value != "false" && value != "0"
    }

    var segments: [String] { path.split(separator: "/").map(String.init) }

    private static func decode(_ text: some StringProtocol, plusIsSpace: Bool) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        var bytes: [UInt8] = []
        let source = Array(text.utf8)
        var index = 0
        while index < source.count {
            if source[index] == UInt8(ascii: "%"), index + 2 < source.count,
                let byte = UInt8(String(decoding: source[index + 1...index + 2], as: UTF8.self), radix: 16)
            {
                bytes.append(byte)
                index += 3
            } else {
                bytes.append(
                    plusIsSpace && source[index] == UInt8(ascii: "+") ? UInt8(ascii: " ") : source[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// What of the API a path names.
enum ResourcePath: Sendable {
    case collection(ResourceType, namespace: String?)
    case object(ObjectReference, subresource: String?)
    /// Not below a group version that stores objects, or of an unknown type.
    case other

    /// - Parameter custom: what there is beside the catalog; nil where paths of these need not be told apart.
    init(_ segments: [String], custom: CustomDefinitions? = nil) {
        let group: String
        let version: String
        var rest: ArraySlice<String>
        if segments.count >= 3, segments[0] == "api" {
            (group, version, rest) = ("", segments[1], segments[2...])
        } else if segments.count >= 4, segments[0] == "apis" {
            (group, version, rest) = (segments[1], segments[2], segments[3...])
        } else {
            self = .other
            return
        }
        var namespace: String?
        // `namespaces/NAME/status` is a subresource of the namespace itself.
        if rest.count >= 3, rest.first == "namespaces", !["status", "finalize"].contains(rest[rest.startIndex + 2]) {
            namespace = rest[rest.startIndex + 1]
            rest = rest.dropFirst(2)
        }
        guard let plural = rest.popFirst(),
            let type = ResourceCatalog.type(group: group, version: version, plural: plural)
                ?? custom?.type(group: group, version: version, plural: plural),
            type.resource.isNamespaced || namespace == nil, rest.count <= 2
        else {
            self = .other
            return
        }
        if let name = rest.popFirst() {
            self = .object(
                ObjectReference(type: type, namespace: namespace ?? "", name: name), subresource: rest.popFirst())
        } else {
            self = .collection(type, namespace: namespace)
        }
    }
}
