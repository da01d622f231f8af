import AccessReview
import ProcessRuntime

/// A request to the Metrics API, as far as answers depend on it.
struct MetricsRequest: Sendable {
    var method: String
    var path: String
    /// In order, percent signs undone.
    var query: [(name: String, value: String)] = []
    var accept = ""
    var userAgent = ""
    /// What it shows of who sends it.
    var evidence = CallerEvidence()

    func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// True for `1`, `true` and for the bare name, as API servers read them.
    func flag(_ name: String) -> Bool {
        parameter(name).map { $0 != "0" && $0.lowercased() != "false" } ?? false
    }

    /// API servers indent what people read: asked for by name, or by the programs that people use.
    var wantsPretty: Bool {
        if let asked = parameter("pretty") { return asked != "0" && asked.lowercased() != "false" }
        return ["curl", "Wget", "Mozilla/5.0"].contains { userAgent.hasPrefix($0) }
    }
}

extension MetricsRequest {
    /// Rows of tables carry the metadata of their objects.
    var includesObjects: Bool { parameter("includeObject") != "None" }
}

/// What a request asks for, in the words of Kubernetes' authorizers.
enum APITarget: Sendable, Equatable {
    case resource(ResourceTarget)
    case path(String)

    struct ResourceTarget: Sendable, Equatable {
        /// `nodes` or `pods` if it is one of ours.
        var resource: String
        var namespace: String?
        var name: String?
        var subresource: String?
    }

    static let prefix = "/apis/metrics.k8s.io/v1beta1"

    init(path: String) {
        let parts = path.split(separator: "/").map(String.init)
        guard path.hasPrefix(Self.prefix + "/"), parts.count > 3 else {
            self = .path(path)
            return
        }
        let rest = parts.dropFirst(3)
        if rest.first == "namespaces", rest.count >= 3 {
            let tail = Array(rest.dropFirst(2))
            self = .resource(
                ResourceTarget(
                    resource: tail[0], namespace: Array(rest)[1], name: tail.count > 1 ? tail[1] : nil,
                    subresource: tail.count > 2 ? tail[2] : nil))
        } else {
            let tail = Array(rest)
            self = .resource(
                ResourceTarget(
                    resource: tail[0], namespace: nil, name: tail.count > 1 ? tail[1] : nil,
                    subresource: tail.count > 2 ? tail[2] : nil))
        }
    }

    /// The verb that authorizers know this by.
    func verb(of request: MetricsRequest) -> String {
        guard case .resource(let target) = self else { return request.method.lowercased() }
        switch request.method {
        case "GET", "HEAD":
            if target.name != nil { return "get" }
            return request.flag("watch") ? "watch" : "list"
        case "POST": return "create"
        case "PUT": return "update"
        case "PATCH": return "patch"
        case "DELETE": return target.name == nil ? "deletecollection" : "delete"
        default: return request.method.lowercased()
        }
    }
}

/// Of `meta.k8s.io`.
enum TableVersion: String, Sendable {
    case v1, v1beta1

    var apiVersion: String { "meta.k8s.io/\(rawValue)" }
}

/// In which form a client wants its answer.
enum AnswerFormat: Sendable, Equatable {
    case json
    case yaml
    case protobuf
    /// A `Table` of `meta.k8s.io` in JSON; the version is the one asked for.
    case table(version: TableVersion)

    var contentType: String {
        switch self {
        case .json, .table: "application/json"
        case .yaml: "application/yaml"
        case .protobuf: "application/vnd.kubernetes.protobuf"
        }
    }

    /// How items of lists stand in it; nil where nothing is kept of them: YAML is read by people.
    func pieceForm(pretty: Bool, includesObjects: Bool) -> PieceForm? {
        switch self {
        case .json: .json(pretty: pretty)
        case .protobuf: .protobuf
        case .table(let version): .row(version: version, includesObject: includesObjects, pretty: pretty)
        case .yaml: nil
        }
    }

    /// The first form of an `Accept` header that is served here, by falling `q`; JSON without a header; nil if there is
    /// none.
    static func negotiate(_ accept: String) -> AnswerFormat? {
        let ranges = accept.split(separator: ",").map { MediaRange($0) }.filter { $0.quality > 0 }
        if ranges.isEmpty { return .json }
        // Stable: equal qualities keep the client's order.
        let sorted = ranges.enumerated().sorted { ($1.element.quality, $0.offset) < ($0.element.quality, $1.offset) }
        for (_, range) in sorted {
            if let format = range.format { return format }
        }
        return nil
    }

    private struct MediaRange {
        var type: String
        var parameters: [String: String] = [:]
        var quality: Double { parameters["q"].map { Double($0) ?? 0 } ?? 1 }

        init(_ text: Substring) {
            let parts = text.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            type = parts.first?.lowercased() ?? ""
            for part in parts.dropFirst() {
                let pair = part.split(separator: "=", maxSplits: 1)
                if pair.count == 2 { parameters[pair[0].lowercased()] = String(pair[1]) }
            }
        }

        var format: AnswerFormat? {
            if let wanted = parameters["as"] {
                guard wanted == "Table", parameters["g"] == "meta.k8s.io", type == "application/json",
                    let version = TableVersion(rawValue: parameters["v"] ?? "v1")
                else { return nil }
                return .table(version: version)
            }
            switch type {
            case "application/json", "application/*", "*/*": return .json
            case "application/yaml": return .yaml
            case "application/vnd.kubernetes.protobuf": return .protobuf
            default: return nil
            }
        }
    }
}
