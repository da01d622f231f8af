import MizzenSystem
import ProcessRuntime

/// A query that waits for an upstream.
final class WaitingQuery {
    enum ReplyPath {
        case datagram(DatagramPeer, Listener)
        case stream(Connection)
    }

    let packet: [UInt8]
    let path: ReplyPath
    let server: WorkerServer
    let isV6: Bool
    let began: Instant
    var known: [UpstreamAnswer] = []

    init(packet: [UInt8], path: ReplyPath, server: WorkerServer, isV6: Bool, began: Instant) {
        self.packet = packet
        self.path = path
        self.server = server
        self.isV6 = isV6
        self.began = began
    }

    var transport: QueryTransport {
        switch path {
        case .datagram: .udp
        case .stream: .tcp
        }
    }
}

extension Worker {
    /// Rounds of one socket before the others get their turn.
    private static let rounds = 4

    /// Answers what has arrived on a datagram socket. The common path: no allocation, no lock, two system calls for up
    /// to 64 queries.
    func serveDatagrams(of listener: Listener) {
        for _ in 0..<Self.rounds {
            guard let count = receive(from: listener), count > 0 else { return }
            let server = listener.server
            var began = monotonicNow()
            for slot in 0..<count { answerDatagram(slot, listener, server, &began) }
            let lost = batch.send(on: listener.datagrams)
            if lost > 0 { metrics.losses.lostDatagrams.add(UInt64(lost)) }
            if count < DatagramBatch.slots { return }
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
        let (resolution, size) = batch.withPacket(slot) { packet in
            // Safe: as above.
            (unsafe resolver.run(packet, transport: .udp, on: server, into: memory), packet.count)
        }
        switch resolution {
        case .answer(let count):
            batch.setAnswer(slot, length: count)
            // Safe: the resolver wrote at least a header.
            let code = unsafe UInt16(memory[3] & 0xf)
            began = self.count(
                server, requestSize: size, responseSize: count, code: code, isV6: listener.address.isV6, began: began)
        case .silence:
            if batch.isOversized(slot) { metrics.losses.oversizedQueries.add() }
        case .forward(let depth, let handler):
            let packet = batch.withPacket(slot) { $0.bytes }
            let waiting = WaitingQuery(
                packet: packet, path: .datagram(batch.peer(slot), listener), server: server,
                isV6: listener.address.isV6, began: began)
            forward(waiting, depth: depth, handler: handler)
        }
    }

    /// Counts the exchange that the resolver ran last, where anybody wants it counted. Returns the time that it ended.
    @inline(__always)
    func count(
        _ server: WorkerServer, requestSize: Int, responseSize: Int, code: UInt16, isV6: Bool, began: Instant
    ) -> Instant {
        if resolver.failure != nil { reportFailure(server) }
        let counters: ServerCounters
        if let zone = resolver.zone {
            guard let found = server.zones[zone].counters else { return began }
            counters = found
        } else {
            counters = server.dropped
        }
        let now = monotonicNow()
        let writer = resolver.writer
        let code = resolver.extendedCode ?? code
        resolver.withQuery { query in
            counters.count(
                .init(
                    isTCP: query.transport == .tcp, isV6: isV6, type: query.type.rawValue, code: code, writer: writer,
                    requestSize: requestSize, responseSize: responseSize, nanoseconds: now &- began,
                    wantsDNSSEC: query.wantsDNSSEC))
        }
        return now
    }

    @inline(never)
    private func reportFailure(_ server: WorkerServer) {
        if resolver.isMistake { metrics.mistakes.add() }
        guard let zone = resolver.zone, let log = server.zones[zone].block.errors, let reason = resolver.failure else {
            return
        }
        let question = resolver.withQuery { "\($0.original) \($0.type)" }
        log.report(question: question, reason: reason)
    }

    /// Runs a query again that got an upstream's answer, and sends what comes of it.
    func resume(_ waiting: WaitingQuery) {
        resolver.known = waiting.known
        defer { resolver.known = [] }
        // A stream's answer has its length in front.
        // Safe: `spare` has two octets more than the largest answer.
        let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: spare.buffer[2...])
        let packet = waiting.packet
        // Safe: as above.
        switch unsafe resolver.run(packet.span, transport: waiting.transport, on: waiting.server, into: memory) {
        case .answer(let size):
            // Safe: the resolver wrote at least a header.
            let code = unsafe UInt16(memory[3] & 0xf)
            _ = count(
                waiting.server, requestSize: waiting.packet.count, responseSize: size, code: code, isV6: waiting.isV6,
                began: waiting.began)
            waitingCount -= 1
            switch waiting.path {
            case .datagram(let peer, let listener):
                let answer = Array(spare.bytes(2 + size)[2...])
                if !peer.send(answer.span, on: listener.datagrams) { metrics.losses.lostDatagrams.add() }
            case .stream(let connection): answerOnStream(connection, count: size, wasWaiting: true)
            }
        case .silence:
            waitingCount -= 1
            if case .stream(let connection) = waiting.path { connection.waiting -= 1 }
        case .forward(let depth, let handler):
            startForward(waiting, depth: depth, handler: handler)
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
