import MizzenSystem
import ProcessRuntime

/// Asks upstreams, in the order and with the limits that CoreDNS's forward has; the transport is the query's own unless
/// the Corefile says otherwise.
extension Worker {
    /// For one exchange.
    private static let exchangeNanoseconds: UInt64 = 2_000_000_000
    /// For all exchanges of one query.
    private static let queryNanoseconds: UInt64 = 5_000_000_000
    private static let probeNanoseconds: UInt64 = 1_000_000_000

    /// Starts to ask what the exchange that the runner has set aside waits for.
    func startAsking(_ exchange: Exchange) {
        guard let request = exchange.request else { return resume(exchange, .failed("nothing was asked")) }
        let patience = exchange.patience > 0 ? min(exchange.patience, Self.queryNanoseconds) : Self.queryNanoseconds
        let run = UpstreamRun(exchange: exchange, request: request, deadline: monotonicNow() + patience)
        guard waitingCount <= Self.mostWaiting else {
            return resume(exchange, .failed("too many queries wait for upstreams"))
        }
        guard run.group.source.enter() else { return resume(exchange, .limited) }
        attempt(run)
    }

    private func finish(_ run: UpstreamRun, _ reply: Reply) {
        run.isOver = true
        let late = run.late
        run.late = []
        for socket in late { close(socket) }
        run.group.source.leave()
        resume(run.exchange, reply)
    }

    // MARK: Attempts

    /// Sends the query to the next upstream, or gives up.
    private func attempt(_ run: UpstreamRun) {
        while !run.isOver {
            let now = monotonicNow()
            // CoreDNS tries until its deadline; a limit besides keeps refused connections from turning into a busy
            // loop.
            guard now < run.deadline, run.attempts < 2 * run.order.count, let upstream = choose(run) else {
                // One that was asked before may answer until the deadline.
                if now < run.deadline, !run.late.isEmpty { return }
                return finish(run, .failed(run.lastFailure))
            }
            run.attempts += 1
            do throws(SystemError) {
                try send(run, to: upstream, fresh: false, now)
                return
            } catch {
                metrics.losses.upstreamSocketFailures.add()
                run.lastFailure = "\(upstream.address): \(error)"
                noteFailure(run.group, upstream)
            }
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

    private func send(_ run: UpstreamRun, to upstream: Upstream, fresh: Bool, _ now: Instant) throws(SystemError) {
        let kind = run.kind
        let socket: UpstreamSocket
        if !fresh, let idle = upstream.takeIdle(kind, now: now) {
            socket = idle
            socket.isReused = true
        } else {
            socket = try open(kind, upstream, run.group)
        }
        // A new id for every exchange, from the system's generator.
        let id = UInt16.random(in: .min ... .max)
        run.message[0] = UInt8(id >> 8)
        run.message[1] = UInt8(truncatingIfNeeded: id)
        socket.use = .query(run)
        run.isAsking = true
        do throws(SystemError) {
            try start(
                socket, message: run.message, timeout: min(Self.exchangeNanoseconds, nanoseconds(from: now, until: run.deadline)), now)
        } catch {
            close(socket)
            run.isAsking = false
            throw error
        }
    }

    private func open(_ kind: Socket.Kind, _ upstream: Upstream, _ group: UpstreamGroup) throws(SystemError)
        -> UpstreamSocket
    {
        let socket = UpstreamSocket(
            try Socket.connecting(kind, to: upstream.address), kind: kind, upstream: upstream, group: group)
        guard let descriptor = socket.descriptor else { return socket }
        // A stream tells by being writable that it is connected.
        socket.token = try register(
            descriptor, .upstream(socket), interest: kind == .stream ? [.readable, .writable] : .readable)
        return socket
    }

    private func start(_ socket: UpstreamSocket, message: [UInt8], timeout: UInt64, _ now: Instant) throws(SystemError) {
        socket.serial += 1
        socket.sent = message
        socket.sentAt = now
        socket.received = []
        timers.add(.exchange(socket, serial: socket.serial), due: now + timeout)
        guard let descriptor = socket.descriptor else { return }
        switch socket.kind {
        case .datagram: _ = try Socket.send(message.span, on: descriptor)
        case .stream:
            socket.unsent = [UInt8(message.count >> 8), UInt8(truncatingIfNeeded: message.count)] + message
            if socket.isReused { try flush(socket, descriptor) }
        }
    }

    private func flush(_ socket: UpstreamSocket, _ descriptor: Descriptor) throws(SystemError) {
        let unsent = socket.unsent
        let sent = try Socket.send(unsent.span, on: descriptor)
        socket.unsent.removeFirst(sent)
        try poller.change(descriptor, socket.unsent.isEmpty ? .readable : [.readable, .writable], token: socket.token)
    }

    private func close(_ socket: UpstreamSocket) {
        guard socket.isOpen else { return }
        unregister(socket.token)
        socket.use = .idle
        socket.close()
    }

    // MARK: Events

    func upstreamIsReady(_ socket: UpstreamSocket, _ ready: Poller.Interest) {
        guard let descriptor = socket.descriptor else { return }
        do throws(SystemError) {
            if ready.contains(.writable), !socket.unsent.isEmpty { try flush(socket, descriptor) }
            guard ready.contains(.readable) || ready.contains(.failed) else { return }
            while socket.isOpen {
                switch try Socket.receive(&inbox, from: descriptor) {
                case .nothingYet: return
                case .end: return ended(socket)
                case .count(let count): take(count, from: socket)
                }
            }
        } catch {
            metrics.losses.upstreamSocketFailures.add()
            failed(socket, "\(error)")
        }
    }

    private func take(_ count: Int, from socket: UpstreamSocket) {
        if case .idle = socket.use {
            // A late datagram is nobody's; a stream that speaks unasked is not to be trusted.
            if socket.kind == .stream { close(socket) }
            return
        }
        switch socket.kind {
        case .datagram:
            let message = Array(inbox[..<count])
            if socket.isAnswered(by: message.span) { answered(socket, message) }
        case .stream:
            socket.received += inbox[..<count]
            guard socket.received.count >= 2 else { return }
            let size = Int(socket.received[0]) << 8 | Int(socket.received[1])
            guard socket.received.count >= 2 + size else { return }
            let message = Array(socket.received[2..<(2 + size)])
            socket.received.removeFirst(2 + size)
            guard socket.isAnswered(by: message.span) else {
                return failed(socket, "an answer to another question came")
            }
            answered(socket, message)
        }
    }

    /// The upstream closed the stream. If that was an old one it may just have been tired of waiting: the same upstream
    /// gets another.
    private func ended(_ socket: UpstreamSocket) {
        guard case .query(let run) = socket.use, socket.isReused else {
            return failed(socket, "the connection was closed")
        }
        let upstream = socket.upstream
        close(socket)
        do throws(SystemError) {
            try send(run, to: upstream, fresh: true, monotonicNow())
        } catch {
            metrics.losses.upstreamSocketFailures.add()
            run.lastFailure = "\(upstream.address): \(error)"
            noteFailure(run.group, upstream)
            attempt(run)
        }
    }

    func exchangeTimedOut(_ socket: UpstreamSocket, _ serial: UInt64) {
        guard socket.isOpen, socket.serial == serial else { return }
        guard case .query(let run) = socket.use, !run.isOver else { return failed(socket, "no answer in time") }
        let now = monotonicNow()
        run.late.removeAll { $0 === socket }
        guard now < run.deadline else { return failed(socket, "no answer in time") }
        // The upstream may be slow and not dead: its answer is taken for as long as the client waits, whoever is asked meanwhile.
        run.late.append(socket)
        timers.add(.exchange(socket, serial: socket.serial), due: run.deadline)
        run.isAsking = false
        run.lastFailure = "\(socket.upstream.address): no answer in time"
        noteFailure(run.group, socket.upstream)
        attempt(run)
    }

    private func failed(_ socket: UpstreamSocket, _ reason: String) {
        let use = socket.use
        close(socket)
        switch use {
        case .idle: return
        case .probe: probeEnded(socket.group, socket.upstream, isGood: false)
        case .query(let run):
            let wasLate = run.late.contains { $0 === socket }
            run.late.removeAll { $0 === socket }
            guard !run.isOver else { return }
            run.lastFailure = "\(socket.upstream.address): \(reason)"
            noteFailure(run.group, socket.upstream)
            // Somebody else is being asked in the place of a late one, unless that was the last hope.
            if !wasLate { run.isAsking = false }
            if !run.isAsking { attempt(run) }
        }
    }

    private func answered(_ socket: UpstreamSocket, _ message: [UInt8]) {
        let use = socket.use
        let now = monotonicNow()
        socket.use = .idle
        socket.serial += 1
        socket.idleUntil = now + socket.group.source.settings.expire.span
        socket.upstream.keep(socket)
        switch use {
        case .idle: return
        case .probe: probeEnded(socket.group, socket.upstream, isGood: true)
        case .query(let run):
            socket.upstream.count(code: UInt16(message[3] & 0xf), nanoseconds: now - socket.sentAt)
            run.late.removeAll { $0 === socket }
            if run.isOver { return }
            run.isAsking = false
            judge(run, message, socket)
        }
    }

    /// Takes the answer, or asks again where the Corefile says so.
    private func judge(_ run: UpstreamRun, _ message: [UInt8], _ socket: UpstreamSocket) {
        let settings = run.group.source.settings
        guard Workbench.isReadable(message.span) else {
            run.lastFailure = "\(socket.upstream.address): its answer cannot be read"
            run.unreadable += 1
            return run.unreadable < run.order.count ? attempt(run) : finish(run, .failed(run.lastFailure))
        }
        let isCut = message[2] & 0x02 != 0
        if isCut, socket.kind == .datagram, settings.preferUDP {
            run.insistsOnStream = true
            do throws(SystemError) {
                try send(run, to: socket.upstream, fresh: false, monotonicNow())
                return
            } catch {
                metrics.losses.upstreamSocketFailures.add()
                run.lastFailure = "\(socket.upstream.address): \(error)"
                return attempt(run)
            }
        }
        if settings.failover.contains(UInt16(message[3] & 0xf)) {
            run.failovers += 1
            if run.failovers < run.group.upstreams.count { return attempt(run) }
        }
        run.exchange.upstream = socket.upstream.address
        finish(run, .message(message))
    }

    // MARK: Health

    private func noteFailure(_ group: UpstreamGroup, _ upstream: Upstream) {
        guard group.source.settings.maximumFailures > 0, !upstream.isProbing else { return }
        upstream.isProbing = true
        probe(group, upstream)
    }

    /// Asks an upstream anything, to see whether it lives.
    func probe(_ group: UpstreamGroup, _ upstream: Upstream) {
        guard !isDraining, !group.isRetired else { return }
        let settings = group.source.settings
        let now = monotonicNow()
        do throws(SystemError) {
            let socket = try open(settings.forceTCP ? .stream : .datagram, upstream, group)
            socket.use = .probe
            do throws(SystemError) {
                try start(socket, message: probeMessage(settings.healthCheck), timeout: Self.probeNanoseconds, now)
            } catch {
                close(socket)
                throw error
            }
        } catch {
            metrics.losses.upstreamSocketFailures.add()
            probeEnded(group, upstream, isGood: false)
        }
    }

    private func probeEnded(_ group: UpstreamGroup, _ upstream: Upstream, isGood: Bool) {
        if isGood {
            upstream.failures = 0
            upstream.isProbing = false
        } else {
            upstream.countFailedCheck()
            timers.add(
                .probe(group, upstream),
                due: monotonicNow() + group.source.settings.healthCheck.interval.span)
        }
    }

    /// `NS` of the domain to ask for, usually the root.
    private func probeMessage(_ check: ForwardSettings.HealthCheck) -> [UInt8] {
        let id = UInt16.random(in: .min ... .max)
        var message: [UInt8] = [
            UInt8(id >> 8), UInt8(truncatingIfNeeded: id), check.recursionDesired ? 1 : 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
        ]
        let name = (try? DNSName(check.domain.text)) ?? DNSName()
        for index in 0..<name.length { message.append(name.storage[index]) }
        return message + [0, 2, 0, 1]
    }

    /// Closes sockets whose idle time is over, or all of a handler that is not used any more.
    func closeIdle(_ group: UpstreamGroup, _ now: Instant?) {
        for upstream in group.upstreams {
            for socket in upstream.expireIdle(now: now) { close(socket) }
        }
    }
}
