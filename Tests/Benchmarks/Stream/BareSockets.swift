import MizzenSystem
import CZeroMQ
import DeltaStream
import Glibc

// The floor: what ZeroMQ itself costs for the same frames and bytes. Nothing is encoded, decoded or held.

/// The bare publisher: two frames a message, the second beginning with the time of sending.
struct BareSource: MessageSource, ~Copyable {
    private let publish: BareSocket
    private let router: BareSocket
    private var frame: [UInt8]
    private let topic = Array("pods/3f/team-17".utf8)

    init(_ endpoints: Endpoints, frame size: Int) throws {
        let context = BareContext()
        publish = BareSocket(context, ZMQ_PUB, highWaterMark: 8192)
        publish.bind(endpoints.deltas)
        router = BareSocket(context, ZMQ_ROUTER, highWaterMark: 2)
        router.bind(endpoints.snapshots)
        frame = [UInt8](repeating: 0x2A, count: size)
    }

    mutating func send() { send(sentAt: WallClock.nanoseconds()) }
    mutating func hello() { send(sentAt: 0) }

    private mutating func send(sentAt: Int64) {
        for byte in 0..<8 { frame[byte] = UInt8(truncatingIfNeeded: sentAt >> (8 * Int64(byte))) }
        publish.send(topic, more: true)
        publish.send(frame, more: false)
    }

    /// Answers requests for that many frames each until one asks for none.
    mutating func serveSnapshot() {
        while true {
            let asker = router.receive()
            let count = router.receive().reduce(0) { $0 << 8 | Int($1) }
            guard count > 0 else { return }
            router.send(asker, more: true)
            for index in 1...count { router.send(frame, more: index < count) }
        }
    }
}

/// The bare subscriber.
final class BareSubscriber: Sendable {
    private let endpoints: Endpoints
    private let ledger: Ledger

    init(_ endpoints: Endpoints, _ ledger: Ledger) {
        self.endpoints = endpoints
        self.ledger = ledger
    }

    func run(snapshotOnly: Bool) throws {
        if snapshotOnly {
            fetch(150_000)
        } else {
            Task.detached { self.receive() }
            ledger.obey()
        }
    }

    private func receive() {
        let socket = BareSocket(BareContext(), ZMQ_SUB, highWaterMark: 8192)
        socket.subscribe()
        socket.connect(endpoints.deltas)
        var isJoined = false
        while true {
            _ = socket.receive()
            let sentAt = socket.receive().prefix(8).reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
            guard sentAt == 0 else {
                ledger.received(sentAt: sentAt)
                continue
            }
            if !isJoined { Report.line(["joined_seconds": 0]) }
            isJoined = true
        }
    }

    /// About 1 MiB an answer, as the real one.
    private func fetch(_ total: Int) {
        let socket = BareSocket(BareContext(), ZMQ_DEALER, highWaterMark: 1000)
        socket.connect(endpoints.snapshots)
        let start = WallClock.nanoseconds()
        var left = total
        while left > 0 {
            let count = min(left, 700)
            socket.send([UInt8(count >> 8), UInt8(count & 0xFF)], more: false)
            for _ in 0..<count { _ = socket.receive() }
            left -= count
        }
        Report.line(["joined_seconds": Double(WallClock.nanoseconds() - start) / 1e9, "objects": Double(total)])
        socket.send([0], more: false)
        usleep(200_000)
    }
}

@safe final class BareContext {
    fileprivate let handle: UnsafeMutableRawPointer

    init() {
        // Safe: lives as long as the process.
        unsafe handle = unsafe zmq_ctx_new()!
    }
}

@safe final class BareSocket {
    private let context: BareContext
    private let handle: UnsafeMutableRawPointer
    private let message: UnsafeMutablePointer<zmq_msg_t>

    init(_ context: BareContext, _ kind: Int32, highWaterMark: Int32) {
        self.context = context
        // Safe: sockets and messages live as long as the process.
        unsafe handle = unsafe zmq_socket(context.handle, kind)!
        unsafe message = UnsafeMutablePointer<zmq_msg_t>.allocate(capacity: 1)
        unsafe zmq_msg_init(message)
        var mark = highWaterMark
        unsafe zmq_setsockopt(handle, ZMQ_SNDHWM, &mark, 4)
        unsafe zmq_setsockopt(handle, ZMQ_RCVHWM, &mark, 4)
    }

    // Safe, below: Swift hands over NUL-terminated copies and buffers of the stated length; libzmq copies them.

    func bind(_ endpoint: String) {
        let result = unsafe zmq_bind(handle, endpoint)
        precondition(result == 0, "cannot bind \(endpoint)")
    }

    func connect(_ endpoint: String) {
        let result = unsafe zmq_connect(handle, endpoint)
        precondition(result == 0, "cannot connect to \(endpoint)")
    }

    func subscribe() { _ = unsafe zmq_setsockopt(handle, ZMQ_SUBSCRIBE, "", 0) }

    func send(_ bytes: [UInt8], more: Bool) {
        _ = unsafe zmq_send(handle, bytes, bytes.count, more ? ZMQ_SNDMORE : 0)
    }

    /// The first bytes of a frame, at most 64: the floor does not look at the rest.
    func receive() -> [UInt8] {
        guard unsafe zmq_msg_recv(message, handle, 0) >= 0 else { return [] }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: zmq_msg_data(message), count: min(64, zmq_msg_size(message))))
    }
}
