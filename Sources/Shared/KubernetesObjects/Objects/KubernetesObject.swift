/// An object decoded to a Swift value; the value is the same from either encoding.
public protocol KubernetesObject: Hashable, Sendable {
    static var resource: Resource { get }
    var metadata: ObjectMetadata { get }
    init(_ encoded: EncodedObject) throws(ObjectDecodingError)
}

/// A row of `status.conditions` of any object.
public struct Condition: Hashable, Sendable {
    public var type = ""
    /// `True`, `False` or `Unknown`.
    public var status = ""
    public var reason = ""
    public var message = ""
    public var lastTransitionTime: Timestamp?

    public init() {}
}

public struct LabelSelector: Hashable, Sendable {
    public struct Requirement: Hashable, Sendable {
        public var key = ""
        /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
        public var `operator` = ""
        public var values: [String] = []

        public init() {}
    }

    public var matchLabels: [String: String] = [:]
    public var matchExpressions: [Requirement] = []

    public init() {}
}

extension Condition: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        type = message.string("type")
        status = message.string("status")
        reason = message.string("reason")
        self.message = message.string("message")
        lastTransitionTime = try message.time("lastTransitionTime")
    }
}

extension LabelSelector: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        matchLabels = message.stringMap("matchLabels")
        matchExpressions = try message.list("matchExpressions")
    }
}

extension LabelSelector.Requirement: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        key = message.string("key")
        `operator` = message.string("operator")
        values = message.strings("values")
    }
}
