import KubernetesObjects

/// What a subscriber asks of a publisher.
struct SnapshotRequest: Hashable, Sendable {
    enum Subject: Hashable, Sendable {
        /// These buckets of a resource, in this order; only these namespaces, or all (nil).
        case buckets(Resource, [UInt8], namespaces: Set<String>?)
        /// Which resources there are.
        case catalog
    }

    /// What the asker has of some of the buckets.
    struct Known: Hashable, Sendable {
        var streamID: UInt64
        /// By bucket: the last sequence.
        var sequences: [UInt8: UInt64]
    }

    var id: UInt64
    var subject: Subject
    /// nil: objects are wanted, whatever the asker has.
    var known: Known?
    /// Of buckets that come as objects, the deltas that led to them are wanted too.
    var wantsPast = false
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
        /// The objects, or the deltas after what the asker has.
        var objects: [Delta]
        var isDeltas = false
        /// The last deltas up to the sequence, as far as they are known, where they are asked for beside the objects.
        var past: [Delta] = []

        /// All that is sent of it.
        var frames: [Delta] { objects + past }
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
