/// The ways in which a PATCH request can say what to change.
enum PatchKind: Sendable {
    case json
    case merge
    case strategicMerge
    /// Server-side apply, taken as a strategic merge that may create the object.
    case apply

    init?(contentType: String) {
        switch contentType {
        case "application/json-patch+json": self = .json
        case "application/merge-patch+json": self = .merge
        case "application/strategic-merge-patch+json": self = .strategicMerge
        case "application/apply-patch+yaml", "application/apply-patch+json": self = .apply
        default: return nil
        }
    }

    func apply(_ patch: JSONValue, to tree: JSONValue) throws(StatusError) -> JSONValue {
        switch self {
        case .json: try JSONPatch.apply(patch, to: tree)
        case .merge: MergePatch.apply(patch, to: tree)
        case .strategicMerge, .apply: StrategicMerge.apply(patch, to: tree)
        }
    }
}

/// RFC 7386.
enum MergePatch {
    static func apply(_ patch: JSONValue, to target: JSONValue) -> JSONValue {
        guard let members = patch.object?.members else { return patch }
        var result = target.object ?? JSONObject()
        for (key, value) in members {
            result[key] = value.isNull ? nil : apply(value, to: result[key] ?? .null)
        }
        return .object(result)
    }
}

/// Kubernetes' strategic merge: objects merge, lists whose elements have a merge key merge by it, other lists are replaced.
/// `$patch: delete` and `$patch: replace`, `$deleteFromPrimitiveList/…` and `$retainKeys` are understood, orders are not kept.
enum StrategicMerge {
    /// Merge keys by the name of the list's field. (They really belong to the field's type; these names are unambiguous enough
    /// among the objects that the simulator changes.)
    private static let mergeKeys: [String: [String]] = [
        "containers": ["name"], "initContainers": ["name"], "ephemeralContainers": ["name"], "env": ["name"],
        "volumes": ["name"], "volumeMounts": ["mountPath"], "volumeDevices": ["devicePath"],
        "imagePullSecrets": ["name"], "hostAliases": ["ip"], "conditions": ["type"], "ownerReferences": ["uid"],
        "addresses": ["type"], "taints": ["key"], "topologySpreadConstraints": ["topologyKey"],
        "secrets": ["name"], "podIPs": ["ip"], "hostIPs": ["ip"], "ports": ["containerPort", "port"],
        "webhooks": ["name"],
    ]
    /// Lists of plain values that merge as sets.
    private static let sets: Set<String> = ["finalizers"]

    static func apply(_ patch: JSONValue, to target: JSONValue) -> JSONValue {
        guard var changes = patch.object else { return patch }
        if changes["$patch"]?.string == "replace" {
            changes["$patch"] = nil
            return .object(changes)
        }
        var result = target.object ?? JSONObject()
        if let retained = changes["$retainKeys"]?.array?.compactMap(\.string) {
            for (key, _) in result.members where !retained.contains(key) { result[key] = nil }
        }
        for (key, value) in changes.members where !key.hasPrefix("$") {
            result[key] = merged(key, value, onto: result[key])
        }
        for (key, value) in changes.members where key.hasPrefix("$deleteFromPrimitiveList/") {
            let field = String(key.dropFirst("$deleteFromPrimitiveList/".count))
            let removed = value.array ?? []
            if let list = result[field]?.array { result[field] = .array(list.filter { !removed.contains($0) }) }
        }
        return .object(result)
    }

    private static func merged(_ key: String, _ value: JSONValue, onto old: JSONValue?) -> JSONValue? {
        switch value {
        case .null: return nil
        case .object(let object):
            if object["$patch"]?.string == "delete" { return nil }
            return apply(value, to: old ?? .null)
        case .array(let elements):
            let before = old?.array ?? []
            if sets.contains(key) { return .array(before + elements.filter { !before.contains($0) }) }
            guard
                let mergeKey = mergeKeys[key]?.first(where: { name in (elements + before).contains { $0[name] != nil } }
                )
            else { return .array(elements) }
            return .array(merge(elements, onto: before, by: mergeKey))
        case .bool, .integer, .double, .string: return value
        }
    }

    private static func merge(_ elements: [JSONValue], onto before: [JSONValue], by key: String) -> [JSONValue] {
        if elements.contains(where: { $0["$patch"]?.string == "replace" }) {
            return elements.filter { $0["$patch"] == nil }
        }
        var result = before
        for element in elements {
            let index = result.firstIndex { $0[key] == element[key] }
            if element["$patch"]?.string == "delete" {
                if let index { result.remove(at: index) }
            } else if let index {
                result[index] = apply(element, to: result[index])
            } else {
                result.append(apply(element, to: .null))
            }
        }
        return result
    }
}
