/// An object as it came from the API server, stripped of what must not leave the watcher.
public struct WatchedObject: Hashable, Sendable {
    public var resource: Resource
    public var identity: ObjectIdentity
    /// Already passed through ``EncodedObject/publishable(as:)``.
    public var object: EncodedObject

    public init(resource: Resource, identity: ObjectIdentity, object: EncodedObject) {
        self.resource = resource
        self.identity = identity
        self.object = object
    }
}
