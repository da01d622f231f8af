import KubernetesObjects
public import Logging
import MizzenSystem
import Synchronization

/// Does what ``LeaseElection`` decides, from the start of the process to its end: while it stands by, while it changes over,
/// and while it leads.
public final class LeaseElector: Sendable {
    public struct Status: Sendable {
        /// nil before the server has answered; empty when nobody holds the lease.
        public var holder: String?
        /// Whether the first round has had an outcome.
        public var hasLooked = false
        public var leads = false
        public var transitions = 0
        public var faults: [LeaseFault.Cause: Int] = [:]
        var lastFault: LeaseFault?
    }

    public let name: LeaseName
    public let identity: String
    public let fence = LeaseFence()
    private let terms: LeaseElection.Terms
    private let api: APIClient
    private let status = Mutex(Status())
    private let running = Mutex<Task<LeaseElection, Never>?>(nil)
    private let acquisitions: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)
    private let losses: (stream: AsyncStream<String>, continuation: AsyncStream<String>.Continuation)
    private let logger: Logger

    /// - Parameter api: of its own, so that a renewal does not wait behind a list.
    public init(_ name: LeaseName, _ terms: LeaseElection.Terms, api: APIClient, logger: Logger) {
        self.name = name
        self.terms = terms
        identity = terms.identity
        self.api = api
        acquisitions = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        losses = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.logger = logger
    }

    public var currentStatus: Status { status.withLock { $0 } }

    /// Begins to ask for the lease. Once.
    public func start() {
        running.withLock { running in
            running = running ?? Task { await self.drive(LeaseElection(self.terms), .due) }
        }
    }

    /// Ends the asking. What is held is released, so that another can take over at once; to be called when nothing is
    /// written any more.
    public func finish() async {
        fence.end()
        guard let task = running.withLock({ $0 }) else { return }
        task.cancel()
        let election = await task.value
        // A server that does not answer by then is not waited for: the lease runs out by itself.
        await withTaskGroup { group in
            group.addTask { _ = await self.drive(election, .stop) }
            group.addTask { try? await Task.sleep(for: .seconds(2)) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Returns when the lease is this process's; false when the task was cancelled before.
    public func isAcquired() async -> Bool {
        for await _ in acquisitions.stream { return true }
        return false
    }

    /// - Returns: who holds the lease instead of this process; nil when the task was cancelled.
    public func loss() async -> String? {
        for await holder in losses.stream { return holder }
        return nil
    }

    // MARK: The loop

    private func drive(_ start: LeaseElection, _ first: LeaseElection.Event) async -> LeaseElection {
        var election = start
        var event = first
        var client = LeaseClient(api: api, name: name)
        while true {
            let now = Self.now()
            let decision = election.handle(event, at: now)
            for notice in decision.notices { act(notice) }
            let limit = election.requestLimit(at: now.sinceBoot)
            switch decision.step {
            case .get: event = await client.get(within: limit)
            case .create(let record): event = await client.create(record, within: limit)
            case .update(let record): event = await client.update(record, within: limit)
            case .wait(let duration):
                status.withLock { $0.hasLooked = true }
                try? await Task.sleep(for: duration, clock: .continuous)
                event = .due
            case .end(let end):
                conclude(end)
                return election
            }
            if case .failed(let fault) = event, !Task.isCancelled {
                status.withLock { status in
                    status.faults[fault.cause, default: 0] += 1
                    status.lastFault = fault
                }
            }
            // Whatever was under way, its outcome is found out while the lease is released.
            if Task.isCancelled { return election }
        }
    }

    private static func now() -> LeaseElection.Moment {
        LeaseElection.Moment(
            sinceBoot: .nanoseconds(Int64(clamping: BootClock.nanoseconds())),
            wall: Timestamp(nanosecondsSinceEpoch: WallClock.nanoseconds()), draw: Double.random(in: 0..<1))
    }
}

// MARK: - Telling others

extension LeaseElector {
    private func act(_ notice: LeaseElection.Notice) {
        switch notice {
        case .holder(let holder): isHeld(by: holder)
        case .acquired:
            status.withLock { status in
                status.leads = true
                status.hasLooked = true
            }
            logger.info("leading", metadata: ["lease": "\(name)", "identity": "\(identity)"])
            acquisitions.continuation.yield()
        case .renewed(let deadline): fence.open(until: UInt64(clamping: deadline.nanoseconds))
        case .fenceClosed:
            logger.warning(
                "the lease was not renewed in time, so another may take it: changes wait, none is dropped, and DNS, snapshots and heartbeats go on",
                metadata: ["lease": "\(name)", "error": "\(status.withLock { $0.lastFault?.text } ?? "no answer yet")"])
        case .fenceReopened:
            logger.info("the lease is renewed and was nobody else's meanwhile: changes go on", metadata: ["lease": "\(name)"])
        case .released: logger.info("released the lease", metadata: ["lease": "\(name)"])
        case .report(let fault, let request):
            logger.warning(
                "cannot use the lease, trying again; the same cause is not logged again until a request goes well",
                metadata: [
                    "lease": "\(name)", "request": "\(request.rawValue)", "error": "\(fault.text)",
                    "advice": "\(fault.advice(request, name))",
                ])
        }
    }

    private func isHeld(by holder: String) {
        let isFirst = status.withLock { status in
            defer { status.holder = holder }
            if status.holder != nil { status.transitions += 1 }
            return status.holder == nil
        }
        guard holder != identity, !holder.isEmpty else { return }
        let metadata: Logger.Metadata = ["lease": "\(name)", "holder": "\(holder)", "identity": "\(identity)"]
        if isFirst {
            logger.info("standing by", metadata: metadata)
        } else {
            logger.info("the lease has another holder", metadata: metadata)
        }
    }

    private func conclude(_ end: LeaseElection.End) {
        fence.end()
        status.withLock { $0.leads = false }
        switch end {
        case .lost(let holder): losses.continuation.yield(holder)
        case .stopped: break
        }
    }
}
