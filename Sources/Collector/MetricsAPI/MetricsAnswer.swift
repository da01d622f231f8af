import NIOCore
import ProcessRuntime

/// An answer of the Metrics API, before it is sent.
struct MetricsAnswer: Sendable {
    enum Content: Sendable {
        case bytes([UInt8])
        /// Put together while it is sent.
        case list(ListBody)
    }

    var status = 200
    var contentType: String
    /// Besides those that every answer has.
    var headers: [(name: String, value: String)] = []
    var content: Content
    /// What has answered, where that is counted.
    var endpoint: RequestMetrics.Endpoint?

    init(status: Int = 200, contentType: String, headers: [(name: String, value: String)] = [], body: [UInt8]) {
        self.init(status: status, contentType: contentType, headers: headers, content: .bytes(body))
    }

    init(status: Int = 200, contentType: String, headers: [(name: String, value: String)] = [], content: Content) {
        (self.status, self.contentType, self.headers, self.content) = (status, contentType, headers, content)
    }

    init(_ answer: HTTPAnswer) {
        self.init(status: answer.status, contentType: answer.contentType, body: answer.body)
    }

    /// Octets.
    var size: Int {
        switch content {
        case .bytes(let bytes): bytes.count
        case .list(let list): list.size
        }
    }

    /// The whole body.
    var body: [UInt8] {
        switch content {
        case .bytes(let bytes): bytes
        case .list(let list): Array(list.buffer.readableBytesView)
        }
    }
}
