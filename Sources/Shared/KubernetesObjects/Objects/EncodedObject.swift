/// How an object's bytes are to be read.
public enum ObjectEncoding: Hashable, Sendable {
    /// Kubernetes' protobuf (generated.proto of the API group).
    case protobuf
    case json
}

/// One object as bytes, not decoded.
///
/// protobuf: the bare message, without the `k8s\0` magic and without `runtime.Unknown` around it.
/// json: the object's JSON text; items of a list have neither `kind` nor `apiVersion`.
public struct EncodedObject: Hashable, Sendable {
    public var encoding: ObjectEncoding
    public var bytes: [UInt8]

    public init(encoding: ObjectEncoding, bytes: [UInt8]) {
        self.encoding = encoding
        self.bytes = bytes
    }
}
