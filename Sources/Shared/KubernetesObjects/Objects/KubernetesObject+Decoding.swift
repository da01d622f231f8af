extension KubernetesObject where Self: MessageMapped {
    /// Decodes either encoding; both give the same value.
    static func decode(_ encoded: EncodedObject) throws(ObjectDecodingError) -> Self {
        do {
            return try encoded.withMessage(.of(resource)) { message throws(ObjectDecodingError) in try Self(message) }
        } catch {
            throw error.named(resource)
        }
    }
}
