import KubernetesObjects

/// What a subscriber asks of a publisher.
struct SnapshotRequest: Hashable, Sendable {
    enum Subject: Hashable, Sendable {
        /// These buckets of a resource, in this order; only these namespaces, or all (nil).
        case buckets(Resource, [UInt8], namespaces: Set<String>?)
        /// Which resources there are.
        case catalog
    }

    var id: UInt64
    var subject: Subject
}

/// What a publisher answers.
struct SnapshotAnswer: Hashable, Sendable {
    enum Status: Hashable, Sendable {
        case ok
        case malformed
        case unknownResource
        case unknownVersion
    }

    struct Bucket: Hashable, Sendable {
        var bucket: UInt8
        /// Every delta up to and with this one is in the snapshot.
        var sequence: UInt64
        var objects: [Delta]
    }

    var requestID: UInt64
    var status = Status.ok
    var message = ""
    var streamID: UInt64
    var synced = false
    /// A prefix of the buckets that were asked for.
    var buckets: [Bucket] = []
    var catalog: [CatalogEntry] = []
}
