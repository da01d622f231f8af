import KubernetesObjects
import NIOCore

/// One request to the API server.
public struct APIRequest: Sendable {
    public enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    public var method: Method
    /// As in ``Resource/listPath``: begins with a slash, already percent-encoded where needed.
    public var path: String
    /// In order; names and values are encoded by the client.
    public var query: [(name: String, value: String)]
    /// The `Accept` header.
    public var accept: String
    public var body: [UInt8]
    /// The `Content-Type` of the body; nil without a body.
    public var contentType: String?

    public init(
        _ method: Method = .get, path: String, query: [(name: String, value: String)] = [],
        accept: String = "application/json", body: [UInt8] = [], contentType: String? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.accept = accept
        self.body = body
        self.contentType = contentType
    }

    /// Path and query as they stand in the request line.
    var target: String {
        guard !query.isEmpty else { return path }
        return path + "?" + query.map { "\(encoded($0.name))=\(encoded($0.value))" }.joined(separator: "&")
    }

    private func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch UInt8(byte) {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}

/// A whole answer, whatever its status.
public struct APIResponse: Sendable {
    public var status: Int
    /// Empty when the server sends none.
    public var contentType: String
    public var body: [UInt8]
    /// From the `Retry-After` header.
    public var retryAfter: Duration?

    /// The answer itself when its status is 2xx.
    ///
    /// - Throws: ``APIError/status(_:)`` with what the server says.
    public func checked() throws(APIError) -> APIResponse {
        guard !(200..<300).contains(status) else { return self }
        throw .status(errorStatus)
    }

    /// The answer as an error: from the server's status object, or from the beginning of whatever text it sent.
    var errorStatus: APIStatus {
        if let encoding = ObjectEncoding(contentType: contentType),
            let object = try? StatusObject(body: body, encoding: encoding), !object.message.isEmpty || object.code != 0
        {
            var result = APIStatus(object)
            // The status line is what the client acted on, should the two differ.
            result.code = status
            result.retryAfter = retryAfter ?? result.retryAfter
            return result
        }
        let text = String(decoding: body.prefix(300), as: UTF8.self).split(whereSeparator: \.isWhitespace)
        return APIStatus(
            code: status, reason: "", message: text.joined(separator: " "), retryAfter: retryAfter)
    }
}

/// An answer whose body arrives bit by bit.
public struct APIStream: Sendable {
    public var status: Int
    public var contentType: String
    public var body: APIBody
}

/// The bytes of a body, in chunks as they come from the network; to be read once. Dropping it ends the request.
public struct APIBody: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    let chunks: any AsyncSequence<ByteBuffer, any Error> & Sendable
    let server: String
    /// Kept while somebody reads.
    let place: RequestPlace

    public struct AsyncIterator: AsyncIteratorProtocol {
        var chunks: any AsyncIteratorProtocol<ByteBuffer, any Error>
        let server: String
        let place: RequestPlace

        /// - Throws: ``APIError/connection(server:cause:advice:)`` when the body breaks off, `CancellationError` when
        ///   the task is cancelled.
        public mutating func next() async throws -> [UInt8]? {
            do {
                let chunk = try await chunks.next(isolation: #isolation)
                // A cancelled task sees the end of the body.
                if chunk == nil { try Task.checkCancellation() }
                return chunk.map { [UInt8](buffer: $0) }
            } catch {
                throw APIError.describing(error, server: server)
            }
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(chunks: chunks.makeAsyncIterator(), server: server, place: place)
    }
}

extension ObjectEncoding {
    /// The encoding that a `Content-Type` header names; nil for anything but JSON and Kubernetes' protobuf.
    init?(contentType: String) {
        let type = contentType.prefix { $0 != ";" }.filter { !$0.isWhitespace }.lowercased()
        switch type {
        case "application/json": self = .json
        case "application/vnd.kubernetes.protobuf": self = .protobuf
        default: return nil
        }
    }
}
