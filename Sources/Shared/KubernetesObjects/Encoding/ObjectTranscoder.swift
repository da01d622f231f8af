/// Turns objects of ``Resource/all`` and ``Resource/reviewsAndMetrics`` from one encoding into the other.
///
/// Only fields of our schemas come through: the target holds what metrics and DNS need, not the whole object.
public enum ObjectTranscoder {
    /// - Returns: the bare protobuf message.
    public static func protobuf(fromJSON json: [UInt8], resource: Resource) throws(ObjectDecodingError) -> [UInt8] {
        do { return try JSONToProtobuf.convert(json, .of(resource)) } catch { throw error.named(resource) }
    }

    /// - Parameter protobuf: the bare message.
    /// - Returns: JSON with `kind` and `apiVersion`, keys in the order of our schema.
    public static func json(
        fromProtobuf protobuf: [UInt8], resource: Resource
    ) throws(ObjectDecodingError) -> [UInt8] {
        do {
            return try ProtobufToJSON.convert(
                protobuf, .of(resource), kind: resource.kind, apiVersion: resource.apiVersion)
        } catch {
            throw error.named(resource)
        }
    }
}
