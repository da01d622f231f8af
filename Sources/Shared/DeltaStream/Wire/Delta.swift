public import KubernetesObjects

/// What happened to an object.
public enum Change: UInt8, Hashable, Sendable {
    case added = 1
    case modified = 2
    case deleted = 3
}

/// One change of one object, as published. In a snapshot it stands for an object that exists, and `change` is `.added`.
public struct Delta: Hashable, Sendable {
    /// Names one unbroken history; sequences of different streams cannot be compared.
    public var streamID: UInt64
    /// Counts the changes of this resource and bucket, from 1, without holes.
    public var sequence: UInt64
    /// Not smaller than the sequence of the delta before this one on the same full topic, and smaller than `sequence`;
    /// 0 when there was none. Who sees only some namespaces of a bucket notices a loss by it.
    public var previous: UInt64
    public var change: Change
    public var resource: Resource
    /// Empty for objects without a namespace.
    public var namespace: String
    public var name: String
    public var uid: String
    public var resourceVersion: String
    /// When the watcher committed the change: nanoseconds since 1970-01-01 UTC.
    public var commitTime: Int64
    /// The object after the change; of a deleted object, the last that was known of it, without bytes where it went while no
    /// publisher ran.
    public var object: EncodedObject

    public init(
        streamID: UInt64, sequence: UInt64, previous: UInt64 = 0, change: Change, resource: Resource,
        identity: ObjectIdentity, commitTime: Int64, object: EncodedObject
    ) {
        self.streamID = streamID
        self.sequence = sequence
        self.previous = previous
        self.change = change
        self.resource = resource
        self.namespace = identity.namespace
        self.name = identity.name
        self.uid = identity.uid
        self.resourceVersion = identity.resourceVersion
        self.commitTime = commitTime
        self.object = object
    }

    public var bucket: UInt8 { Topic.bucket(ofUID: uid) }
    public var identity: ObjectIdentity {
        ObjectIdentity(namespace: namespace, name: name, uid: uid, resourceVersion: resourceVersion)
    }
}

/// A place in the history of one bucket of a resource.
public struct StreamPosition: Hashable, Sendable {
    public var streamID: UInt64
    public var sequence: UInt64

    public init(streamID: UInt64, sequence: UInt64) {
        self.streamID = streamID
        self.sequence = sequence
    }
}

/// What the publisher has sent of one resource so far.
public struct Heartbeat: Hashable, Sendable {
    public var streamID: UInt64
    public var resource: Resource
    /// The watcher has seen a whole list of the resource.
    public var synced: Bool
    /// The newest that the watcher knows of; empty before the first list.
    public var resourceVersion: String
    /// When it was sent: nanoseconds since 1970-01-01 UTC.
    public var time: Int64
    /// Milliseconds until the next one is due.
    public var intervalMilliseconds: UInt32
    /// The last sequence of each of the 256 buckets, 0 for none yet.
    public var sequences: [UInt64]
}

/// The last sequences of one namespace of one resource, in those of its buckets that changed lately.
///
/// A heartbeat cannot tell a subscriber of one namespace that it lost the last delta, since other namespaces move the
/// bucket's sequence too; this can.
public struct NamespaceTail: Hashable, Sendable {
    public struct Entry: Hashable, Sendable {
        public var bucket: UInt8
        public var sequence: UInt64
    }

    public var streamID: UInt64
    public var resource: Resource
    public var namespace: String
    public var entries: [Entry]
}
