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
