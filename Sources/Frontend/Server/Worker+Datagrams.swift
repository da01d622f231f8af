import MizzenSystem
import ProcessRuntime

extension Worker {
    /// Rounds of one socket before the others get their turn.
    private static let rounds = 4

    /// Answers what has arrived on a datagram socket. The common path: no allocation, no lock, two system calls for up
    /// to 64 queries.
    func serveDatagrams(of listener: Listener) {
        var answered = 0
        serveDatagrams(of: listener, &answered)
    }

    @inline(__always)
    private func serveDatagrams(of listener: Listener, _ answered: inout Int) {
        for _ in 0..<Self.rounds {
            guard let count = receive(from: listener), count > 0 else { return }
            answered += count
            let server = listener.server
            var began = monotonicNow()
            for slot in 0..<count { answerDatagram(slot, listener, server, &began) }
            let lost = batch.send(on: listener.datagrams)
            if lost > 0 { metrics.losses.lostDatagrams.add(UInt64(lost)) }
            if count < DatagramBatch.slots { return }
        }
    }

    /// Answers all that has arrived on a socket to which nothing more comes.
    func serveAllDatagrams(of listener: Listener) {
        var answered = 0
        // As many as its buffer may hold of the smallest; a kernel that goes on giving cannot hold up the end.
        for _ in 0..<1024 {
            let before = answered
            serveDatagrams(of: listener, &answered)
            if answered == before { return }
        }
    }

    @inline(__always)
    private func receive(from listener: Listener) -> Int? {
        do throws(SystemError) {
            return try batch.receive(from: listener.datagrams)
        } catch {
            metrics.losses.receiveErrors.add()
            return nil
        }
    }

    /// Adds what the kernel has dropped since the last look, because this thread did not take it fast enough.
    func countKernelDrops(of listener: Listener) {
        guard let drops = Socket.drops(of: listener.datagrams), drops != listener.kernelDrops else { return }
        metrics.losses.kernelDrops.add(UInt64(drops &- listener.kernelDrops))
        listener.kernelDrops = drops
    }

    @inline(__always)
    private func answerDatagram(_ slot: Int, _ listener: Listener, _ server: WorkerServer, _ began: inout Instant) {
        // Safe: the slot's own memory, valid until the next receive.
        let memory = unsafe batch.answerMemory(slot)
        let resolution = batch.withPacket(slot) { packet in
            // Safe: as above.
            unsafe runner.run(packet, transport: .udp, .slot(slot, listener), on: server, began: began, into: memory)
        }
        switch resolution {
        case .answer(let count):
            batch.setAnswer(slot, length: count)
            if let exchange = runner.current { began = conclude(exchange) }
        case .silence:
            if batch.isOversized(slot) {
                metrics.losses.oversizedQueries.add()
            } else if let exchange = runner.current {
                _ = conclude(exchange)
            }
        case .waiting: startWaiting(.datagram(batch.peer(slot), listener))
        }
        if !runner.bench.begun.isEmpty { startRefreshes() }
    }

    /// The query that ran last waits for an upstream; its answer will take this way.
    func startWaiting(_ path: ReplyPath) {
        guard let exchange = runner.pending else { return }
        exchange.root.path = path
        waitingCount += 1
        startAsking(exchange)
    }

    /// Drives what handlers have begun by themselves, so far as that goes without upstreams, and asks those.
    @inline(never)
    func startRefreshes() {
        while let resolution = runner.runBegun() {
            if case .waiting = resolution, let exchange = runner.pending { startAsking(exchange) }
        }
    }

    /// Shows an exchange that has ended to whoever keeps books. Returns the time that it ended, or when it began if nobody asked.
    @inline(__always)
    func conclude(_ exchange: Exchange) -> Instant {
        if exchange.isMistake { metrics.mistakes.add() }
        guard let chain = exchange.chain else {
            // Silence is no answer to be counted: it was no query.
            guard exchange.responseSize > 0 else { return exchange.began }
            exchange.ended = monotonicNow()
            exchange.server.dropped.count(exchange)
            return exchange.ended
        }
        guard !chain.concluders.isEmpty else { return exchange.began }
        exchange.ended = monotonicNow()
        runner.conclude(exchange)
        return exchange.ended
    }

    /// Goes on with an exchange that waited for an upstream, and sends what comes of it.
    func resume(_ exchange: Exchange, _ reply: Reply) {
        // A stream's answer has its length in front.
        // Safe: `spare` has two octets more than the largest answer.
        let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: spare.buffer[2...])
        let root = exchange.root
        // Safe: as above.
        switch unsafe runner.resume(exchange, reply, into: memory) {
        case .answer(let size):
            _ = conclude(root)
            waitingCount -= 1
            send(size, to: root)
            runner.finish(root)
        case .silence:
            if case .handler = root.path { break }
            _ = conclude(root)
            waitingCount -= 1
            if case .stream(let connection) = root.path {
                connection.waiting -= 1
                settle(connection)
            }
            runner.finish(root)
        case .waiting:
            if let exchange = runner.pending { startAsking(exchange) }
        }
        if !runner.bench.begun.isEmpty { startRefreshes() }
    }

    /// Sends the answer that stands in `spare` behind two octets.
    private func send(_ size: Int, to exchange: Exchange) {
        switch exchange.path {
        case .datagram(let peer, let listener):
            let answer = Array(spare.bytes(2 + size)[2...])
            if !peer.send(answer.span, on: listener.datagrams) { metrics.losses.lostDatagrams.add() }
        case .stream(let connection): answerOnStream(connection, count: size, wasWaiting: true)
        case .slot, .exchange, .handler, .paper, .nobody: break
        }
    }
}

extension Span<UInt8> {
    /// A copy.
    var bytes: [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in indices { copy.append(self[index]) }
        return copy
    }
}
