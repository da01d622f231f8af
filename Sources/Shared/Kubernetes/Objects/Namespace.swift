public struct Namespace: KubernetesObject {
    public static let resource = Resource.namespaces
    public var metadata = ObjectMetadata()
    public var status = Status()

    public init() {}

    public struct Status: Hashable, Sendable {
        /// `Active` or `Terminating`.
        public var phase = ""
        public var conditions: [Condition] = []

        public init() {}
    }
}
