import Glibc
import MizzenSystem
import Names
import ProcessRuntime

extension Worker {
    /// A client that does not read its answers is not read from.
    private static let mostUnsent = 1 << 16
    private static let mostWaitingOnConnection = 128
    private static let acceptsAtOnce = 64

    // MARK: Coming

    func acceptConnections(of listener: Listener) {
        for _ in 0..<Self.acceptsAtOnce {
            do throws(SystemError) {
                guard let (descriptor, peer) = try Socket.accept(listener.streams) else { return }
                try admit(descriptor, ClientAddress(peer), listener)
            } catch {
                let lacksDescriptor = error.code == EMFILE || error.code == ENFILE
                if lacksDescriptor, let idlest = connections.idlest {
                    close(idlest, .descriptors)
                    continue
                }
                metrics.connections.noteAcceptFailure("\(error)")
                // The waiting connection would wake this thread again and again.
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

    /// Takes a connection on, for that of another if need be; a server that is full of clients that wait closes it.
    private func admit(_ descriptor: Descriptor, _ client: ClientAddress, _ listener: Listener) throws(SystemError) {
        switch connections.admission(of: client) {
        case .room: break
        case .inPlaceOf(let other, let reason): close(other, reason)
        case .full(let reason): return metrics.connections.noteRefused(reason, of: client)
        }
        if !DescriptorLimit.areSomeLeft(descriptor.raw, for: .client) {
            guard let idlest = connections.idlest else { return metrics.connections.noteRefused(.descriptors, of: client) }
            close(idlest, .descriptors)
        }
        let now = monotonicNow()
        let connection = Connection(descriptor, listener: listener, client: client, now: now)
        connection.token = try register(descriptor, .connection(connection))
        connections.add(connection, now: now)
        metrics.connections.noteOpened()
        if !looksAtConnections {
            looksAtConnections = true
            timers.add(.connections, due: now + ConnectionTable.step)
        }
        // Its first query is often here by now. Answered at once it cannot be the victim of those who come next.
        receive(on: connection)
        answerQueries(of: connection)
    }

    // MARK: Events

    func connectionIsReady(_ connection: Connection, _ ready: Poller.Interest) {
        if ready.contains(.failed) { return close(connection, .error) }
        if ready.contains(.readable) { receive(on: connection) }
        answerQueries(of: connection)
    }

    private func receive(on connection: Connection) {
        guard let descriptor = connection.descriptor, !connection.peerHasEnded else { return }
        do throws(SystemError) {
            switch try Socket.receive(&inbox, from: descriptor) {
            case .nothingYet: return
            case .end: connection.peerHasEnded = true
            case .count(let count):
                if connection.unfinishedSince == nil { connection.unfinishedSince = monotonicNow() }
                connection.received += inbox[..<count]
            }
        } catch {
            close(connection, .error)
        }
    }

    /// Sends what waits to be sent and answers the whole queries that are there, as far as the connection may have answers outstanding.
    private func answerQueries(of connection: Connection) {
        // An answer that is known at once comes back here; the loop below goes on by itself.
        if connection.isAnswering { return }
        connection.isAnswering = true
        var start = 0
        send(on: connection)
        while !isCrowded(connection), let packet = connection.nextQuery(at: &start) {
            answer(packet, on: connection)
            // Answers leave together where they fit.
            if isCrowded(connection) { send(on: connection) }
        }
        send(on: connection)
        connection.isAnswering = false
        if connection.descriptor != nil, start > 0 { connection.forget(upTo: start, monotonicNow()) }
        settle(connection)
    }

    private func isCrowded(_ connection: Connection) -> Bool {
        connection.unsent.count >= Self.mostUnsent || connection.waiting >= Self.mostWaitingOnConnection
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
            close(connection, .malformed)
        case .waiting:
            connection.waiting += 1
            startWaiting(.stream(connection))
        }
        if !runner.bench.begun.isEmpty { startRefreshes() }
    }

    /// Takes the answer that stands in `spare` behind its two length octets, to be sent.
    func answerOnStream(_ connection: Connection, count: Int, wasWaiting: Bool) {
        if wasWaiting { connection.waiting -= 1 }
        guard connection.descriptor != nil else { return }
        // Safe: `spare` begins with the two octets kept for this.
        unsafe spare.buffer.storeBytes(of: UInt16(count).bigEndian, as: UInt16.self)
        connection.queue(spare.bytes(count + 2)[...], monotonicNow())
        if wasWaiting { answerQueries(of: connection) }
    }

    private func send(on connection: Connection) {
        guard let descriptor = connection.descriptor, !connection.unsent.isEmpty else { return }
        do throws(SystemError) {
            let sent = try Socket.send(connection.unsent.span, on: descriptor)
            connection.sent(sent, monotonicNow())
        } catch {
            metrics.losses.lostStreams.add()
            close(connection, .error)
        }
    }

    /// Closes a connection that is through, else watches it for what it can do next.
    func settle(_ connection: Connection) {
        guard let descriptor = connection.descriptor else { return }
        // No whole query is left in `received`: `answerQueries` stops before only where something is outstanding.
        if connection.unsent.isEmpty, connection.waiting == 0, connection.peerHasEnded || isDraining {
            return close(connection, connection.peerHasEnded ? .client : .drain)
        }
        let (standing, due) = standing(of: connection)
        guard connections.update(connection, standing, due: due) else { return close(connection, .memory) }
        var interest: Poller.Interest = []
        if !connection.peerHasEnded, !isCrowded(connection) { interest.insert(.readable) }
        if !connection.unsent.isEmpty { interest.insert(.writable) }
        guard interest != connection.interest else { return }
        connection.interest = interest
        do throws(SystemError) {
            try poller.change(descriptor, interest, token: connection.token)
        } catch {
            // Nothing would ever be read or sent here again.
            metrics.losses.lostStreams.add()
            close(connection, .error)
        }
    }

    private func standing(of connection: Connection) -> (ConnectionTable.Standing, due: Instant) {
        let timeouts = connection.listener.server.timeouts
        if !connection.unsent.isEmpty { return (.unread, connection.unreadSince + timeouts.write.span) }
        // Upstreams have time limits of their own. It is only looked at again.
        if connection.waiting > 0 { return (.busy, monotonicNow() + timeouts.idle.span) }
        if let since = connection.unfinishedSince { return (.idle, since + timeouts.read.span) }
        return (.idle, connection.lastUse + timeouts.idle.span)
    }

    // MARK: Going

    func closeExpiredConnections(_ now: Instant) {
        while let connection = connections.expired(at: now) {
            switch standing(of: connection) {
            case (.unread, let due) where due <= now: close(connection, .unread)
            case (.idle, let due) where due <= now: close(connection, connection.received.isEmpty ? .idle : .unfinished)
            // A reload has given it more time, or an upstream has.
            case (let standing, let due): if !connections.update(connection, standing, due: due) { close(connection, .memory) }
            }
        }
        looksAtConnections = connections.count > 0
        if looksAtConnections { timers.add(.connections, due: now + ConnectionTable.step) }
    }

    private func close(_ connection: Connection, _ reason: CloseReason) {
        guard connection.descriptor != nil else { return }
        unregister(connection.token)
        connection.close()
        connections.remove(connection)
        metrics.connections.noteClosed(reason, of: connection.client)
    }

    /// Closes what is idle; the others close with their last answer.
    func drainConnections() {
        for connection in connections.open { settle(connection) }
    }
}
