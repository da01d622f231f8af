extension KubernetesObject where Self: MessageMapped {
    /// Decodes either encoding; JSON goes through the same protobuf message, so that both give the same value.
    static func decode(_ encoded: EncodedObject) throws(ObjectDecodingError) -> Self {
        do {
            let schema = try MessageSchema.of(resource)
            let bytes: [UInt8]
            switch encoded.encoding {
            case .protobuf: bytes = encoded.bytes
            case .json: bytes = try JSONToProtobuf.convert(encoded.bytes, schema)
            }
            return try withMessage(bytes, schema) { message throws(ObjectDecodingError) in try Self(message) }
        } catch {
            throw error.named(resource)
        }
    }
}
