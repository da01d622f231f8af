import MizzenSystem
import ProcessRuntime

import Logging

/// A client's TCP connection: length-prefixed queries, as many as the client likes, answered in the order in which
/// answers are known
/// (RFC 7766 §6.2.1.1, §7).
final class Connection {
    private(set) var descriptor: Descriptor?
    let listener: Listener
    let isV6: Bool
    /// Who it is.
    let client: SocketAddress?
    var token: UInt64 = 0
    var received: [UInt8] = []
    var unsent: [UInt8] = []
    var lastUse: Instant
    /// Queries that wait for upstreams.
    var waiting = 0
    var peerHasEnded = false
    /// While queries are taken from `received`.
    var isAnswering = false
    var interest: Poller.Interest = .readable

    init(_ descriptor: Descriptor, listener: Listener, isV6: Bool, now: Instant) {
        self.descriptor = descriptor
        self.listener = listener
        self.isV6 = isV6
        client = Socket.peer(of: descriptor)
        lastUse = now
    }

    func close() { descriptor = nil }
}

extension Worker {
    /// CoreDNS's own.
    static let idleNanoseconds: UInt64 = 10_000_000_000
    /// A client that does not read its answers is not read from.
    private static let mostUnsent = 1 << 20
    private static let mostWaitingOnConnection = 128
    private static let acceptsAtOnce = 64

    func acceptConnections(of listener: Listener) {
        for _ in 0..<Self.acceptsAtOnce {
            do throws(SystemError) {
                guard let descriptor = try Socket.accept(listener.streams) else { return }
                // The kernel has a queue for the next moment; a full server closes rather than keeps clients waiting.
                guard connectionCount < Self.mostConnections else {
                    metrics.losses.refusedConnections.add()
                    continue
                }
                let now = monotonicNow()
                let connection = Connection(descriptor, listener: listener, isV6: listener.address.isV6, now: now)
                connection.token = try register(descriptor, .connection(connection))
                connectionCount += 1
                timers.add(.idleConnection(connection), due: now + Self.idleNanoseconds)
            } catch {
                metrics.losses.acceptFailures.add()
                logger.error(
                    "cannot accept connections for a moment",
                    metadata: ["address": "\(listener.address)", "error": "\(error)"])
                // Out of descriptors, most likely. The waiting connection would wake this thread again and again.
                listener.acceptsPaused = true
                try? poller.change(listener.streams, [], token: listener.streamToken)
                return
            }
        }
    }

    /// Tries again where accepting failed.
    func resumeAccepting() {
        for listener in listeners where listener.acceptsPaused {
            // What fails is tried again in a second.
            listener.acceptsPaused = (try? poller.change(listener.streams, .readable, token: listener.streamToken)) == nil
        }
    }

    func connectionIsReady(_ connection: Connection, _ ready: Poller.Interest) {
        if ready.contains(.failed) { return close(connection) }
        if ready.contains(.writable) { flush(connection) }
        if ready.contains(.readable) { receive(on: connection) }
    }

    private func receive(on connection: Connection) {
        guard let descriptor = connection.descriptor else { return }
        do throws(SystemError) {
            switch try Socket.receive(&inbox, from: descriptor) {
            case .nothingYet: return
            case .end: connection.peerHasEnded = true
            case .count(let count): connection.received += inbox[..<count]
            }
        } catch {
            return close(connection)
        }
        answerQueries(of: connection)
    }

    /// Answers the whole queries that are there, as far as the connection may have answers outstanding.
    private func answerQueries(of connection: Connection) {
        // An answer that is known at once comes back here; the loop below goes on by itself.
        if connection.isAnswering { return }
        connection.isAnswering = true
        defer { connection.isAnswering = false }
        var start = 0
        while connection.descriptor != nil, connection.waiting < Self.mostWaitingOnConnection,
            connection.unsent.count < Self.mostUnsent
        {
            guard connection.received.count >= start + 2 else { break }
            let size = Int(connection.received[start]) << 8 | Int(connection.received[start + 1])
            guard connection.received.count >= start + 2 + size else { break }
            let packet = Array(connection.received[(start + 2)..<(start + 2 + size)])
            start += 2 + size
            answer(packet, on: connection)
        }
        if start > 0 {
            connection.received.removeFirst(start)
            connection.lastUse = monotonicNow()
        }
        settle(connection)
    }

    private func answer(_ packet: [UInt8], on connection: Connection) {
        let began = monotonicNow()
        let server = connection.listener.server
        // Safe: `spare` has two octets more than the largest answer.
        let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: spare.buffer[2...])
        // Safe: as above.
        switch unsafe runner.run(packet.span, transport: .tcp, .stream(connection), on: server, began: began, into: memory) {
        case .answer(let size):
            if let exchange = runner.current { _ = conclude(exchange) }
            answerOnStream(connection, count: size, wasWaiting: false)
        case .silence:
            // Something that is not DNS, or that a directive drops: nobody waits for more of it.
            if let exchange = runner.current { _ = conclude(exchange) }
            close(connection)
        case .waiting:
            connection.waiting += 1
            startWaiting(.stream(connection))
        }
        if !runner.bench.begun.isEmpty { startRefreshes() }
    }

    /// Sends the answer that stands in `spare` behind its two length octets.
    func answerOnStream(_ connection: Connection, count: Int, wasWaiting: Bool) {
        if wasWaiting { connection.waiting -= 1 }
        guard connection.descriptor != nil else { return }
        // Safe: `spare` begins with the two octets kept for this.
        unsafe spare.buffer.storeBytes(of: UInt16(count).bigEndian, as: UInt16.self)
        connection.unsent += spare.bytes(count + 2)
        connection.lastUse = monotonicNow()
        flush(connection)
        if wasWaiting { answerQueries(of: connection) }
    }

    private func flush(_ connection: Connection) {
        guard let descriptor = connection.descriptor, !connection.unsent.isEmpty else { return }
        do throws(SystemError) {
            let unsent = connection.unsent
            let sent = try Socket.send(unsent.span, on: descriptor)
            connection.unsent.removeFirst(sent)
            if sent > 0 { connection.lastUse = monotonicNow() }
        } catch {
            metrics.losses.lostStreams.add()
            return close(connection)
        }
        settle(connection)
    }

    /// Closes a connection that is through, else watches it for what it can do next.
    private func settle(_ connection: Connection) {
        guard let descriptor = connection.descriptor else { return }
        if connection.unsent.isEmpty, connection.waiting == 0, connection.peerHasEnded || isDraining {
            return close(connection)
        }
        var interest: Poller.Interest = []
        let isCrowded = connection.unsent.count >= Self.mostUnsent || connection.waiting >= Self.mostWaitingOnConnection
        if !connection.peerHasEnded, !isCrowded { interest.insert(.readable) }
        if !connection.unsent.isEmpty { interest.insert(.writable) }
        guard interest != connection.interest else { return }
        connection.interest = interest
        do throws(SystemError) {
            try poller.change(descriptor, interest, token: connection.token)
        } catch {
            // Nothing would ever be read or sent here again.
            metrics.losses.lostStreams.add()
            close(connection)
        }
    }

    func closeIfIdle(_ connection: Connection, _ now: Instant) {
        guard connection.descriptor != nil else { return }
        let due = connection.lastUse + Self.idleNanoseconds
        if due <= now, connection.waiting == 0 { return close(connection) }
        timers.add(.idleConnection(connection), due: max(due, now + 1_000_000_000))
    }

    private func close(_ connection: Connection) {
        guard connection.descriptor != nil else { return }
        unregister(connection.token)
        connection.close()
        connectionCount -= 1
    }

    /// Closes what is idle; the others close with their last answer.
    func drainConnections() {
        for connection in openConnections { settle(connection) }
    }
}
