import KubernetesObjects

/// How recent a list must be.
enum ListStart: Hashable, Sendable {
    /// As of now: the server asks its store.
    case mostRecent
    /// Any state that is not older than this one; the server's cache can answer.
    case notOlderThan(String)
}

/// What the server may answer with.
enum EncodingOffer: Hashable, Sendable {
    case protobufOrJSON
    case jsonOnly
}

/// One page of a list.
struct ListRequest: Hashable, Sendable {
    enum Page: Hashable, Sendable {
        case first(ListStart)
        /// `resourceVersion` is the first page's: the watch starts there, whatever later pages say.
        case next(token: String, resourceVersion: String)
        /// Everything in one answer, after a continue token went stale.
        case whole
    }

    var page: Page
    var offer: EncodingOffer
}

struct WatchRequest: Hashable, Sendable {
    enum Start: Hashable, Sendable {
        /// The list comes as events, then a bookmark, then changes: a WatchList.
        case initialEvents(ListStart)
        /// Changes after this resourceVersion.
        case after(String)
    }

    var start: Start
    /// Seconds after which the server shall end the watch.
    var timeout: Int
    var offer: EncodingOffer
}

extension ListRequest {
    /// - Parameter pageSize: objects.
    func query(pageSize: Int) -> [(name: String, value: String)] {
        switch page {
        case .first(.mostRecent): [("limit", "\(pageSize)")]
        case .first(.notOlderThan(let version)):
            [("limit", "\(pageSize)"), ("resourceVersion", version), ("resourceVersionMatch", "NotOlderThan")]
        // A continue token carries the resourceVersion; naming one beside it is refused.
        case .next(let token, _): [("limit", "\(pageSize)"), ("continue", token)]
        case .whole: []
        }
    }
}

extension WatchRequest {
    var query: [(name: String, value: String)] {
        let common = [(name: "watch", value: "true"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", "\(timeout)")]
        switch start {
        case .initialEvents(.mostRecent):
            return common + [("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")]
        case .initialEvents(.notOlderThan(let version)):
            return common + [
                ("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan"), ("resourceVersion", version),
            ]
        case .after(let version): return common + [("resourceVersion", version)]
        }
    }
}

extension EncodingOffer {
    /// The `Accept` header. Of config maps only the metadata is wanted; servers that cannot leave the rest out send all.
    func accept(for resource: Resource, list: Bool) -> String {
        let isPartial = resource == .configMaps
        return switch self {
        case .protobufOrJSON:
            isPartial
                ? MetadataForm.accept(list: list) : "\(MetadataForm.protobuf),\(MetadataForm.json)"
        case .jsonOnly:
            isPartial
                ? "\(MetadataForm.json)\(MetadataForm.parameters(list: list)),\(MetadataForm.json)" : MetadataForm.json
        }
    }
}

/// The metadata of objects without the rest (kubernetes.io, "Metadata-only fetches").
public enum MetadataForm {
    static let protobuf = "application/vnd.kubernetes.protobuf"
    static let json = "application/json"

    static func parameters(list: Bool) -> String { ";as=PartialObjectMetadata\(list ? "List" : "");g=meta.k8s.io;v=v1" }

    /// What to accept; servers that cannot leave the rest out send all.
    public static func accept(list: Bool) -> String {
        let parameters = parameters(list: list)
        return "\(protobuf)\(parameters),\(json)\(parameters),\(json)"
    }
}
