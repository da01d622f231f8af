import MizzenSystem
import ProcessRuntime

/// Asks upstreams, in the order and with the limits that CoreDNS's forward has; the transport is the query's own unless
/// the Corefile says otherwise.
///
/// A run is one query's way through the upstreams of one `forward`. It ends exactly once, in `finish`, and it always ends:
/// - *Once.* Only `finish` sets `isOver`, leaves `max_concurrent`, counts the run out and hands the exchange back, and it does nothing for
///   a run that is over. It closes all sockets of the run first, so no event or timer of them can lead back to the run: a closed socket is
///   unregistered, has no use, and is in no run (`close`).
/// - *Always.* Whenever this file has done its work, a run that is not over has a socket in `asking` or in `late`, and each of those is open
///   and has a timer of its present use (`start` and `exchangeTimedOut` set it; a new use changes `serial`, which is what makes older ones
///   mean nothing). No timer is later than the run's deadline. It holds because a socket leaves a run in three ways only, an answer, a
///   fault or its time, and each of them ends in `attempt`, `ask` or `finish`; `attempt` returns only with somebody asked, with a late
///   one left before the deadline, or finished.
/// - *Soon.* `attempt` asks each upstream at most twice and stops after as many unreadable answers as there are upstreams, so neither
///   refusals nor garbage keep a thread busy; at the deadline, 5 s after it began or earlier where `cancel` says so, the last timer finishes it.
/// - *Sockets.* A socket is in a run, or idle in its `Upstream`, or a probe's with a timer of its own. Idle ones are closed when `expire` is
///   over (looked at once a second), when the other side ends them, or with their group; one that comes back to a group that is out of
///   use is closed at once. What a worker has open when it ends it closes.
/// - *Unpredictable* (RFC 5452 section 9.2). Each question has an id from the system's generator and goes from a port that no question went from
///   before it: a datagram socket, used again so that no question costs a descriptor, is disconnected, emptied and connected anew first, and the
///   kernel draws its port from `net.ipv4.ip_local_port_range`. With the usual 28,232 ports a forger hits id and port once in 1.85 thousand million
///   datagrams (2^30.8); a port that stays for as long as a socket is in use can be found by looking, and leaves the 2^16 of the id. The ports are the
///   kernel's to choose, and not all above 1023, since an operator keeps others from it (`ip_local_reserved_ports`) and another program may want to
///   listen on one. An answer that was under way to the old port belongs to a question that is over. It costs three system calls and no allocation.
extension Worker {
    /// For one exchange.
    private static let exchangeNanoseconds: UInt64 = 2_000_000_000
    /// For all exchanges of one query.
    private static let queryNanoseconds: UInt64 = 5_000_000_000

    /// Starts to ask what the exchange that the runner has set aside waits for.
    func startAsking(_ exchange: Exchange) {
        guard let request = exchange.request else { return resume(exchange, .failed("nothing was asked")) }
        guard upstreamRuns < Self.mostWaiting else { return resume(exchange, .failed("too many queries wait for upstreams")) }
        guard request.group.source.enter() else { return resume(exchange, .limited) }
        upstreamRuns += 1
        let deadline = min(monotonicNow() + Self.queryNanoseconds, exchange.deadline)
        attempt(UpstreamRun(exchange: exchange, request: request, deadline: deadline))
    }

    private func finish(_ run: UpstreamRun, _ reply: Reply) {
        guard !run.isOver else { return }
        run.isOver = true
        if let asking = run.asking { close(asking) }
        for socket in run.late { close(socket) }
        run.group.source.leave()
        upstreamRuns -= 1
        resume(run.exchange, reply)
    }

    // MARK: Attempts

    /// Sees to it that somebody is asked, or gives up.
    private func attempt(_ run: UpstreamRun) {
        while !run.isOver, run.asking == nil {
            let now = monotonicNow()
            guard now < run.deadline, !run.isExhausted, let upstream = choose(run) else {
                // One that was asked before may answer until the deadline.
                if now < run.deadline, !run.late.isEmpty { return }
                return finish(run, .failed(run.lastFailure))
            }
            run.attempts += 1
            ask(run, upstream, now)
        }
    }

    /// The next upstream that is not down; any, when all are.
    private func choose(_ run: UpstreamRun) -> Upstream? {
        let upstreams = run.group.upstreams
        let usable = upstreams.indices.filter { !run.group.source.isLooping($0) }
        guard !usable.isEmpty else {
            run.lastFailure = "every upstream leads back to this server; see 'loop' in the log"
            return nil
        }
        while true {
            if run.position >= run.order.count {
                run.position = 0
                run.skipped = 0
            }
            let index = run.order[run.position]
            let upstream = upstreams[index]
            run.position += 1
            let isUsable = usable.contains(index)
            guard !isUsable || run.group.isDown(upstream) else { return upstream }
            run.skipped += 1
            if run.skipped < upstreams.count { continue }
            run.group.source.metrics.healthChecksBroken.add()
            if run.group.source.settings.failsFastWithoutHealthyUpstream {
                run.lastFailure = "no healthy upstream"
                return nil
            }
            return usable.randomElement().map { upstreams[$0] }
        }
    }

    /// Asks one upstream, over an idle socket if there is one. What fails at once is noted in the run; then nobody is being asked.
    private func ask(_ run: UpstreamRun, _ upstream: Upstream, fresh: Bool = false, _ now: Instant) {
        do throws(SystemError) {
            try send(run, to: upstream, fresh: fresh, now)
        } catch {
            metrics.losses.upstreamSocketFailures.add()
            note("\(error)", of: upstream, run)
        }
    }

    private func note(_ failure: String, of upstream: Upstream, _ run: UpstreamRun) {
        run.lastFailure = "\(upstream.address): \(failure)"
        noteFailure(run.group, upstream)
    }

    private func send(_ run: UpstreamRun, to upstream: Upstream, fresh: Bool, _ now: Instant) throws(SystemError) {
        let transport = run.transport(to: upstream)
        if !fresh, let idle = upstream.takeIdle(transport, now: now, over: { close($0) }) {
            idle.isReused = true
            do throws(SystemError) {
                if transport == .datagram, let descriptor = idle.descriptor { try Socket.renewPort(of: descriptor) }
                return try use(idle, for: run, now)
            } catch {
                // The upstream may just have been tired of waiting: it gets another.
                close(idle)
            }
        }
        try use(try open(transport, upstream, run.group), for: run, now)
    }

    private func use(_ socket: UpstreamSocket, for run: UpstreamRun, _ now: Instant) throws(SystemError) {
        // A new id for every exchange, from the system's generator.
        let id = UInt16.random(in: .min ... .max)
        run.message[0] = UInt8(id >> 8)
        run.message[1] = UInt8(truncatingIfNeeded: id)
        socket.use = .query(run)
        run.asking = socket
        do throws(SystemError) {
            try start(
                socket, message: run.message, timeout: min(Self.exchangeNanoseconds, nanoseconds(from: now, until: run.deadline)), now)
        } catch {
            close(socket)
            throw error
        }
        let message = run.message
        tell(UpstreamHop(.query, socket), message.span, run)
    }

    private func tell(_ hop: UpstreamHop, _ message: Span<UInt8>, _ run: UpstreamRun) {
        for handler in run.exchange.chain?.watchers ?? [] { handler.saw(hop, message, run.exchange) }
    }

    // MARK: What comes of them

    /// The other side has ended the connection, or it broke. If that was an old one the upstream may just have been tired of waiting: it
    /// gets another.
    func ended(_ socket: UpstreamSocket, _ reason: String) {
        var reason = reason
        if let session = socket.session {
            session.connectionEnded()
            if case .failed(let words) = session.state { reason = words }
        }
        guard case .query(let run) = socket.use, run.asking === socket, socket.isReused, socket.received.isEmpty else {
            return failed(socket, reason)
        }
        let upstream = socket.upstream
        close(socket)
        ask(run, upstream, fresh: true, monotonicNow())
        attempt(run)
    }

    func exchangeTimedOut(_ socket: UpstreamSocket, _ serial: UInt64) {
        guard socket.isOpen, socket.serial == serial else { return }
        guard case .query(let run) = socket.use, run.asking === socket, monotonicNow() < run.deadline else {
            return failed(socket, "no answer in time")
        }
        // The upstream may be slow and not dead: its answer is taken for as long as the client waits, whoever is asked meanwhile.
        run.asking = nil
        run.late.append(socket)
        timers.add(.exchange(socket, serial: socket.serial), due: run.deadline)
        note("no answer in time", of: socket.upstream, run)
        attempt(run)
    }

    func failed(_ socket: UpstreamSocket, _ reason: String) {
        let use = socket.use
        close(socket)
        switch use {
        case .idle: return
        case .probe: probeEnded(socket.group, socket.upstream, isGood: false)
        case .query(let run):
            guard !run.isOver else { return }
            note(reason, of: socket.upstream, run)
            attempt(run)
        }
    }

    /// What was asked on this socket is answered; the socket may serve another exchange.
    func answered(_ socket: UpstreamSocket, _ message: [UInt8]) {
        let use = socket.use
        let now = monotonicNow()
        socket.leaveRun()
        socket.serial += 1
        if socket.isReusable {
            socket.idleUntil = now + socket.group.source.settings.expire.span
            socket.upstream.keep(socket)
        } else {
            close(socket)
        }
        if socket.session != nil { _ = socket.upstream.health.note(fault: nil) }
        switch use {
        case .idle: return
        case .probe: probeEnded(socket.group, socket.upstream, isGood: true)
        case .query(let run):
            socket.upstream.count(code: UInt16(message[3] & 0xf), nanoseconds: now - socket.sentAt)
            tell(UpstreamHop(.response, socket), message.span, run)
            judge(run, message, socket)
        }
    }

    /// Takes the answer, or asks again where the Corefile says so.
    private func judge(_ run: UpstreamRun, _ message: [UInt8], _ socket: UpstreamSocket) {
        let settings = run.group.source.settings
        guard Workbench.isReadable(message.span) else {
            run.unreadable += 1
            note("its answer cannot be read", of: socket.upstream, run)
            return attempt(run)
        }
        if message[2] & 0x02 != 0, socket.transport == .datagram, settings.preferUDP {
            run.insistsOnStream = true
            // Whoever was asked in the place of this one has its time still.
            if let other = run.asking {
                run.asking = nil
                run.late.append(other)
            }
            ask(run, socket.upstream, monotonicNow())
            return attempt(run)
        }
        if !settings.failover.isEmpty {
            let code = PacketReader.responseCode(of: message.span)
            if settings.failover.contains(code) {
                let name = Mnemonics.responseCode(code) ?? "\(code)"
                run.lastFailure = "\(socket.upstream.address): answered \(name), which 'failover' does not take"
                return attempt(run)
            }
        }
        run.exchange.upstream = socket.upstream.address
        finish(run, .message(message))
    }

    /// Closes sockets whose idle time is over, or all of a handler that is not used any more.
    func closeIdle(_ group: UpstreamGroup, _ now: Instant?) {
        for upstream in group.upstreams {
            for socket in upstream.expireIdle(now: now) { close(socket) }
        }
    }
}
