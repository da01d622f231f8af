import MizzenSystem
import CMizzenSystem
import FoundationEssentials
public import Logging
import ProcessRuntime
public import ServiceLifecycle
import SharedCounters
import Synchronization

/// The whole frontend: reads the Corefile, opens sockets, runs workers and the HTTP endpoints, reloads, drains.
public struct FrontendService: Service {
    public struct Options: Sendable {
        public var corefile: String
        public var table: String
        public var threads: Int
        /// For zones without a port.
        public var defaultPort: UInt16
        /// The age beyond which the record table counts as stale; nil for never.
        public var tableAgeLimit: Duration?
        /// Where the frontends of this host have their counters, so that each can answer for all; nil for counters and HTTP addresses of this
        /// process alone.
        public var counters: String?
        /// How often a client may ask; nil for as often as it likes.
        var clients: ClientLimiter.Settings?
        /// For how long the last good answer of an upstream is served that denies an outside name; nil for never.
        var lastGoodTime: Duration?
        /// How many of those that ask most, and of what they ask for most, metrics tell.
        var tops = TopLists.Settings()
        /// Whether outside names' addresses are asked for only where the cluster has addresses of their family.
        var skipsUnusableFamilies = false
        /// Whether pods' search paths are gone through for them, whatever the Corefile says of `pods` and `autopath`.
        var completesSearchPaths = false

        public init(
            corefile: String, table: String, threads: Int, defaultPort: UInt16 = 53, tableAgeLimit: Duration? = nil, counters: String? = nil
        ) {
            self.counters = counters
            self.tableAgeLimit = tableAgeLimit
            self.corefile = corefile
            self.table = table
            self.threads = threads
            self.defaultPort = defaultPort
        }
    }

    let control: FrontendControl

    /// Reads the Corefile and opens every socket; nothing is answered before `run`.
    ///
    /// - Throws: `ProcessError` naming file and line, or the address.
    public init(options: Options, logger: Logger) throws {
        control = try FrontendControl(options: options, logger: logger)
    }

    /// How long `run` may take to end: the lameduck time comes first.
    public var drainTime: Duration { control.lameduck + .seconds(8) }

    /// Reads the Corefile again. A broken one is logged and changes nothing.
    public func reload() async { await control.reload() }

    /// Serves until graceful shutdown, then drains.
    public func run() async throws { try await control.run() }
}

/// What the frontend is made of, and the only place that changes it.
final class FrontendControl: Sendable {
    private struct State {
        var configuration: FrontendConfiguration
        var plan: ServingPlan
        var listeners: ListenerSet
        var wasReady = false
        /// Of the Corefile that was read last, and of the one in use.
        var hash: String
        var version = ""
        var stage = MemberCard.Stage.starting
    }

    let options: FrontendService.Options
    private let logger: Logger
    private let connectionLimits: ConnectionLimits
    let metrics: FrontendMetrics
    private let companions: Companions?
    private let observer: TableObserver
    private let tops: TopLists?
    private let families: UsableFamilies?
    private let soundness: TableSoundness
    let workers: WorkerGroup
    private let endpoints: EndpointGroup
    private let end = ServingEnd()
    private let state: Mutex<State>
    private let lastReload = Mutex<Task<Void, Never>?>(nil)
    private let reloads: Counter
    private let failedReloads: Counter

    init(options: FrontendService.Options, logger: Logger) throws {
        _ = mz_raise_file_limit()
        connectionLimits = .ofProcess(threads: options.threads)
        self.options = options
        self.logger = logger
        families = options.skipsUnusableFamilies ? UsableFamilies() : nil
        let reading = CorefileReading(path: options.corefile, defaultPort: options.defaultPort)
        let configuration = try options.adapted(reading.result.get())
        companions = options.counters.flatMap { Companions.open(folder: $0, table: options.table, logger: logger) }
        metrics = FrontendMetrics(memory: companions?.segment)
        tops = TopLists(options.tops, registry: metrics.registry)
        let plan = try ServingPlan(configuration, metrics: metrics, logger: logger, corefile: options.corefile)
        let listeners = try ListenerSet().adapted(to: plan, threads: options.threads)
        state = Mutex(State(configuration: configuration, plan: plan, listeners: listeners, hash: reading.hash))
        soundness = TableSoundness(logger: logger)
        observer = TableObserver(
            path: options.table, soundness: soundness, registry: metrics.registry, ageLimit: options.tableAgeLimit, logger: logger)
        workers = try WorkerGroup(threads: options.threads, registry: metrics.registry)
        endpoints = EndpointGroup(companions: companions, logger: logger) { [end] in end.fail($0) }
        reloads = metrics.registry.counter(
            "mizzen_corefile_reloads_total", help: "Reloads of the Corefile that took effect.")
        failedReloads = metrics.registry.counter(
            "coredns_reload_failed_total", help: "Reloads refused because the Corefile is broken.")
        for warning in configuration.warnings {
            logger.warning(
                "corefile", metadata: ["place": "\(warning.file):\(warning.line)", "warning": "\(warning.message)"])
        }
        publishVersion(reading.hash)
    }

    /// - Throws: `ProcessError` 78 with `FILE:LINE`.
    static func configuration(_ options: FrontendService.Options) throws(ProcessError) -> FrontendConfiguration {
        try options.adapted(CorefileReading(path: options.corefile, defaultPort: options.defaultPort).result.get())
    }

    var lameduck: Duration {
        state.withLock { $0.configuration.blocks.flatMap { $0.all(HealthSettings.self) }.map(\.lameduck).max() ?? .zero }
    }

    /// Where queries are taken, for logs and tests.
    var addresses: [SocketAddress] { state.withLock { $0.listeners.addresses } }

    // MARK: Running

    /// Serves until graceful shutdown or cancellation, then drains.
    ///
    /// - Throws: `ProcessError` 70 when a worker cannot start, ends outside a drain, cannot watch a socket of its own, or does not end
    ///   when told to; or when an HTTP endpoint ends. A part of the queries would go nowhere: better another process gets them.
    func run() async throws {
        do {
            try startWorkers()
            let addresses = state.withLock {
                $0.stage = .serving
                return $0.configuration.httpAddresses
            }
            companions?.announce(addresses)
            await tellCompanions()
            try await endpoints.serve(addresses, routes: routes)
        } catch {
            workers.drain()
            if let fault = end.fault { throw fault }
            throw error
        }
        let listening = addresses.map(\.description).joined(separator: " ")
        logger.info("serving", metadata: ["addresses": "\(listening)", "threads": "\(options.threads)"])
        if let fault = await observer.fault() { logger.warning("no record table yet", metadata: ["error": "\(fault)"]) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.followFiles() }
            group.addTask { await self.followCorefile() }
            group.addTask { await self.watchOver() }
            group.addTask { await self.lookAfterCompanions() }
            group.addTask {
                try? await gracefulShutdown()
                await self.drain()
            }
            await end.wait()
            // After a fault this begins the drain, without lameduck: the others finish what is under way.
            group.cancelAll()
        }
        endpoints.stop()
        for source in state.withLock({ $0.plan.sources }) { source.close() }
        if let fault = end.fault { throw fault }
        logger.info("stopped")
    }

    private func startWorkers() throws(ProcessError) {
        let (plan, listeners) = state.withLock { ($0.plan, $0.listeners) }
        publishEnabled(plan)
        workers.install(plan, listeners)
        let (path, soundness, metrics, limits, logger) = (options.table, soundness, metrics, connectionLimits, logger)
        let limiter = options.clients.map { ClientLimiter($0) }
        let (limitedPods, families, tops, lastGoodTime) = (LimitedPods(), families, tops, options.lastGoodTime)
        try workers.start { (thread, mailbox, pulse) throws(SystemError) in
            try Worker(
                thread: thread, mailbox: mailbox, pulse: pulse, table: TableSlot(path: path, soundness: soundness), metrics: metrics,
                limits: limits,
                clients: limiter.map { ClientLimits($0, limitedPods, metrics: metrics, thread: thread, logger: logger) },
                tops: tops?.makeTracker(at: monotonicNow()), families: families,
                lastGoodTime: lastGoodTime, logger: logger)
        } ended: { [end, workers] fault in
            if let fault {
                end.fail(fault)
            } else if workers.hasEnded {
                end.finish()
            }
        }
    }

    /// Gives directives the time to look at their files, four times a second until cancelled.
    private func followFiles() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(250))
            for source in state.withLock({ $0.plan.sources }) { source.follow(.now) }
        }
    }

    /// Logs what happens to table and workers, each change once.
    private func watchOver() async {
        var report = WorkerReport()
        var connections = ConnectionReport()
        var looks = 0
        while !Task.isCancelled {
            if let families, looks.isMultiple(of: 20) { await observer.update(families) }
            looks += 1
            try? await Task.sleep(for: .milliseconds(250))
            await observer.isStale()
            report.update(workers, hasTable: await observer.status() != nil, logger)
            connections.update(metrics.connections, connectionLimits, at: monotonicNow(), logger)
        }
    }

    /// Says how this process is, and looks after those that have ended, until cancelled.
    private func lookAfterCompanions() async {
        guard let companions else { return }
        var round = 0
        while !Task.isCancelled {
            companions.beat()
            await tellCompanions()
            if round % 4 == 0 {
                await publish()
                companions.lookAfterEnded()
            }
            round += 1
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    private func tellCompanions() async {
        guard let companions else { return }
        let stage = state.withLock { $0.stage }
        companions.show(stage: stage, fault: fault() ?? "", waiting: await waiting())
    }

    private func drain() async {
        state.withLock { $0.stage = .draining }
        await tellCompanions()
        let lameduck = lameduck
        if lameduck > .zero, end.fault == nil {
            logger.info("still answering before the stop", metadata: ["lameduck": "\(lameduck.goNotation)"])
            try? await Task.sleep(for: lameduck)
        }
        state.withLock { $0.listeners = ListenerSet() }
        workers.drain()
        if await workers.ended(within: Self.drainLimit) { return end.finish() }
        let stuck = workers.stuck()
        if stuck.isEmpty {
            logger.warning("connections of slow clients are cut")
            end.finish()
        } else {
            end.fail(
                ProcessError(
                    code: ExitStatus.software, message: "worker threads do not end; please report this", cause: "threads \(stuck)"))
        }
    }

    /// Longer than a query may wait for upstreams (5 s), shorter than `drainTime` admits.
    private static let drainLimit = Duration.seconds(6)

    // MARK: Reloading

    /// Reads the Corefile again and goes on with it. Reloads happen one after another.
    func reload() async {
        await reload { CorefileReading(path: self.options.corefile, defaultPort: self.options.defaultPort) }
    }

    private func reload(_ read: @escaping @Sendable () -> CorefileReading) async {
        let task = lastReload.withLock { last in
            let task = Task { [before = last] in
                await before?.value
                await self.apply(read())
            }
            last = task
            return task
        }
        await task.value
    }

    /// Looks for changes of the Corefile as often as a `reload` directive says, until cancelled.
    private func followCorefile() async {
        var due: ContinuousClock.Instant?
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(250))
            guard let settings = state.withLock({ $0.configuration.blocks.flatMap { $0.all(ReloadSettings.self) }.first }) else {
                due = nil
                continue
            }
            guard let time = due, time <= .now else {
                if due == nil { due = .now + settings.drawn }
                continue
            }
            due = .now + settings.drawn
            if let reading = await settledChange() { await reload { reading } }
        }
    }

    /// The Corefile, if it is another than the one that was read last and does not change any more: files that belong together are
    /// often replaced one after another.
    private func settledChange() async -> CorefileReading? {
        let known = state.withLock { $0.hash }
        var last = CorefileReading(path: options.corefile, defaultPort: options.defaultPort)
        if last.hash == known { return nil }
        for _ in 0..<20 {
            try? await Task.sleep(for: .milliseconds(250))
            if Task.isCancelled { return nil }
            let next = CorefileReading(path: options.corefile, defaultPort: options.defaultPort)
            if next.hash == last.hash { return next.hash == known ? nil : next }
            last = next
        }
        return last
    }

    private func apply(_ reading: CorefileReading) async {
        // A broken one is complained of once, not at each look.
        state.withLock { $0.hash = reading.hash }
        do throws(ProcessError) {
            let configuration = try options.adapted(reading.result.get())
            let before = state.withLock { $0.plan }
            let plan = try ServingPlan(
                configuration, metrics: metrics, logger: logger, corefile: options.corefile, earlier: before)
            let old = state.withLock { $0.listeners }
            let listeners = try old.adapted(to: plan, threads: options.threads)
            let former = state.withLock { $0.configuration.httpAddresses }
            do {
                companions?.announce(configuration.httpAddresses)
                try await endpoints.serve(configuration.httpAddresses, routes: routes)
            } catch {
                companions?.announce(former)
                throw error as? ProcessError
                    ?? ProcessError(code: ExitStatus.unavailable, message: "cannot listen for HTTP", cause: "\(error)")
            }
            state.withLock {
                $0.configuration = configuration
                $0.plan = plan
                $0.listeners = listeners
                $0.wasReady = false
            }
            publishEnabled(plan)
            workers.install(plan, listeners)
            for source in before.sources(goneIn: plan) { source.close() }
            for warning in configuration.warnings {
                logger.warning(
                    "corefile", metadata: ["place": "\(warning.file):\(warning.line)", "warning": "\(warning.message)"])
            }
            publishVersion(reading.hash)
            reloads.add()
            logger.info(
                "reloaded",
                metadata: [
                    "corefile": "\(options.corefile)",
                    "addresses": "\(addresses.map(\.description).joined(separator: " "))",
                ])
        } catch {
            failedReloads.add()
            logger.error("reload refused, the old configuration stays in use", metadata: ["error": "\(error)"])
        }
    }

    private func publishVersion(_ hash: String) {
        let old = state.withLock { state in
            defer { state.version = hash }
            return state.version
        }
        let name = "coredns_reload_version_info"
        if !old.isEmpty { metrics.registry.remove(name, labels: [("hash", "sha512"), ("value", old)]) }
        metrics.registry.gauge(
            name, help: "1, with the hash of the Corefile in use and of what it imports.", labels: [("hash", "sha512"), ("value", hash)],
            joining: .largest
        ).set(1)
    }

    private func publishEnabled(_ plan: ServingPlan) {
        var labels: [[(String, String)]] = []
        for server in plan.servers {
            for zone in server.zones {
                for name in plan.blocks[zone.block].configuration.directiveNames {
                    labels.append([("server", server.label), ("zone", zone.text), ("view", plan.blocks[zone.block].view), ("name", name)])
                }
            }
        }
        metrics.setEnabled(labels)
    }

    // MARK: HTTP

    private func routes(_ address: String, _ names: Set<String>) -> [String: HTTPEndpoints.Route] {
        var routes: [String: HTTPEndpoints.Route] = [:]
        for name in names {
            switch name {
            case "/health": routes[name] = { self.health(at: address) }
            case "/ready": routes[name] = { await self.ready(at: address) }
            default: routes[name] = { .metrics(await self.metricsText(at: address)) }
            }
        }
        return routes
    }

    func publish() async {
        await observer.publish(needed: state.withLock { $0.configuration.blocks.neededOfCluster })
        for source in state.withLock({ $0.plan.sources }) { source.publish(to: metrics.registry) }
        metrics.registry.publish()
    }

    /// - Parameter address: where it is asked; empty for this process alone.
    func metricsText(at address: String = "") async -> [UInt8] {
        await publish()
        var reading = companions?.reading(at: address, own: metrics.registry) ?? metrics.registry.reading()
        if let tops {
            let now = monotonicNow()
            let lists = TopLists.Kind.allCases.map { kind in
                tops.list(kind, at: now) { companions?.othersCells($0, at: address, isWhole: $1) ?? [] }
            }
            let holders = await observer.holders(of: TopLists.addresses(lists[0]))
            tops.add(clients: lists[0], holders: holders, names: lists[1], at: now, to: &reading)
        }
        return reading.render()
    }

    /// What is wrong with this process that does not heal by itself: a fault that ends it, or workers without a sign of life of late.
    private func fault(at now: Instant = monotonicNow()) -> String? {
        if let fault = end.fault { return "\(fault)" }
        let stuck = workers.stuck(at: now)
        return stuck.isEmpty ? nil : "no sign of life from worker threads \(stuck)"
    }

    /// - Parameter address: where it is asked; empty for this process alone.
    func health(at address: String = "", now: Instant = monotonicNow()) -> HTTPAnswer {
        JointAnswer.health(own: fault(at: now) ?? "", others: companions?.others(at: address, "/health") ?? [])
    }

    func ready(at address: String = "") async -> HTTPAnswer {
        let stage = state.withLock { $0.stage }
        // Who is asked without being run, as tests do, has nothing before it.
        return JointAnswer.ready(
            stage == .starting ? .serving : stage, waiting: await waiting(), others: companions?.others(at: address, "/ready") ?? [])
    }

    /// The directives that this process waits for before it is ready; empty once it is.
    private func waiting() async -> [String] {
        let configuration = state.withLock { $0.configuration }
        // Only what answers from the record table can be waiting, and only in blocks that say `ready`.
        let asked = configuration.blocks.filter { !$0.all(ReadySettings.self).isEmpty && !$0.waitsForTable.isEmpty }
        if asked.isEmpty { return [] }
        let waiting = asked.flatMap(\.waitsForTable).uniqued().sorted()
        if await observer.isStale() || !workers.tableFaults.isEmpty { return waiting }
        let staysReady = asked.allSatisfy { $0.all(ReadySettings.self).allSatisfy { $0.monitor == .untilReady } }
        if staysReady, state.withLock({ $0.wasReady }) { return [] }
        guard await observer.isReady(asked.neededOfCluster) else { return waiting }
        state.withLock { $0.wasReady = true }
        return []
    }
}

extension [String] {
    /// Each once, in the order of their first places.
    fileprivate func uniqued() -> [String] {
        reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}

extension [BlockConfiguration] {
    /// What the blocks' directives need of the record table.
    var neededOfCluster: ClusterResources { reduce(into: []) { $0.formUnion($1.needed) } }
}
