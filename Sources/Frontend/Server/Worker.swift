import MizzenSystem
import Glibc
import Logging
import ProcessRuntime
import RecordTable
import Synchronization

/// What the control side tells a worker.
enum WorkerCommand: Sendable {
    /// Serve this plan on these sockets from now on; sockets that are not among them are closed.
    case install(ServingPlan, [OpenListener])
    /// Take nothing new, finish what is under way, end.
    case drain
}

/// Sockets of one listening address that belong to one worker.
struct OpenListener: Sendable {
    var address: SocketAddress
    /// An index of the plan's servers.
    var server: Int
    var datagrams: Descriptor
    var streams: Descriptor
}

/// Where commands wait for their worker.
final class WorkerMailbox: Sendable {
    let waker: Waker
    private let commands = Mutex<[WorkerCommand]>([])

    init() throws(SystemError) { waker = try Waker() }

    func post(_ command: WorkerCommand) {
        commands.withLock { $0.append(command) }
        waker.wake()
    }

    func takeAll() -> [WorkerCommand] {
        waker.clear()
        return commands.withLock { commands in
            defer { commands = [] }
            return commands
        }
    }
}

/// One thread that serves: its sockets, its queries, its upstreams. Nothing of it is shared, so nothing of it is
/// locked.
///
/// The common path, a datagram that the table answers, is in Worker+Datagrams.swift: batch in, run, batch out.
final class Worker {
    /// What a descriptor's event means.
    enum Source {
        case free
        case mailbox
        case datagrams(Listener)
        case accepting(Listener)
        case connection(Connection)
        case upstream(UpstreamSocket)
    }

    enum Timer {
        case connections
        case exchange(UpstreamSocket, serial: UInt64)
        case probe(UpstreamGroup, Upstream)
        case everySecond
    }

    /// Queries that ask upstreams on one thread, those that a directive began included; more get SERVFAIL.
    static let mostWaiting = 10_000

    let thread: Int
    let runner: ChainRunner
    let batch: DatagramBatch
    let poller: Poller
    let logger: Logger
    let metrics: FrontendMetrics
    private let pulse: WorkerPulse
    private let families: UsableFamilies?
    private let lastGoodTime: Duration?
    /// As `pulse` was told last.
    private var tableFault: TableError?
    /// What ends this worker, and with it the process.
    private var failure: ProcessError?
    /// Where answers are written that are not part of a batch; two octets in front for a stream's length.
    let spare = ScratchMemory(count: 65_537)
    var timers = TimerQueue<Timer>()
    var listeners: [Listener] = []
    var connections: ConnectionTable
    /// Whether `Timer.connections` is under way.
    var looksAtConnections = false
    /// Clients' queries that are neither answered nor given up.
    var waitingCount = 0
    /// Queries that ask upstreams.
    var upstreamRuns = 0
    /// Octets received from streams and upstreams, before they are looked at.
    var inbox = [UInt8](repeating: 0, count: 65_536)
    private(set) var plan: WorkerPlan?
    var isDraining = false
    private let mailbox: WorkerMailbox
    private var sources: [(generation: UInt32, source: Source)] = []
    private var freeSources: [Int] = []
    private var isRunning = true

    init(
        thread: Int, mailbox: WorkerMailbox, pulse: WorkerPulse, table: TableSlot, metrics: FrontendMetrics,
        limits: ConnectionLimits = .ofProcess(threads: 1), clients: ClientLimits? = nil, tops: TopTracker? = nil,
        families: UsableFamilies? = nil, lastGoodTime: Duration? = nil, logger: Logger
    ) throws(SystemError) {
        self.lastGoodTime = lastGoodTime
        self.families = families
        connections = ConnectionTable(limits: limits, now: monotonicNow())
        self.pulse = pulse
        self.thread = thread
        self.mailbox = mailbox
        self.metrics = metrics
        self.logger = logger
        runner = ChainRunner(table: table)
        runner.limits = clients
        runner.tops = tops
        poller = try Poller()
        guard let batch = DatagramBatch() else { throw SystemError(call: "mmap", code: ENOMEM) }
        self.batch = batch
        try register(mailbox.waker.descriptor, .mailbox)
        timers.add(.everySecond, due: monotonicNow() + 1_000_000_000)
        noteTable()
    }

    // MARK: Descriptors

    /// Watches `descriptor` and returns the token of its events.
    @discardableResult
    func register(_ descriptor: Descriptor, _ source: Source, interest: Poller.Interest = .readable) throws(SystemError)
        -> UInt64
    {
        let index = freeSources.popLast() ?? sources.endIndex
        if index == sources.endIndex { sources.append((0, .free)) }
        let token = UInt64(sources[index].generation) << 32 | UInt64(index)
        do {
            try poller.add(descriptor, interest, token: token)
        } catch {
            freeSources.append(index)
            throw error
        }
        sources[index].source = source
        return token
    }

    /// Forgets a token. The descriptor must be closed by its owner; events of it that are already here mean nothing any
    /// more.
    func unregister(_ token: UInt64) {
        let index = Int(token & 0xFFFF_FFFF)
        guard sources[index].generation == UInt32(token >> 32) else { return }
        // May come round: a token is compared with events of the same wait only, in which a place is not used four billion times.
        sources[index] = (sources[index].generation &+ 1, .free)
        freeSources.append(index)
    }

    // MARK: The loop

    /// Serves until drained.
    ///
    /// - Returns: nil then, else what ended it before: a share of the queries would go nowhere without this thread.
    func run() -> ProcessError? {
        defer { closeUpstreams() }
        while isRunning {
            do throws(SystemError) {
                let count = try poller.wait(milliseconds: nextTimeout())
                for index in 0..<count { dispatch(poller.event(index)) }
            } catch {
                return ProcessError(
                    code: ExitStatus.software, message: "a worker thread cannot wait for its sockets", place: "thread \(thread)",
                    cause: "\(error)")
            }
            let now = monotonicNow()
            pulse.beat(now)
            while let timer = timers.next(due: now) { fire(timer, now) }
            if isDraining, waitingCount == 0, connections.count == 0 { isRunning = false }
            if let failure { return failure }
        }
        return nil
    }

    /// What asks for nobody any more (health checks, refreshes) ends with the thread.
    private func closeUpstreams() {
        for case .upstream(let socket) in sources.map(\.source) { close(socket) }
    }

    /// Tells of the table that this thread answers from, which may be another than other threads have.
    private func noteTable() {
        pulse.note(generation: runner.bench.table.reader?.generation ?? 0)
        let fault = runner.bench.table.fault
        guard fault != tableFault else { return }
        tableFault = fault
        pulse.note(fault: fault?.description)
    }

    private func nextTimeout() -> Int32? {
        guard let due = timers.earliest else { return nil }
        let now = monotonicNow()
        // Rounded up: a timer must be due when the wait ends.
        return due <= now ? 0 : Int32(min((due - now + 999_999) / 1_000_000, 60_000))
    }

    private func dispatch(_ event: (token: UInt64, ready: Poller.Interest)) {
        let index = Int(event.token & 0xFFFF_FFFF)
        guard sources[index].generation == UInt32(event.token >> 32) else { return }
        switch sources[index].source {
        case .free: return
        case .mailbox: for command in mailbox.takeAll() { perform(command) }
        case .datagrams(let listener): serveDatagrams(of: listener)
        case .accepting(let listener): acceptConnections(of: listener)
        case .connection(let connection): connectionIsReady(connection, event.ready)
        case .upstream(let socket): upstreamIsReady(socket, event.ready)
        }
    }

    private func fire(_ timer: Timer, _ now: Instant) {
        switch timer {
        case .connections: closeExpiredConnections(now)
        case .exchange(let socket, let serial): exchangeTimedOut(socket, serial)
        case .probe(let group, let upstream): probe(group, upstream)
        case .everySecond:
            timers.add(.everySecond, due: now + 1_000_000_000)
            runner.bench.refreshTable()
            noteTable()
            runner.tops?.everySecond(now)
            resumeAccepting()
            for listener in listeners { countKernelDrops(of: listener) }
            for handler in plan?.handlers ?? [] { handler.everySecond(now, self) }
        }
    }

    private func perform(_ command: WorkerCommand) {
        switch command {
        case .install(let plan, let open): install(plan, open)
        case .drain:
            isDraining = true
            for listener in listeners { retire(listener) }
            listeners = []
            drainConnections()
        }
    }

    private func install(_ plan: ServingPlan, _ open: [OpenListener]) {
        let next = WorkerPlan(
            plan, metrics: metrics, logger: logger, thread: thread, families: families, lastGoodTime: lastGoodTime,
            table: runner.bench.table, earlier: self.plan)
        let servers = next.servers
        let gone = self.plan?.handlers(goneIn: next) ?? []
        self.plan = next
        var kept: [Listener] = []
        for sockets in open {
            if let listener = listeners.first(where: { $0.datagrams === sockets.datagrams }) {
                listener.server = servers[sockets.server]
                kept.append(listener)
            } else if let listener = listen(on: sockets, servers[sockets.server]) {
                kept.append(listener)
            }
        }
        for listener in listeners where !kept.contains(where: { $0 === listener }) { retire(listener) }
        listeners = kept
        for handler in gone { handler.retire(self) }
    }

    /// Nil ends the worker: queries that come to a socket which nobody watches would wait for ever.
    private func listen(on sockets: OpenListener, _ server: WorkerServer) -> Listener? {
        let listener = Listener(
            address: sockets.address, datagrams: sockets.datagrams, streams: sockets.streams, server: server)
        do throws(SystemError) {
            listener.batch = batch
            listener.datagramToken = try register(sockets.datagrams, .datagrams(listener))
            listener.streamToken = try register(sockets.streams, .accepting(listener))
            return listener
        } catch {
            failure = ProcessError(
                code: ExitStatus.software, message: "a worker thread cannot watch a socket", place: "\(sockets.address)",
                cause: "\(error)")
            return nil
        }
    }

    /// Ends a listener. What has arrived goes with its socket, and nobody else on the port could answer it, so it is answered first; what comes
    /// from then on is for others.
    private func retire(_ listener: Listener) {
        Socket.leaveGroup(listener.datagrams, at: listener.address)
        serveAllDatagrams(of: listener)
        countKernelDrops(of: listener)
        unregister(listener.datagramToken)
        unregister(listener.streamToken)
        runner.forgetLast()
    }
}

/// A listening address of one worker. Its descriptors close when the control side lets go of them too.
final class Listener {
    let address: SocketAddress
    let datagrams: Descriptor
    let streams: Descriptor
    var server: WorkerServer
    var datagramToken: UInt64 = 0
    var streamToken: UInt64 = 0
    var acceptsPaused = false
    /// Where its datagrams are received into; nil in tests without sockets.
    weak var batch: DatagramBatch?
    /// What the kernel said last, see `Worker.countKernelDrops`.
    var kernelDrops: UInt32 = 0

    init(address: SocketAddress, datagrams: Descriptor, streams: Descriptor, server: WorkerServer) {
        self.address = address
        self.datagrams = datagrams
        self.streams = streams
        self.server = server
    }
}
