public struct Namespace: KubernetesObject {
    public static let resource = Resource.namespaces
    public var metadata = ObjectMetadata()
    public var status = Status()

    public init() {}

    public init(_ encoded: EncodedObject) throws(ObjectDecodingError) { self = try Self.decode(encoded) }

    public struct Status: Hashable, Sendable {
        /// `Active` or `Terminating`.
        public var phase = ""
        public var conditions: [Condition] = []

        public init() {}
    }
}

extension Namespace: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        metadata = try message.value("metadata") ?? ObjectMetadata()
        status = try message.value("status") ?? Status()
    }
}

extension Namespace.Status: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        phase = message.string("phase")
        conditions = try message.list("conditions")
    }
}
