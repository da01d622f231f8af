public import KubernetesObjects
public import Logging
import Synchronization

/// Keeps a sink in step with one resource of an API server: lists it, watches it, and goes on until its task is
/// cancelled. What to do is decided by ``ReflectorStateMachine``; this type does it.
public struct Reflector: Sendable {
    public struct Options: Sendable {
        /// Objects to a page of a list.
        public var pageSize = 500
        /// The server is asked to end a watch after this time, up to twice that at random (client-go's `minWatchTimeout`).
        public var watchTimeout: Duration = .seconds(300)
        /// A watch that is silent for so long after the server should have ended it is given up, and only then: an API server says
        /// nothing of a resource that does not change, and promises no bookmarks (`dispatchEvents` in apiserver's storage/cacher:
        /// none before a resource's first event, and none to a watcher whose buffer is full).
        public var watchSilenceLimit: Duration = .seconds(75)
        /// An answer that does not begin, or a list that is silent, for longer is given up; servers answer or give up within a minute.
        public var listSilenceLimit: Duration = .seconds(75)
        /// The largest event taken, in bytes. Servers take objects of up to 1.5 MiB; JSON needs more than protobuf.
        /// A larger one is skipped and counted; the limit is that of list items, with room for the event around them.
        public var maximumFrameSize = ListDecoder.maximumItemSize + 65_536
        /// Whether to ask for the list as events of a watch first.
        public var usesWatchList = true

        public init() {}
    }

    let server: WatchedServer
    let resource: Resource
    let sink: any ReflectorSink
    let observer: any ReflectorObserver
    let options: Options
    let random: @Sendable () -> Double
    let demand: RelistDemand
    let logger: Logger

    /// - Parameters:
    ///   - server: one for all reflectors of a server.
    ///   - random: 0 ..< 1; for jitter.
    public init(
        server: WatchedServer, resource: Resource, sink: any ReflectorSink,
        observer: any ReflectorObserver = IgnoringReflectorObserver(), options: Options = Options(),
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, demand: RelistDemand = RelistDemand(), logger: Logger
    ) {
        self.server = server
        self.resource = resource
        self.sink = sink
        self.observer = observer
        self.options = options
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
                do { try await server.clock.sleep(for: duration) } catch { return }
                step = await session.conclude(.waited)
            case .list(let request):
                switch request.page {
                case .first, .whole: demand.forget()
                case .next: break
                }
                step = await perform(&session) { await $0.list(request, $1) }
            case .confirm(let version):
                step = await perform(&session) { await $0.confirm(version, $1) }
            case .watch(let request):
                if case .initialEvents = request.start { demand.forget() }
                step = await perform(&session) { await $0.watch(request, $1) }
            }
        }
    }

    /// Runs one exchange with the server beside a watchdog, and concludes with whichever comes first.
    private func perform(
        _ session: inout ReflectorSession,
        _ exchange: @escaping @Sendable (inout ReflectorSession, SilenceWatchdog) async -> ReflectorStateMachine.Outcome
    ) async -> ReflectorStateMachine.Step {
        let watchdog = SilenceWatchdog(server: server, options: options)
        let started = session
        let (exchanged, outcome, interruption) = await withTaskGroup(of: ExchangeEnd.self) { group in
            group.addTask {
                var session = started
                let outcome = await exchange(&session, watchdog)
                return .exchanged(session, outcome)
            }
            group.addTask { await watchdog.run().map { .interrupted($0) } ?? .unneeded }
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
