@testable import Collector

extension FuzzTarget {
    /// The input is an Accept header of a request to the Metrics API. Errors and documents are never converted, nothing is converted to what
    /// the header does not name, a table is never protobuf, and whoever takes JSON besides gets it where there was nothing else.
    static let acceptHeader = FuzzTarget(name: "accept-header", longestInput: 500) { input throws(PropertyFailure) in
        let accept = String(decoding: input, as: UTF8.self)
        _ = AnswerFormat.isProducible(accept)
        let (resource, discovery, document) = (
            AnswerFormat.negotiate(accept, for: .resource), AnswerFormat.negotiate(accept, for: .discovery),
            AnswerFormat.negotiate(accept, for: .document)
        )
        try expect(document?.conversion == nil, "a document is to be \(document?.conversion as Any)")
        let named: (String, String)? =
            switch resource?.conversion {
            case .table: ("Table", "meta.k8s.io")
            case .metadata: ("PartialObjectMetadata", "meta.k8s.io")
            case .metadataList: ("PartialObjectMetadataList", "meta.k8s.io")
            case .groups: ("", "")
            case nil: nil
            }
        if let (kind, group) = named {
            try expect(!kind.isEmpty && accept.contains(kind) && accept.contains(group), "\(accept) is turned into a \(kind)")
        }
        if case .table = resource?.conversion { try expect(resource?.encoding != .protobuf, "a table in protobuf") }
        if let discovery {
            try expect(
                accept.contains("APIGroupDiscoveryList") && accept.contains("apidiscovery.k8s.io"), "\(accept) asks for \(discovery)")
        }
        let besides = AnswerFormat.negotiate("\(accept),application/json;q=0.0001", for: .document)
        try expect(besides != nil, "JSON is not taken for \(accept)")
        if let document, !accept.contains("q") {
            try expect(besides == document, "\(accept) is \(document), with JSON for the worst case \(besides as Any)")
        }
    }
}
