import KubernetesObjects

/// What a fault plan file says: actions that happen at once, and faults that are switched on.
///
/// ```yaml
/// faults:
/// - {kind: status, code: 429, retryAfter: 2, resource: pods, verb: list, count: 3}
/// - {kind: silence, resource: services, seconds: 60}
/// - {kind: status, code: 404, kubelet: summary}
/// actions:
/// - forget-history
/// - {enlarge: {resource: services, namespace: default, name: kubernetes, bytes: 20000000}}
/// ```
public struct FaultPlan: Sendable, Hashable {
    public var faults: [Fault] = []
    public var actions: [FaultAction] = []

    public init(faults: [Fault] = [], actions: [FaultAction] = []) {
        self.faults = faults
        self.actions = actions
    }

    /// - Parameters:
    ///   - yaml: YAML or JSON.
    ///   - place: for errors: a file's name.
    public init(yaml: String, place: String) throws(ManifestError) {
        for document in try JSONValue.documents(yaml: yaml, place: place) {
            guard let members = document.object?.members else {
                throw ManifestError(place: place, reason: "a mapping with 'faults' and 'actions' was expected")
            }
            for (key, value) in members {
                guard key == "faults" || key == "actions" else {
                    throw ManifestError(place: place, reason: "unknown key '\(key)'; there are faults and actions")
                }
                guard let entries = value.array else {
                    throw ManifestError(place: place, reason: "'\(key)' is not a list")
                }
                for (index, entry) in entries.enumerated() {
                    let reader = FaultReader(place: place, entry: "\(key)[\(index)]")
                    if key == "faults" { faults.append(try reader.fault(entry)) } else { actions.append(try reader.action(entry)) }
                }
            }
        }
    }
}

/// Reads one entry of a plan.
private struct FaultReader {
    let place: String
    let entry: String

    private func error(_ reason: String) -> ManifestError { ManifestError(place: place, reason: "\(entry): \(reason)") }

    private func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ value: JSONValue, _ field: String, _ type: Choice.Type
    ) throws(ManifestError) -> Choice {
        if let text = value.string, let choice = Choice(rawValue: text) { return choice }
        let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        throw error("\(field) is \(value.text), but must be one of \(known)")
    }

    private func number(_ value: JSONValue, _ field: String, _ range: ClosedRange<Int>) throws(ManifestError) -> Int {
        guard let number = value.integer, range.contains(Int(number)) else {
            throw error("\(field) is \(value.text), but must be a whole number of \(range.lowerBound) to \(range.upperBound)")
        }
        return Int(number)
    }

    private func resource(_ value: JSONValue) throws(ManifestError) -> String {
        guard let name = value.string, Resource.named(name) != nil else {
            throw error("resource is \(value.text), which is not the plural name of a resource, such as pods")
        }
        return name
    }

    func fault(_ value: JSONValue) throws(ManifestError) -> Fault {
        guard let kind = value["kind"] else { throw error("'kind' is missing") }
        var fault = Fault(try choice(kind, "kind", Fault.Kind.self))
        for (key, value) in value.object?.members ?? [] {
            switch key {
            case "kind": break
            case "resource": fault.resource = try resource(value)
            case "verb": fault.verb = try choice(value, "verb", Fault.Verb.self)
            case "count": fault.count = try number(value, key, 1...1_000_000_000)
            case "seconds": fault.seconds = Double(try number(value, key, 1...1_000_000))
            case "skip": fault.skip = try number(value, key, 0...1_000_000_000)
            case "code": fault.code = try number(value, key, 400...599)
            case "retryAfter": fault.retryAfter = try number(value, key, 0...1_000_000)
            case "kubelet": fault.kubelet = try choice(value, key, Fault.KubeletPath.self)
            case "mebibytes": fault.mebibytes = try number(value, key, 1...1000)
            case "chunked":
                guard let flag = value.bool else { throw error("chunked is \(value.text), but must be true or false") }
                fault.isChunked = flag
            case "offset": fault.offset = try number(value, key, -1_000_000_000...1_000_000_000)
            case "node":
                guard let node = value.string, !node.isEmpty else { throw error("node is \(value.text), but must be a node's name") }
                fault.node = node
            default:
                throw error(
                    "unknown key '\(key)'; there are kind, resource, verb, count, seconds, skip, code, retryAfter, kubelet, node, "
                        + "mebibytes, chunked and offset")
            }
        }
        if fault.kubelet != nil, !fault.kind.isOfKubelets {
            throw error("'\(fault.kind.rawValue)' never happens to a kubelet")
        }
        if fault.kubelet != nil, fault.resource != nil || fault.verb != nil {
            throw error("a fault of kubelets has no 'resource' and no 'verb'")
        }
        if fault.kubelet == nil, fault.kind.isOfKubeletsOnly {
            throw error("'\(fault.kind.rawValue)' happens to kubelets; add 'kubelet: metrics' or 'kubelet: summary'")
        }
        if fault.kubelet == nil, fault.node != nil { throw error("a fault of the API server has no 'node'") }
        if fault.kind.isOfEvents, fault.kubelet == nil, let verb = fault.verb, verb != .watch {
            throw error("'\(fault.kind.rawValue)' happens to watches, so 'verb: \(verb.rawValue)' never meets it")
        }
        return fault
    }

    func action(_ value: JSONValue) throws(ManifestError) -> FaultAction {
        switch value.string {
        case "forget-history": return .forgetHistory
        case "restart-versions": return .restartVersions
        case "expire-certificates": return .expireCertificates
        default: break
        }
        if let token = value["rotate-token"]?.string, !token.isEmpty { return .rotateToken(token) }
        if let object = value["enlarge"], let plural = object["resource"], let bytes = object["bytes"],
            let name = object["name"]?.string
        {
            return .enlarge(
                resource: try resource(plural), namespace: object["namespace"]?.string ?? "", name: name,
                bytes: try number(bytes, "bytes", 0...100_000_000))
        }
        throw error(
            "\(value.text) is no action; there are forget-history, restart-versions, expire-certificates, "
                + "{rotate-token: NEW} and {enlarge: {resource, namespace, name, bytes}}")
    }
}

extension JSONValue {
    fileprivate var text: String { String(decoding: encoded, as: UTF8.self) }
}
