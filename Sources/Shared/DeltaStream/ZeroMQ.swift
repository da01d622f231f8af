import MizzenSystem
import CZeroMQ
import Glibc

// The only file that talks to libzmq. What leaves it are owned sockets and frames, and buffers that live for one closure.
//
// A socket belongs to one thread at a time. Its owner is either the one thread that made it, or a `Mutex` that holds it:
// both give libzmq the full fence that it asks for when a socket changes threads.

enum ZeroMQ {
    /// libzmq has numbers of its own beside the system's.
    static func text(ofError number: Int32) -> String {
        // Safe: zmq_strerror answers with a constant, NUL-terminated text for any number.
        number < 156_384_712 ? SystemError.words(number) : unsafe String(cString: zmq_strerror(number))
    }

    // Keys have 40 characters of Z85, which stand for 32 bytes.

    static func newKeyPair() -> StreamKeys.Pair {
        var publicKey = [CChar](repeating: 0, count: 41)
        var secretKey = publicKey
        // Safe: libzmq writes 40 characters and a NUL to each. It fails only where it was built without CURVE.
        let result = unsafe zmq_curve_keypair(&publicKey, &secretKey)
        precondition(result == 0, "this libzmq has no CURVE; install one that was built with libsodium")
        return StreamKeys.Pair(publicKey: text(publicKey), secretKey: text(secretKey))
    }

    /// - Returns: nil for what is not a key.
    static func publicKey(ofSecret secret: String) -> String? {
        guard isKey(secret) else { return nil }
        var key = [CChar](repeating: 0, count: 41)
        // Safe: the secret has 40 characters; libzmq writes 40 and a NUL.
        return unsafe zmq_curve_public(&key, secret) == 0 ? text(key) : nil
    }

    static func isKey(_ text: String) -> Bool {
        guard text.utf8.count == 40 else { return false }
        var bytes = [UInt8](repeating: 0, count: 32)
        // Safe: 40 characters stand for 32 bytes.
        return unsafe zmq_z85_decode(&bytes, text) != nil
    }

    /// - Returns: nil unless there are 32 bytes.
    static func text(ofKey key: [UInt8]) -> String? {
        guard key.count == 32 else { return nil }
        var characters = [CChar](repeating: 0, count: 41)
        // Safe: 32 bytes become 40 characters and a NUL.
        return unsafe zmq_z85_encode(&characters, key, 32) != nil ? text(characters) : nil
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Retries what a signal interrupted; -1 with errno for other failures.
    fileprivate static func retrying(_ call: () -> Int32) -> Int32 {
        while true {
            let result = call()
            if result != -1 || zmq_errno() != EINTR { return result }
        }
    }
}

/// One libzmq context: its own I/O thread. Ends when its last socket is gone.
@safe final class ZeroMQContext: @unchecked Sendable {
    // Sendable: contexts are thread-safe by libzmq's contract, and `locks` is not touched after init.
    fileprivate let handle: UnsafeMutableRawPointer
    /// Given up only when the context has ended, because until then libzmq may still remove socket files.
    private let locks: [EndpointLock]

    init(keeping locks: [EndpointLock] = []) throws(DeltaStreamError) {
        guard let handle = unsafe zmq_ctx_new() else {
            throw DeltaStreamError("cannot start ZeroMQ", place: "libzmq", errorNumber: zmq_errno())
        }
        // Safe: a fresh context that nobody else knows.
        unsafe self.handle = unsafe handle
        self.locks = locks
    }

    deinit {
        // Safe: every socket holds this object, so none is left. Linger is 0 everywhere: this does not wait.
        _ = ZeroMQ.retrying { unsafe zmq_ctx_term(handle) }
        for lock in locks { lock.release() }
    }
}

/// One message frame, used again and again.
@safe struct ZeroMQFrame: ~Copyable {
    // zmq_msg_t must keep its address, so it has its own allocation.
    fileprivate let message: UnsafeMutablePointer<zmq_msg_t>

    init() {
        unsafe message = UnsafeMutablePointer<zmq_msg_t>.allocate(capacity: 1)
        // Safe: freshly allocated; from here on the message is always initialised, which every libzmq call asks for.
        _ = unsafe zmq_msg_init(message)
    }

    deinit {
        // Safe: initialised, and this is its only owner.
        unsafe zmq_msg_close(message)
        unsafe message.deallocate()
    }

    var count: Int { unsafe zmq_msg_size(message) }
    /// Another frame of the same message follows the one received.
    var hasMore: Bool { unsafe zmq_msg_more(message) != 0 }

    /// Makes room for `count` bytes and has them written; the frame is then ready to be sent.
    mutating func fill(_ count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
        // Safe: closed before it is initialised again; zmq_msg_data points to `count` bytes until the next call here.
        unsafe zmq_msg_close(message)
        guard unsafe zmq_msg_init_size(message, count) == 0 else {
            unsafe zmq_msg_init(message)
            return
        }
        unsafe body(UnsafeMutableRawBufferPointer(start: zmq_msg_data(message), count: count))
    }

    mutating func fill(_ bytes: some Collection<UInt8>) {
        unsafe fill(bytes.count) { target in unsafe target.copyBytes(from: bytes) }
    }

    /// The buffer is valid only inside `body`.
    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        // Safe: nothing changes the message while it is borrowed.
        unsafe body(UnsafeRawBufferPointer(start: zmq_msg_data(message), count: count))
    }

    var bytes: [UInt8] { unsafe withBytes { unsafe [UInt8]($0) } }
    /// nil when the bytes are not UTF-8.
    var text: String? { unsafe withBytes { bytes in unsafe String(validating: bytes, as: UTF8.self) } }
}

@safe struct ZeroMQSocket: ~Copyable {
    enum Kind { case publish, publishSeeingSubscriptions, subscribe, router, dealer, reply, pair }

    private let context: ZeroMQContext
    fileprivate let handle: UnsafeMutableRawPointer

    init(_ kind: Kind, in context: ZeroMQContext) throws(DeltaStreamError) {
        let number =
            switch kind {
            case .publish: ZMQ_PUB
            case .publishSeeingSubscriptions: ZMQ_XPUB
            case .subscribe: ZMQ_SUB
            case .router: ZMQ_ROUTER
            case .dealer: ZMQ_DEALER
            case .reply: ZMQ_REP
            case .pair: ZMQ_PAIR
            }
        // Safe: the context is alive, this object holds it.
        guard let handle = unsafe zmq_socket(context.handle, number) else {
            throw DeltaStreamError("cannot make a socket", place: "libzmq", errorNumber: zmq_errno())
        }
        self.context = context
        unsafe self.handle = unsafe handle
        set(ZMQ_LINGER, 0 as Int32)
    }

    deinit {
        // Safe: this is the only owner.
        unsafe zmq_close(handle)
    }

    /// Sets a numeric option. It can fail only on a wrong option or value, which is a mistake in this module.
    func set(_ option: Int32, _ value: Int32) {
        // Safe: libzmq copies the four bytes.
        let result = unsafe withUnsafePointer(to: value) { unsafe zmq_setsockopt(handle, option, $0, 4) }
        assert(result == 0, "socket option \(option) = \(value) refused")
    }

    func set(_ option: Int32, _ value: Int64) {
        // Safe: libzmq copies the eight bytes.
        let result = unsafe withUnsafePointer(to: value) { unsafe zmq_setsockopt(handle, option, $0, 8) }
        assert(result == 0, "socket option \(option) = \(value) refused")
    }

    /// Sets an option that is a text.
    func set(_ option: Int32, _ value: String) {
        // Safe: Swift hands over a NUL-terminated copy, which libzmq copies.
        let result = unsafe zmq_setsockopt(handle, option, value, value.utf8.count)
        assert(result == 0, "socket option \(option) refused")
    }

    func subscribe(_ prefix: String) {
        var prefix = prefix
        // Safe: libzmq copies the bytes.
        prefix.withUTF8 { bytes in
            _ = unsafe zmq_setsockopt(handle, ZMQ_SUBSCRIBE, bytes.baseAddress, bytes.count)
        }
    }

    /// A socket file is its owner's alone from its first moment: under a loose umask others could connect before a `chmod`.
    ///
    /// - Parameter role: what the process is, for the error when the address is taken.
    func bind(_ endpoint: String, as role: String) throws(DeltaStreamError) {
        // Safe: Swift hands over a NUL-terminated copy. libzmq makes the file before it returns.
        let errorNumber = OwnerOnlyFiles.while { unsafe zmq_bind(handle, endpoint) == 0 ? nil : zmq_errno() }
        if let errorNumber { throw DeltaStreamError.bindRefused(endpoint, role: role, errorNumber: errorNumber) }
    }

    /// Succeeds when nobody listens yet: libzmq goes on trying.
    func connect(_ endpoint: String) throws(DeltaStreamError) {
        // Safe: Swift hands over a NUL-terminated copy.
        guard unsafe zmq_connect(handle, endpoint) == 0 else {
            throw DeltaStreamError(
                "cannot connect to this endpoint", place: endpoint, kind: .unavailable, errorNumber: zmq_errno())
        }
    }

    /// Gives the connection up, whatever state it is in, and makes it anew.
    func reconnect(_ endpoint: String) throws(DeltaStreamError) {
        // Safe: Swift hands over a NUL-terminated copy. It fails where libzmq gave the endpoint up itself.
        _ = unsafe zmq_disconnect(handle, endpoint)
        try connect(endpoint)
    }

    /// Where the socket is bound, with the port that a `*` became.
    var lastEndpoint: String {
        // Safe: libzmq writes at most `size` bytes and ends them with NUL.
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            var size = buffer.count
            guard unsafe zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, buffer.baseAddress, &size) == 0 else { return "" }
            return unsafe String(cString: buffer.baseAddress!)
        }
    }

    /// A socket that receives an event for each handshake of this one that fails.
    ///
    /// It takes any number of them, as libzmq's I/O thread would otherwise wait for whoever reads it.
    func handshakeFailures() throws(DeltaStreamError) -> ZeroMQSocket {
        let address = "inproc://handshakes-\(UInt64.random(in: .min ... .max))"
        let failures =
            ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
        // Safe: Swift hands over a NUL-terminated copy.
        guard unsafe zmq_socket_monitor(handle, address, failures) == 0 else {
            throw DeltaStreamError("cannot watch a socket's handshakes", place: "libzmq", errorNumber: zmq_errno())
        }
        let events = try ZeroMQSocket(.pair, in: context)
        events.set(ZMQ_RCVHWM, 0 as Int32)
        try events.connect(address)
        return events
    }

    /// Becomes readable when something may have happened in the socket. Only to be waited for.
    var descriptor: Int32 {
        var value: Int32 = -1
        var size = MemoryLayout<Int32>.size
        // Safe: libzmq writes one number of that size.
        _ = unsafe zmq_getsockopt(handle, ZMQ_FD, &value, &size)
        return value
    }

    /// Sends without waiting and leaves the frame empty.
    /// - Returns: false when it was not taken; `zmq_errno` says why.
    @discardableResult
    func send(_ frame: inout ZeroMQFrame, more: Bool) -> Bool {
        let flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)
        // Safe: the message is initialised; libzmq takes its content over and leaves it initialised.
        return ZeroMQ.retrying { unsafe zmq_msg_send(frame.message, handle, flags) } != -1
    }

    /// - Returns: false when nothing is there.
    func receive(into frame: inout ZeroMQFrame) -> Bool {
        // Safe: the message is initialised; libzmq releases what it held.
        ZeroMQ.retrying { unsafe zmq_msg_recv(frame.message, handle, ZMQ_DONTWAIT) } != -1
    }

    /// Throws away what is left of a message whose last frame received was `frame`.
    func skipRest(_ frame: inout ZeroMQFrame) {
        while frame.hasMore && receive(into: &frame) {}
    }
}

/// What one wait found ready to read.
struct ZeroMQReadiness {
    var first = false
    var second = false
    var wake = false
}

extension ZeroMQSocket {
    /// Waits until this socket, the `other` or the waker can be read, at most `milliseconds`.
    func wait(
        or other: borrowing ZeroMQSocket, waker: Waker, milliseconds: Int
    ) -> ZeroMQReadiness {
        unsafe wait(handle, other.handle, waker, milliseconds)
    }

    func wait(waker: Waker, milliseconds: Int) -> ZeroMQReadiness {
        unsafe wait(handle, nil, waker, milliseconds)
    }

    private func wait(
        _ first: UnsafeMutableRawPointer, _ second: UnsafeMutableRawPointer?, _ waker: Waker, _ milliseconds: Int
    ) -> ZeroMQReadiness {
        // Safe: the sockets are borrowed for the call and the items live on this stack.
        unsafe withUnsafeTemporaryAllocation(of: zmq_pollitem_t.self, capacity: 3) { items in
            let readable = Int16(ZMQ_POLLIN)
            unsafe items.initializeElement(
                at: 0, to: zmq_pollitem_t(socket: nil, fd: waker.descriptor.raw, events: readable, revents: 0))
            unsafe items.initializeElement(
                at: 1, to: zmq_pollitem_t(socket: first, fd: 0, events: readable, revents: 0))
            let count: Int32 = unsafe second == nil ? 2 : 3
            unsafe items.initializeElement(
                at: 2, to: zmq_pollitem_t(socket: second, fd: 0, events: readable, revents: 0))
            // An interrupted wait simply finds nothing.
            guard unsafe zmq_poll(items.baseAddress, count, milliseconds) > 0 else { return ZeroMQReadiness() }
            return unsafe ZeroMQReadiness(
                first: items[1].revents != 0, second: items[2].revents != 0, wake: items[0].revents != 0)
        }
    }
}
