/// The forms in which objects are served, chosen by the request's Accept header.
struct Representation: Sendable, Hashable {
    enum Encoding: Sendable, Hashable {
        case json
        case protobuf
    }

    enum View: Sendable, Hashable {
        case whole
        /// `as=PartialObjectMetadata`.
        case metadata
        /// `as=Table`, with the given part of each object in its row.
        case table(TableRows.Inclusion)
    }

    var encoding: Encoding
    var view: View

    static let json = Representation(encoding: .json, view: .whole)

    static let protobufType = "application/vnd.kubernetes.protobuf"

    func contentType(isWatch: Bool) -> String {
        switch encoding {
        case .json: "application/json"
        case .protobuf: isWatch ? Self.protobufType + ";stream=watch" : Self.protobufType
        }
    }

    /// The first media range of the header that the server can do for a type.
    /// - Throws: `notAcceptable` when there is none.
    static func negotiate(
        _ accept: String?, hasProtobuf: Bool, inclusion: TableRows.Inclusion
    ) throws(StatusError) -> Representation {
        guard let accept, !accept.isEmpty else { return .json }
        for range in accept.split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.filter { !$0.isWhitespace } }
            let parameters = parts.dropFirst().compactMap { part -> (String, String)? in
                let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
                return pair.count == 2 ? (pair[0], pair[1]) : nil
            }
            let encoding: Encoding
            switch parts.first {
            case "application/json", "application/*", "*/*": encoding = .json
            case Self.protobufType: encoding = .protobuf
            default: continue
            }
            let wantedView = parameters.first { $0.0 == "as" }?.1
            let version = parameters.first { $0.0 == "v" }?.1 ?? "v1"
            switch wantedView {
            case nil where encoding == .json || hasProtobuf: return Representation(encoding: encoding, view: .whole)
            case "PartialObjectMetadata", "PartialObjectMetadataList":
                if version == "v1" { return Representation(encoding: encoding, view: .metadata) }
            case "Table" where encoding == .json && version == "v1":
                return Representation(encoding: .json, view: .table(inclusion))
            default: continue
            }
        }
        throw .notAcceptable
    }
}
