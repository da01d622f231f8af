/// `metav1.ObjectMeta` without `managedFields`.
///
/// In all object types: a property is optional where Kubernetes tells absent from empty (a pointer in its Go types).
/// Otherwise absent and empty are one value, because JSON leaves out what protobuf writes as empty.
public struct ObjectMetadata: Hashable, Sendable {
    public var name = ""
    public var generateName = ""
    public var namespace = ""
    public var uid = ""
    public var resourceVersion = ""
    public var generation: Int64 = 0
    public var creationTimestamp: Timestamp?
    public var deletionTimestamp: Timestamp?
    public var deletionGracePeriodSeconds: Int64?
    public var labels: [String: String] = [:]
    public var annotations: [String: String] = [:]
    public var ownerReferences: [OwnerReference] = []
    public var finalizers: [String] = []

    public init() {}
}

public struct OwnerReference: Hashable, Sendable {
    public var apiVersion = ""
    public var kind = ""
    public var name = ""
    public var uid = ""
    public var controller: Bool?
    public var blockOwnerDeletion: Bool?

    public init() {}
}

/// What identifies one state of one object.
public struct ObjectIdentity: Hashable, Sendable {
    /// Empty for objects without a namespace.
    public var namespace: String
    public var name: String
    public var uid: String
    public var resourceVersion: String

    public init(namespace: String, name: String, uid: String, resourceVersion: String) {
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.resourceVersion = resourceVersion
    }
}

extension ObjectMetadata: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        name = message.string("name")
        generateName = message.string("generateName")
        namespace = message.string("namespace")
        uid = message.string("uid")
        resourceVersion = message.string("resourceVersion")
        generation = message.int64("generation")
        creationTimestamp = try message.time("creationTimestamp")
        deletionTimestamp = try message.time("deletionTimestamp")
        deletionGracePeriodSeconds = message.optionalInt64("deletionGracePeriodSeconds")
        labels = message.stringMap("labels")
        annotations = message.stringMap("annotations")
        ownerReferences = try message.list("ownerReferences")
        finalizers = message.strings("finalizers")
    }
}

extension OwnerReference: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        apiVersion = message.string("apiVersion")
        kind = message.string("kind")
        name = message.string("name")
        uid = message.string("uid")
        controller = message.optionalBool("controller")
        blockOwnerDeletion = message.optionalBool("blockOwnerDeletion")
    }
}
