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

    /// Decodes the body of an error answer: JSON text, or protobuf in its envelope.
    public init(body: [UInt8], encoding: ObjectEncoding) throws(ObjectDecodingError) {
        let message: [UInt8]
        switch encoding {
        case .protobuf:
            let contents = try ProtobufEnvelope.unwrap(body[...])
            guard contents.kind == "Status" else {
                throw ObjectDecodingError(.unexpectedValue("a \(contents.kind) in place of a Status"), at: 0)
            }
            message = Array(contents.message)
        case .json: message = try JSONToProtobuf.convert(body, .status)
        }
        self = try withMessage(message, .status) { (message: MessagePointer) in StatusObject(message) }
    }

    /// The bare protobuf message.
    public var protobuf: [UInt8] {
        var details: [UInt8] = []
        if let retryAfterSeconds { details.appendField(5, varint: UInt64(bitPattern: Int64(retryAfterSeconds))) }
        var bytes: [UInt8] = []
        bytes.appendField(1, [])
        bytes.appendField(2, Array(status.utf8))
        bytes.appendField(3, Array(message.utf8))
        bytes.appendField(4, Array(reason.utf8))
        if !details.isEmpty { bytes.appendField(5, details) }
        bytes.appendField(6, varint: UInt64(bitPattern: Int64(code)))
        return bytes
    }
}

extension StatusObject {
    /// - Parameter message: decoded by the schema of `Status`.
    init(_ message: MessagePointer) {
        // Safe: as the parameter says.
        let status = unsafe Meta.Status(message)
        self.status = status.status.string
        self.message = status.message.string
        reason = status.reason.string
        code = status.code
        let seconds = status.details?.retryAfterSeconds ?? 0
        retryAfterSeconds = seconds > 0 ? seconds : nil
    }
}
