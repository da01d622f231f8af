import KubernetesObjects
public import NIOCore

/// What a request is, as far as faults may depend on it.
public struct RequestDescription: Sendable {
    public var method: String
    public var path: String
    public var query: [(name: String, value: String)]
    public var isWatch: Bool
    /// Different for every request.
    public var id: UInt64
    /// The Accept header; empty without one.
    public var accept: String
    /// The plural name when the path is that of a collection or of an object.
    public var resource: String?
    /// What is done to it; nil for what is not a fault's business, such as patches.
    public var verb: Fault.Verb?

    init(method: String, target: RequestTarget, accept: String?, id: UInt64) {
        self.method = method
        path = target.path
        query = target.query
        isWatch = target.flag("watch")
        self.id = id
        self.accept = accept ?? ""
        switch ResourcePath(target.segments) {
        case .collection(let type, _):
            resource = type.resource.plural
            verb = method == "POST" ? .create : method == "GET" ? (isWatch ? .watch : .list) : nil
        case .object(let reference, _):
            resource = reference.type.resource.plural
            verb = method == "PUT" ? .update : method == "GET" ? .get : nil
        case .other: break
        }
    }

    subscript(name: String) -> String? { query.first { $0.name == name }?.value }
}

/// How a server treats a request before it looks at it.
public enum RequestConduct: Sendable {
    case proceed
    /// Answers with this failure instead; `retryAfterSeconds` of its details becomes a header too.
    case fail(StatusError)
    /// Answers nothing until the client gives up or the simulator stops.
    case hang
    /// Closes the connection in place of an answer.
    case disconnect
    /// Sends so many bytes of the answer's body, then closes the connection.
    case cutAnswer(afterBytes: Int)
    /// As if the client had not mentioned protobuf.
    case proceedWithoutProtobuf
}

/// How a server treats one frame of a watch.
public enum FrameConduct: Sendable {
    case send
    case drop
    /// Sends these bytes instead.
    case replace([ByteBuffer])
    /// Sends these bytes instead, and ends the watch: what servers do after an ERROR event.
    case end(with: ByteBuffer)
    /// Sends so many bytes of the frame, then closes the connection.
    case cut(afterBytes: Int)
    /// Sends neither this frame nor another one, and leaves the connection open.
    case hang
}

/// The place where misbehaviour plugs in: asked before every request and every watch frame.
public protocol ServerConduct: Sendable {
    func willAnswer(_ request: RequestDescription) async -> RequestConduct
    /// - Parameter isInitial: whether it tells of the state before the watch began, rather than of a change.
    func willSend(_ frame: ByteBuffer, of request: RequestDescription, isInitial: Bool) async -> FrameConduct
}

/// Does what the protocol says.
public struct HonestConduct: ServerConduct {
    public init() {}
    public func willAnswer(_ request: RequestDescription) async -> RequestConduct { .proceed }
    public func willSend(_ frame: ByteBuffer, of request: RequestDescription, isInitial: Bool) async -> FrameConduct { .send }
}
