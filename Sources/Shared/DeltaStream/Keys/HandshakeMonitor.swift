import Logging

import CZeroMQ

/// Tells of connections that came about but broke off while both sides said who they are.
///
/// After a refusal libzmq (4.3) gives an endpoint up without a word, so a subscriber has to connect again by itself: its
/// key may be allowed by then.
///
/// Belongs to the thread of the socket that it watches.
struct HandshakeMonitor: ~Copyable {
    enum Side { case publisher, subscriber }

    private let events: ZeroMQSocket
    private let side: Side
    private let endpoint: String
    private let logger: Logger
    private var frame = ZeroMQFrame()
    private var complaints: Set<UInt16> = []

    /// - Returns: nil where there are no handshakes to fail: without keys on either side nothing is asked on ipc.
    init?(_ socket: borrowing ZeroMQSocket, of endpoint: Endpoint, as side: Side, logger: Logger) throws(DeltaStreamError) {
        guard case .tcp = endpoint.kind else { return nil }
        events = try socket.handshakeFailures()
        self.side = side
        self.endpoint = endpoint.text
        self.logger = logger
    }

    /// Logs what went wrong since the last call, each cause once.
    /// - Returns: how many connections went wrong.
    mutating func report() -> Int {
        var failures = 0
        while events.receive(into: &frame) {
            let bytes = frame.bytes
            events.skipRest(&frame)
            guard bytes.count >= 2 else { continue }
            let event = UInt16(bytes[0]) | UInt16(bytes[1]) << 8
            failures += 1
            guard complaints.insert(event).inserted else { continue }
            logger.warning(Self.message(Int32(event), side), metadata: ["endpoint": "\(endpoint)"])
        }
        return failures
    }

    private static func message(_ event: Int32, _ side: Side) -> Logger.Message {
        switch (event, side) {
        case (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, .subscriber):
            "the publisher refuses this process's key: its file 'clients' has no line with the public key of client.key"
        case (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, .publisher):
            "refused a connection whose key is not allowed"
        case (ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, .subscriber):
            "the publisher does not speak as this process does: one side has stream keys and the other has not (--stream-keys)"
        case (ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, .publisher):
            "refused a connection without stream keys, or with another server.pub than this process's (--stream-keys)"
        case (_, .subscriber):
            "the publisher broke off the handshake: server.pub is not its public key, or only one side has stream keys (--stream-keys)"
        case (_, .publisher):
            "a connection broke off in the handshake: only one side has stream keys, or the client has another server.pub"
        }
    }
}
