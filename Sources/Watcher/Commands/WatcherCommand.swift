import MizzenSystem
public import ArgumentParser
import DeltaStream
import Glibc
import KubernetesClient
import KubernetesObjects
import Logging
import ProcessRuntime
import RecordTable
import RecordTableWriter
import ServiceLifecycle
import StreamCommandLine

/// `mizzen-watcher`: the one process that reads objects from the API server.
public struct WatcherCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "mizzen-watcher",
        abstract: "Watch a Kubernetes cluster once, for its DNS, its object metrics and its resource metrics.",
        discussion: """
            Keeps the record table that mizzen-frontend answers from, and publishes every change to whoever subscribes. \
            Needs get, list and watch on the resources it watches, with --lease also get, create and update of that Lease, and \
            nothing else.
            """,
        subcommands: [TailCommand.self, KeysCommand.self])

    @Option(help: ArgumentHelp("The kubeconfig that says where the API server is and who asks.", valueName: "file"))
    var kubeconfig: String?

    @Flag(help: "Use the service account of the pod that this process runs in.")
    var inCluster = false

    @Option(
        help: ArgumentHelp(
            "Relay: take everything from this watcher's deltas (ipc:// or tcp://) and not from an API server.",
            valueName: "endpoint"))
    var upstream: String?

    @Option(help: ArgumentHelp("Relay: where that watcher answers requests for snapshots.", valueName: "endpoint"))
    var upstreamSnapshots: String?

    @Flag(help: "While another watcher on this host writes the table, wait for its end and take over, and do not fail.")
    var standby = false

    @Option(help: ArgumentHelp("The record table to write.", valueName: "path"))
    var table = DefaultPaths.table

    @OptionGroup(title: "Stream") var streams: StreamOptions

    @Option(help: ArgumentHelp("Where to serve /livez, /readyz and /metrics.", valueName: "host:port"))
    var http = HTTPAddress(host: "0.0.0.0", port: 9180)

    @Option(
        help: ArgumentHelp(
            "The resources to watch, by plural name and separated by commas. Without it: all that Mizzen knows.",
            valueName: "a,b,…"))
    var resources: String?

    @OptionGroup(title: "Custom resources") var customs: CustomResourceOptions

    @Option(
        help: ArgumentHelp(
            "Deltas that may wait for one slow subscriber before it loses some and joins again.", valueName: "number"))
    var subscriberQueue: Int32 = Publisher.Options().sendHighWaterMark

    @Option(
        help: ArgumentHelp(
            "Bytes of pods' past changes kept in memory, for subscribers that count changes and were away; 0 keeps none.",
            valueName: "number"))
    var replayBytes = 8 << 20

    @OptionGroup var leasing: LeaseOptions
    @OptionGroup var watching: WatchOptions
    @OptionGroup var logging: LoggingOptions

    public init() {}

    public func validate() throws {
        try validateSource()
        if let upstream { try streams.check(upstream, of: "--upstream") }
        if let upstreamSnapshots { try streams.check(upstreamSnapshots, of: "--upstream-snapshots") }
        _ = try ResourceSelection(resources)
        guard subscriberQueue > 0 else {
            throw ValidationError("--subscriber-queue is \(subscriberQueue), but must be 1 or more")
        }
        guard replayBytes >= 0 else {
            throw ValidationError("--replay-bytes is \(replayBytes), but must be 0 or more")
        }
    }

    public func run() async throws {
        Allocator.staysSmall()
        let logger = logging.makeLogger("mizzen-watcher")
        // First of all: what is told to stop while it opens a large table ends in good order as soon as it has.
        let stop = await StopRequest()
        if standby, try await !TableStandby(table: table, http: http, logger: logger).wait(stop) { return }
        if let lease = leasing.name { return try await runWithLease(lease, stop, logger) }
        if let upstream, let upstreamSnapshots {
            return try await runRelay(upstream: upstream, snapshots: upstreamSnapshots, stop: stop, logger: logger)
        }
        // The table's lock comes before the sockets: a second watcher is told of the first by the clearest message.
        try await watch(try clientConfiguration(), writer: try Self.makeWriter(path: table, logger), stop: stop, logger: logger)
    }

    /// Watches the API server until told to stop.
    /// - Parameters:
    ///   - elector: says when changes may be committed; nil without a lease.
    func watch(
        _ configuration: ClientConfiguration, writer: sending TableWriter, elector: LeaseElector? = nil,
        stop: StopRequest, logger: Logger
    ) async throws {
        let watched = try ResourceSelection(resources).resources
        let metrics = WatcherMetrics(wanted: watched)
        let publisher =
            elector == nil ? try goOnPublishing(watched, metrics, logger) : try await publishAfterRelay(watched, metrics, logger)
        publisher.announce(watched)
        let committer = Committer(
            table: TableKeeper(writer: writer), publisher: publisher, metrics: metrics, logger: logger, fence: elector?.fence)
        metrics.observe(publisher) { committer.tableState }
        if let elector { elector.observe(in: metrics.registry) } else { metrics.led() }
        let missing = TableKeeper.resources.filter { !watched.contains($0) }
        if !missing.isEmpty {
            logger.warning(
                "frontends will miss what --resources leaves out",
                metadata: ["resources": "\(missing.map(\.plural).joined(separator: ","))"])
        }
        let client = try makeClient(configuration, logger)
        logger.info(
            "watching",
            metadata: [
                "server": "\(client.server)", "table": "\(table)", "deltas": "\(publisher.deltasEndpoint)",
                "snapshots": "\(publisher.snapshotsEndpoint)", "resources": "\(watched.count)",
            ])
        let demands = Dictionary(watched.map { ($0, RelistDemand()) }, uniquingKeysWith: { first, _ in first })
        let server = WatchedServer(client, limits: watching.server, logger: logger)
        let customWatch = try customResourceWatch(client, server, committer, publisher, metrics, logger)
        var services: [any ServiceLifecycle.Service] = [
            StreamService { try await publisher.run() }, Heartbeat(committer: committer),
            HTTPEndpoints(address: http, routes: WatcherHealth(metrics: metrics).routes, logger: logger),
            Watch(
                server: server, resources: watched, committer: committer, metrics: metrics, options: watching.reflector,
                demands: demands, logger: logger),
        ]
        if watching.driftCheckInterval.nanoseconds > 0 {
            services.append(
                DriftCheck(
                    client: client, server: server, resources: watched, demands: demands, more: { customWatch?.demands ?? [:] },
                    committer: committer,
                    publisher: publisher,
                    metrics: metrics, interval: watching.driftCheckInterval.duration,
                    settleTime: watching.driftSettleTime.duration, logger: logger))
        }
        if let customWatch { services.append(customWatch) }
        if let elector { services.append(LeaseHolding(elector: elector)) }
        let outcome = await Result { try await ProcessMain.serve(services: services, logger: logger, stop: stop) }
        try? await client.shutdown()
        try outcome.get()
    }

    /// nil where no custom resources are asked for.
    private func customResourceWatch(
        _ client: APIClient, _ server: WatchedServer, _ committer: Committer, _ publisher: Publisher, _ metrics: WatcherMetrics,
        _ logger: Logger
    ) throws(ProcessError) -> CustomResourceWatch? {
        guard !customs.isEmpty else { return nil }
        _ = try customs.selectors()
        return CustomResourceWatch(
            options: customs, server: server, client: client,
            committer: committer, publisher: publisher, metrics: metrics, reflecting: watching.reflector, logger: logger)
    }

    func clientConfiguration() throws(ProcessError) -> ClientConfiguration {
        do {
            guard let kubeconfig else { return try ClientConfiguration.inCluster() }
            return try ClientConfiguration.kubeconfig(path: kubeconfig)
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "\(error)")
        }
    }

    func makeClient(_ configuration: ClientConfiguration, _ logger: Logger) throws(ProcessError) -> APIClient {
        do {
            return try APIClient(configuration, silenceLimits: watching.connection, logger: logger)
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "\(error)")
        }
    }

    static func makeWriter(path: String, _ logger: Logger) throws(ProcessError) -> sending TableWriter {
        do {
            let writer = try TableWriter(
                path: path, identity: "mizzen-watcher \(MizzenVersion.current)",
                now: UInt64(clamping: WallClock.nanoseconds()))
            if let fault = writer.replacedFile {
                logger.warning(
                    "the record table had lost its data; it is empty until the first lists", metadata: ["error": "\(fault)"])
            }
            if writer.damagedReferences > 0 {
                logger.warning(
                    "the record table had lost records, or had damaged ones, which are dropped; the first lists bring them back",
                    metadata: ["table": "\(path)", "references": "\(writer.damagedReferences)"])
            }
            return writer
        } catch {
            throw ProcessError(code: ExitStatus.cannotCreate, message: error.description)
        }
    }

    /// Goes on with the stream that this table's last watcher published, if its history is there and whole.
    func goOnPublishing(_ resources: [Resource], _ metrics: WatcherMetrics, _ logger: Logger) throws(ProcessError) -> Publisher {
        let boot = BootIdentity.current()
        // A file that cannot be read now ends the process in a moment, if it is the first time.
        let selectors = (try? customs.selectors()) ?? []
        let carries = { (resource: Resource) in selectors.contains { $0.matches(resource) } }
        let opened = StreamHistory.open(
            path: "\(table).history", boot: .init(high: boot.high, low: boot.low), resources: resources, carries: carries, logger: logger)
        let beginning = opened.beginning
        let publisher = try makePublisher(opened.store, opened.history, logger)
        switch beginning {
        case .resumed(let objects):
            metrics.began(isResumed: true)
            logger.info("the stream goes on", metadata: ["objects": "\(objects)"])
        case .new(let reason):
            metrics.began(isResumed: false)
            logger.info("a new stream begins", metadata: ["reason": "\(reason)"])
        }
        return publisher
    }

    func makePublisher(
        _ store: sending StreamStore, _ history: sending StreamHistory?, forwardsHeartbeats: Bool = false, _ logger: Logger
    ) throws(ProcessError) -> Publisher {
        var options = Publisher.Options()
        options.sendHighWaterMark = subscriberQueue
        options.backlogs = [.pods: replayBytes]
        options.forwardsHeartbeats = forwardsHeartbeats
        options.transport = try streams.transport()
        do {
            return try Publisher(
                deltas: streams.deltas, snapshots: streams.snapshots, store: store, history: history, options: options, logger: logger)
        } catch {
            throw ProcessError(error)
        }
    }
}

/// Runs one reflector for each resource, all of one server.
struct Watch: ServiceLifecycle.Service {
    let server: WatchedServer
    let resources: [Resource]
    let committer: Committer
    let metrics: WatcherMetrics
    let options: Reflector.Options
    let demands: [Resource: RelistDemand]
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                for resource in resources {
                    let reflector = Reflector(
                        server: server, resource: resource, sink: committer, observer: metrics, options: options,
                        demand: demands[resource] ?? RelistDemand(), logger: logger)
                    group.addTask { await reflector.run() }
                }
            }
        }
    }
}

/// What `--resources` names.
struct ResourceSelection {
    var resources: [Resource]

    /// - Parameter text: plural names separated by commas; nil for all that Mizzen knows.
    init(_ text: String?) throws {
        guard let text else {
            resources = Resource.all
            return
        }
        resources = []
        for word in text.split(separator: ",") {
            let name = word.filter { $0 != " " }.lowercased()
            guard let resource = Resource.named(name) else {
                let known = Resource.all.map(\.plural).sorted().joined(separator: ", ")
                throw ValidationError("--resources names '\(name)', which Mizzen does not know; it knows \(known)")
            }
            if !resources.contains(resource) { resources.append(resource) }
        }
        guard !resources.isEmpty else {
            throw ValidationError("--resources is empty; name plurals such as services,endpointslices, or leave it out")
        }
    }
}

extension Result where Failure == any Error, Success: Sendable {
    /// Keeps what an asynchronous call threw, so that something can be closed before it is thrown on.
    init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
