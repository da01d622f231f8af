/// Of `meta.k8s.io`.
enum MetaVersion: String, Sendable {
    case v1, v1beta1

    var apiVersion: String { "meta.k8s.io/\(rawValue)" }
}

/// Of `apidiscovery.k8s.io`.
enum AggregatedDiscoveryVersion: String, Sendable {
    case v2, v2beta1
}

/// In which form a client wants its answer: how it is written, and what it is turned into before.
struct AnswerFormat: Sendable, Equatable {
    enum Encoding: Sendable, CaseIterable {
        case json, yaml, protobuf

        var contentType: String {
            switch self {
            case .json: "application/json"
            case .yaml: "application/yaml"
            case .protobuf: "application/vnd.kubernetes.protobuf"
            }
        }
    }

    enum Conversion: Sendable, Equatable {
        /// A `Table`, which has no form in protobuf.
        case table(MetaVersion)
        /// A `PartialObjectMetadata`, or a list of them.
        case metadata(MetaVersion)
        case metadataList(MetaVersion)
        /// An `APIGroupDiscoveryList`: all of discovery in one document.
        case groups(AggregatedDiscoveryVersion)
    }

    var encoding: Encoding
    var conversion: Conversion?
    /// Asked for by a parameter of the media type.
    var isPretty = false

    static let json = AnswerFormat(encoding: .json)
    static let yaml = AnswerFormat(encoding: .yaml)
    static let protobuf = AnswerFormat(encoding: .protobuf)
    static func table(_ version: MetaVersion) -> AnswerFormat { AnswerFormat(encoding: .json, conversion: .table(version)) }

    /// What can be asked for.
    enum Endpoint: Sendable {
        /// Nodes and pods.
        case resource
        /// `/apis` as a client asks for it that knows the new form.
        case discovery
        /// All else, errors too: no conversions.
        case document
    }

    /// The form that a client likes best of those that there are, by the rules of k8s.io/apiserver's `negotiation`; JSON without a header.
    /// - Returns: nil if there is none.
    static func negotiate(_ accept: String, for endpoint: Endpoint) -> AnswerFormat? {
        if accept.isEmpty { return endpoint == .discovery ? nil : .json }
        for clause in AcceptClause.read(accept) {
            for encoding in Encoding.allCases where clause.covers(encoding.contentType) {
                if let format = clause.format(encoding, endpoint) { return format }
            }
        }
        return nil
    }

    /// The first look of go-restful's router, which knows media types without their parameters, and no `application/*`.
    static func isProducible(_ accept: String) -> Bool {
        accept.isEmpty
            || accept.split(separator: ",", omittingEmptySubsequences: false).contains { part in
                let type = part.prefix { $0 != ";" }.filter { $0 != " " }
                return type == "*/*" || Encoding.allCases.contains { $0.contentType == type }
            }
    }
}

/// A media type that a client accepts (RFC 9110, section 12.5.1).
struct AcceptClause: Sendable {
    private var type: Substring
    private var subtype: Substring
    private var parameters: [(name: Substring, value: Substring)] = []
    private var quality = 1.0

    private init?(_ text: Substring) {
        let parts = text.split(separator: ";").map(Self.trimmed)
        guard let media = parts.first?.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false) else { return nil }
        type = Self.trimmed(media[0])
        subtype = media.count > 1 ? Self.trimmed(media[1]) : type == "*" ? "*" : ""
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1).map(Self.trimmed)
            guard pair.count == 2 else { continue }
            if pair[0] == "q" { quality = Double(pair[1]) ?? 0 } else { parameters.append((pair[0], pair[1])) }
        }
    }

    /// Those of a header that are wanted at all, the best first: by quality, then the narrower ones, then as the client has them.
    static func read(_ header: String) -> [AcceptClause] {
        let clauses = header.split(separator: ",").compactMap { AcceptClause($0) }.filter { $0.quality > 0 }
        return clauses.enumerated().sorted { one, other in
            let (left, right) = (one.element.rank, other.element.rank)
            return left != right ? left > right : one.offset < other.offset
        }.map(\.element)
    }

    private var rank: (Double, Int, Int) { (quality, type == "*" ? 0 : 1, subtype == "*" ? 0 : 1) }

    func covers(_ contentType: String) -> Bool {
        let parts = contentType.split(separator: "/", maxSplits: 1)
        return (type == parts[0] && (subtype == parts[1] || subtype == "*")) || (type == "*" && subtype == "*")
    }

    /// - Returns: nil where a parameter asks for what is not there.
    fileprivate func format(_ encoding: AnswerFormat.Encoding, _ endpoint: AnswerFormat.Endpoint) -> AnswerFormat? {
        var format = AnswerFormat(encoding: encoding)
        var (kind, group, version): (Substring?, Substring?, Substring?)
        for (name, value) in parameters {
            switch name {
            case "as": kind = value
            case "g": group = value
            case "v": version = value
            case "stream": guard value.isEmpty || value == "watch" else { return nil }
            case "sv": guard value.isEmpty else { return nil }
            case "pretty": format.isPretty = value == "1"
            default: break
            }
        }
        let isConverted = kind != nil || group != nil || version != nil
        switch endpoint {
        case .document: return isConverted ? nil : format
        case .discovery:
            guard group == "apidiscovery.k8s.io", kind == "APIGroupDiscoveryList", let version,
                let version = AggregatedDiscoveryVersion(rawValue: String(version))
            else { return nil }
            format.conversion = .groups(version)
        case .resource:
            guard isConverted else { return format }
            guard group == "meta.k8s.io", let version, let version = MetaVersion(rawValue: String(version)) else { return nil }
            switch kind {
            case "Table" where encoding != .protobuf: format.conversion = .table(version)
            case "PartialObjectMetadata": format.conversion = .metadata(version)
            case "PartialObjectMetadataList": format.conversion = .metadataList(version)
            default: return nil
            }
        }
        return format
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
