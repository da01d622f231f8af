extension KubernetesObject {
    public init(_ encoded: EncodedObject) throws(ObjectDecodingError) {
        throw ObjectDecodingError(.unknownResource, at: 0, resource: Self.resource.plural)
    }
}
