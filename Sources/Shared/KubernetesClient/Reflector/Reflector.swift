public import KubernetesObjects
public import Logging
import Synchronization

/// Keeps a sink in step with one resource of an API server: lists it, watches it, and goes on until its task is
/// cancelled. What to do is decided by ``ReflectorStateMachine``; this type does it.
public struct Reflector: Sendable {
    public struct Options: Sendable {
        /// Objects to a page of a list.
        public var pageSize = 500
        /// A watch that is silent for longer is dead; servers send a bookmark about every minute.
        public var watchSilenceLimit: Duration = .seconds(90)
        /// A list that is silent for longer is dead; servers answer or give up within a minute.
        public var listSilenceLimit: Duration = .seconds(75)
        /// The largest event taken, in bytes. Servers take objects of up to 1.5 MiB; JSON needs more than protobuf.
        /// A larger one is skipped and counted; the limit is that of list items, with room for the event around them.
        public var maximumFrameSize = ListDecoder.maximumItemSize + 65_536
        /// Whether to ask for the list as events of a watch first.
        public var usesWatchList = true

        public init() {}
    }

    let client: APIClient
    let resource: Resource
    let sink: any ReflectorSink
    let observer: any ReflectorObserver
    let options: Options
    let clock: any ReflectorClock
    let random: @Sendable () -> Double
    let demand: RelistDemand
    let logger: Logger

    /// - Parameter random: 0 ..< 1; for jitter.
    public init(
        client: APIClient, resource: Resource, sink: any ReflectorSink,
        observer: any ReflectorObserver = IgnoringReflectorObserver(), options: Options = Options(),
        clock: any ReflectorClock = SystemReflectorClock(),
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, demand: RelistDemand = RelistDemand(), logger: Logger
    ) {
        self.client = client
        self.resource = resource
        self.sink = sink
        self.observer = observer
        self.options = options
        self.clock = clock
        self.random = random
        self.demand = demand
        self.logger = logger
    }

    /// Runs until the task is cancelled.
    public func run() async {
        var session = ReflectorSession(self)
        var step = await session.conclude(.started)
        while !Task.isCancelled {
            switch step {
            case .wait(let duration):
                do { try await clock.sleep(for: duration) } catch { return }
                step = await session.conclude(.waited)
            case .list(let request):
                switch request.page {
                case .first, .whole: demand.forget()
                case .next: break
                }
                let limit = options.listSilenceLimit
                step = await perform(&session, silenceLimit: limit) { await $0.list(request, $1) }
            case .watch(let request):
                if case .initialEvents = request.start { demand.forget() }
                let limit = options.watchSilenceLimit
                step = await perform(&session, silenceLimit: limit) { await $0.watch(request, $1) }
            }
        }
    }

    /// Runs one exchange with the server beside a watchdog, and concludes with whichever comes first.
    private func perform(
        _ session: inout ReflectorSession, silenceLimit: Duration,
        _ exchange: @escaping @Sendable (inout ReflectorSession, SilenceWatchdog) async -> ReflectorStateMachine.Outcome
    ) async -> ReflectorStateMachine.Step {
        let watchdog = SilenceWatchdog(clock: clock, limit: silenceLimit)
        let started = session
        let (exchanged, outcome, interruption) = await withTaskGroup(of: ExchangeEnd.self) { group in
            group.addTask {
                var session = started
                let outcome = await exchange(&session, watchdog)
                return .exchanged(session, outcome)
            }
            group.addTask { await watchdog.run() ? .interrupted(.silent(silenceLimit)) : .unneeded }
            group.addTask { await demand.next().map { .interrupted(.drifted($0)) } ?? .unneeded }
            var result: (ReflectorSession, ReflectorStateMachine.Outcome, ReflectorFault?) = (started, .ended, nil)
            for await end in group {
                switch end {
                case .exchanged(let session, let outcome): (result.0, result.1) = (session, outcome)
                case .interrupted(let fault): result.2 = result.2 ?? fault
                case .unneeded: break
                }
                group.cancelAll()
            }
            return result
        }
        session = exchanged
        if Task.isCancelled { return .wait(.zero) }
        return await session.conclude(interruption.map { .failed($0) } ?? outcome)
    }

    private enum ExchangeEnd: Sendable {
        case exchanged(ReflectorSession, ReflectorStateMachine.Outcome)
        case interrupted(ReflectorFault)
        case unneeded
    }
}

/// Notices when bytes are waited for longer than a limit. Time that the sink takes does not count.
final class SilenceWatchdog: Sendable {
    private let clock: any ReflectorClock
    private let limit: Duration
    private let waitingSince: Mutex<Duration?>

    init(clock: any ReflectorClock, limit: Duration) {
        self.clock = clock
        self.limit = limit
        waitingSince = Mutex(clock.now())
    }

    func waits() {
        let now = clock.now()
        waitingSince.withLock { $0 = now }
    }

    func works() {
        waitingSince.withLock { $0 = nil }
    }

    /// - Returns: true when the limit has passed, false when the task was cancelled.
    func run() async -> Bool {
        while true {
            let waited = waitingSince.withLock { $0 }.map { clock.now() - $0 } ?? .zero
            if waited >= limit { return true }
            do { try await clock.sleep(for: limit - waited) } catch { return false }
        }
    }
}
