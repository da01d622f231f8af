import AccessReview
import ProcessRuntime

/// A request to the Metrics API, as far as answers depend on it.
struct MetricsRequest: Sendable {
    var method: String
    /// Percent signs undone.
    var path: String
    /// In order, percent signs undone.
    var query: [(name: String, value: String)] = []
    var accept = ""
    var userAgent = ""
    /// Of its own body, of which it should have none.
    var contentType = ""
    var hasBody = false
    /// Marks of documents that the client has.
    var ifNoneMatch = ""
    /// What it shows of who sends it.
    var evidence = CallerEvidence()

    var isRead: Bool { method == "GET" || method == "HEAD" }

    func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// True for anything but `0` and `false`, for the bare name too, as API servers read options.
    func flag(_ name: String) -> Bool {
        parameter(name).map { $0 != "0" && $0.lowercased() != "false" } ?? false
    }

    /// API servers indent what people read: asked for by name, or by the programs that people use.
    var wantsPretty: Bool {
        // What Go's `strconv.ParseBool` takes for true.
        if let asked = parameter("pretty"), !asked.isEmpty { return ["1", "t", "T", "true", "TRUE", "True"].contains(asked) }
        return ["curl", "Wget", "Mozilla/5.0"].contains { userAgent.hasPrefix($0) }
    }
}

/// What rows of a table carry of their object.
enum RowObject: String, Sendable {
    case none = "None"
    case metadata = "Metadata"
    case whole = "Object"
}

extension MetricsRequest {
    func rowObject() throws(Refusal) -> RowObject {
        let asked = parameter("includeObject") ?? ""
        guard let row = asked.isEmpty ? .metadata : RowObject(rawValue: asked) else {
            throw .badRequest(
                "Unable to convert to Table as requested: includeObject: Invalid value: \(Refusal.quoted(asked)): "
                    + "must be 'Metadata', 'Object', 'None', or empty")
        }
        return row
    }
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
        /// `watch` or `proxy`, which older clients wrote into the path. Nothing is served there.
        var pathVerb: String?
    }

    static let prefix = "/apis/metrics.k8s.io/v1beta1"

    init(path: String) {
        var parts = path.split(separator: "/").map(String.init)[...]
        guard path.hasPrefix(Self.prefix + "/"), parts.count > 3 else {
            self = .path(path)
            return
        }
        parts = parts.dropFirst(3)
        var target = ResourceTarget(resource: "")
        if let first = parts.first, ["watch", "proxy"].contains(first), parts.count > 1 {
            target.pathVerb = first
            parts = parts.dropFirst()
        }
        if parts.first == "namespaces", parts.count > 2 {
            target.namespace = parts[parts.startIndex + 1]
            parts = parts.dropFirst(2)
        }
        let tail = Array(parts)
        target.resource = tail[0]
        target.name = tail.count > 1 ? tail[1] : nil
        target.subresource = tail.count > 2 ? tail[2] : nil
        self = .resource(target)
    }

    /// The verb that authorizers know this by.
    func verb(of request: MetricsRequest) -> String {
        guard case .resource(let target) = self else { return request.method.lowercased() }
        if let verb = target.pathVerb { return verb }
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

    /// What it is that authorizers are asked about. A list of the one object that a field selector names is about that object.
    func object(of request: MetricsRequest) -> AccessAttributes.Object {
        switch self {
        case .path(let path): return .path(path)
        case .resource(let target):
            var name = target.name
            if name == nil, request.isRead, let selector = request.parameter("fieldSelector") {
                let exact = (try? FieldQuery(selector))?.exactName ?? ""
                let isSegment = !exact.isEmpty && exact != "." && exact != ".." && !exact.contains("/") && !exact.contains("%")
                name = isSegment ? exact : nil
            }
            return .resource(
                group: "metrics.k8s.io", version: "v1beta1", name: target.resource, namespace: target.namespace, object: name,
                subresource: target.subresource)
        }
    }
}
