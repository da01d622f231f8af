import MizzenSystem
import Glibc
import Logging
import ProcessRuntime
import Synchronization

/// The threads that serve: starts them, gives them their commands, knows whether they live.
final class WorkerGroup: Sendable {
    /// A worker stamps its pulse at least once a second; one that is silent for longer than this is stuck.
    static let silenceLimit: UInt64 = 5_000_000_000

    let mailboxes: [WorkerMailbox]
    let pulses: [WorkerPulse]
    private let alive: Atomic<Int>

    /// - Throws: `ProcessError` 70 when the system gives no descriptors for it.
    init(threads: Int, registry: MetricsRegistry) throws(ProcessError) {
        do throws(SystemError) {
            var mailboxes: [WorkerMailbox] = []
            for _ in 0..<threads { mailboxes.append(try WorkerMailbox()) }
            self.mailboxes = mailboxes
        } catch {
            throw Self.cannotStart(error)
        }
        pulses = (0..<threads).map { _ in WorkerPulse() }
        alive = Atomic(0)
        for (thread, pulse) in pulses.enumerated() { Self.register(pulse, [("worker", "\(thread)")], in: registry) }
    }

    private static func register(_ pulse: WorkerPulse, _ labels: MetricsRegistry.Labels, in registry: MetricsRegistry) {
        registry.gauge(
            "mizzen_worker_silence_seconds", help: "Time since a worker thread's last sign of life; more than 5 fails /health.",
            labels: labels, joining: .largest
        ) { Double(pulse.silence(at: monotonicNow())) / 1e9 }
        registry.gauge(
            "mizzen_worker_table_generation", help: "Which file of the record table a worker thread answers from; 0 for none.",
            labels: labels, joining: .smallest
        ) { Double(pulse.tableGeneration) }
        registry.gauge(
            "mizzen_worker_table_behind",
            help: "1 if a worker thread cannot open the current record table; it answers from the one before, if it has one.",
            labels: labels, joining: .largest
        ) { pulse.tableFault == nil ? 0 : 1 }
    }

    static func cannotStart(_ error: SystemError) -> ProcessError {
        ProcessError(
            code: ExitStatus.software,
            message:
                "cannot start a worker thread; allow this process more descriptors, threads or memory, or start it with fewer --threads",
            cause: "\(error)")
    }

    /// Starts every thread.
    ///
    /// - Parameters:
    ///   - make: makes a worker; called on the worker's own thread.
    ///   - ended: called once for each thread, when it ends: with what ended it, or nil after a drain.
    /// - Throws: `ProcessError` 70; the threads that run by then have to be drained.
    func start(
        make: @escaping @Sendable (Int, WorkerMailbox, WorkerPulse) throws(SystemError) -> Worker,
        ended: @escaping @Sendable (ProcessError?) -> Void
    ) throws(ProcessError) {
        for (thread, mailbox) in mailboxes.enumerated() {
            let pulse = pulses[thread]
            pulse.beat(monotonicNow())
            alive.wrappingAdd(1, ordering: .relaxed)
            do throws(SystemError) {
                try SystemThread.start(name: "mizzen-dns-\(thread)") { [self] in
                    let fault = Self.serve { () throws(SystemError) in try make(thread, mailbox, pulse) }
                    if fault == nil { pulse.end() }
                    alive.wrappingSubtract(1, ordering: .relaxed)
                    ended(fault)
                }
            } catch {
                alive.wrappingSubtract(1, ordering: .relaxed)
                throw Self.cannotStart(error)
            }
        }
    }

    private static func serve(_ make: () throws(SystemError) -> Worker) -> ProcessError? {
        do throws(SystemError) {
            return try make().run()
        } catch {
            return cannotStart(error)
        }
    }

    var hasEnded: Bool { alive.load(ordering: .relaxed) == 0 }

    func install(_ plan: ServingPlan, _ listeners: ListenerSet) {
        for (thread, mailbox) in mailboxes.enumerated() {
            mailbox.post(.install(plan, listeners.listeners(ofThread: thread)))
        }
    }

    func drain() {
        for mailbox in mailboxes { mailbox.post(.drain) }
    }

    /// Waits until every thread has ended, at most for `limit`. A cancellation does not cut it short.
    ///
    /// - Returns: whether they have.
    func ended(within limit: Duration) async -> Bool {
        await Task.detached { [self] in
            let end = ContinuousClock.now + limit
            while !hasEnded, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(5)) }
            return hasEnded
        }.value
    }

    /// The threads that have given no sign of life for longer than `silenceLimit`.
    func stuck(at now: Instant = monotonicNow()) -> [Int] {
        pulses.indices.filter { pulses[$0].silence(at: now) > Self.silenceLimit }
    }

    /// Why threads do not answer from the current record table.
    var tableFaults: [(thread: Int, reason: String)] {
        pulses.enumerated().compactMap { thread, pulse in pulse.tableFault.map { (thread, $0) } }
    }
}

/// What was last said of the workers, so that each change is logged once.
struct WorkerReport {
    private var stuck: [Int] = []
    private var behind: [Int] = []

    /// - Parameter hasTable: whether there is a record table to be opened; that there is none is said elsewhere.
    mutating func update(_ workers: WorkerGroup, hasTable: Bool, _ logger: Logger) {
        let nowStuck = workers.stuck()
        if nowStuck != stuck {
            if nowStuck.isEmpty {
                logger.warning("all worker threads give signs of life again")
            } else {
                logger.critical(
                    "worker threads give no sign of life, their share of the queries is not answered; /health fails, restart this process",
                    metadata: ["workers": "\(nowStuck)"])
            }
            stuck = nowStuck
        }
        let faults = hasTable ? workers.tableFaults : []
        let nowBehind = faults.map(\.thread)
        if nowBehind.isEmpty != behind.isEmpty {
            if let fault = faults.first {
                logger.warning(
                    "worker threads cannot open the current record table and go on with what they have; readiness is withdrawn",
                    metadata: ["workers": "\(nowBehind)", "error": "\(fault.reason)"])
            } else {
                logger.info("all worker threads answer from the current record table")
            }
        }
        behind = nowBehind
    }
}
