import AccessReview
import Names
import MizzenSystem
import DeltaStream
import KubernetesClient
import KubernetesObjects
import Logging
import ProcessRuntime
import ServiceLifecycle
import StreamCommandLine

/// Everything that runs, wired from the options.
struct CollectorParts {
    private(set) var services: [any ServiceLifecycle.Service] = []
    private let kubelets: KubeletConnections
    /// Of the API server: to ask who a caller is, what it may do, and whom to trust.
    private let clients: ReviewClients

    /// - Parameter listening: called once the metrics API is served, with its address.
    init(
        _ command: CollectorCommand, logger: Logger, listening: @escaping @Sendable (HTTPAddress) -> Void = { _ in }
    ) throws {
        Self.warn(command, logger)
        let registry = MetricsRegistry()
        registry.countDroppedLogLines()
        registry.countDescriptorShortages()
        registry.gauge(
            "mizzen_build_info", help: "Version of this program.", labels: [("version", MizzenVersion.current)]
        ).set(1)
        let streams = command.streams
        let kept = SampleTable.open(
            command.samplesTable, collector: command.name, followed: "\(streams.deltas) \(streams.snapshots)", registry, logger)
        let (store, catalog) = Self.stores(command, kept, registry, logger)
        let encryption = try ServingEncryption(command.serving, logger: logger)
        let nodeSelector = try LabelQuery(command.kubelets.nodeSelector)
        let configuration = try command.server.configuration()
        let trust = try KubeletTrust(command.kubelets, configuration, logger: logger)
        let certificates = ClientCertificates(try AuthenticationLookup.trust(command.serving.trustFiles))
        let scrapeMetrics = ScrapeMetrics(registry, logger: logger)
        // A connection to each node is kept.
        let limits = ScrapeLimits(descriptors: DescriptorLimit.raise())
        let board = Self.board(command, store, limits, registry)
        let stream = try CollectorStreams(command, catalog, store, board, scrapeMetrics, logger)
        Self.register(store, catalog, stream.publisher, in: registry)
        // Clients come last: they must be shut down, and from here on nothing fails.
        clients = try ReviewClients(command, configuration, logger)
        kubelets = KubeletConnections(idle: command.kubelets.connectionLifetime)

        let publisher = stream.publisher
        let schedule = ScrapeSchedule(
            catalog: catalog,
            client: KubeletClient(
                connections: kubelets, addressing: command.kubelets.addressing,
                timeout: command.kubelets.kubeletRequestTimeout.duration,
                keepsConnection: { limits.keeps($0.name, of: catalog.counts.nodes) },
                credentials: { try await trust.current(for: $0) }),
            board: board, selector: nodeSelector, collector: command.name,
            metrics: scrapeMetrics,
            summaries: command.kubelets.summary ? SummaryRequests(registry, logger: logger) : nil, logger: logger,
            measured: { store.apply($0) },
            publish: { publisher.publish($0) },
            forget: { node in
                store.forget(node: node)
                publisher.forget(node: node)
            })
        let port = PortBox(command.serving.securePort)
        let health = CollectorHealth(
            catalog: catalog, store: store, lateAfter: command.kubelets.lateAfter,
            silence: { scrapeMetrics.silence })
        var api = Self.api(command, catalog, store, nodeSelector, health, registry, clients, port, logger)
        api.certificates = certificates
        services = stream.services + [schedule, PieceKeeper(catalog: catalog)]
        let lookup = AuthenticationLookup(
            certificates, files: command.serving.trustFiles,
            client: command.serving.authenticationSkipLookup ? nil : clients.authentication, keeper: kept, logger: logger)
        lookup.goOn()
        services.append(lookup)
        services.append(
            MetricsAPIServer(
                address: command.serving.address, encryption: { encryption.current }, api: api, logger: logger,
                requestLimit: command.serving.maxRequestsInflight
            ) {
                port.set($0.port)
                listening($0)
            })
        if let address = command.http { addHealth(address, api, registry, logger) }
    }

    func shutdown() async throws {
        await kubelets.shutdown()
        await clients.shutdown()
    }

    private static func warn(_ command: CollectorCommand, _ logger: Logger) {
        let resolution = command.kubelets.metricResolution
        if resolution.nanoseconds < 10_000_000_000 {
            logger.warning(
                "the metric resolution is finer than kubelets measure; answers may repeat or be missing",
                metadata: ["metric-resolution": "\(resolution)"])
        }
        if command.kubelets.kubeletRequestTimeout.nanoseconds > resolution.nanoseconds / 10 * 9 {
            logger.warning(
                "the kubelet request timeout is not smaller than the metric resolution; slow kubelets are scraped late",
                metadata: [
                    "kubelet-request-timeout": "\(command.kubelets.kubeletRequestTimeout)",
                    "metric-resolution": "\(resolution)",
                ])
        }
        if !command.withoutEffect.isEmpty {
            logger.warning(
                "options without effect here: they are about the generic API server, Go or klog",
                metadata: ["options": "\(command.withoutEffect.joined(separator: ","))"])
        }
        if command.serving.insecureSkipAuthorization {
            logger.warning(
                "EVERYONE WHO REACHES THIS ADDRESS CAN READ ALL METRICS: --insecure-skip-authorization is set",
                metadata: ["address": "\(command.serving.address)"])
        }
    }

    private static func board(
        _ command: CollectorCommand, _ store: UsageStore, _ limits: ScrapeLimits, _ registry: MetricsRegistry
    ) -> ScrapeBoard {
        let interval = command.kubelets.metricResolution.nanoseconds
        let board = ScrapeBoard(
            .init(interval: interval), mostScrapes: limits.atATime, newPods: NewPods(interval: interval, registry: registry),
            scrapesEarly: !command.kubelets.noEarlyScrapes, held: { store.sampleTime(of: $0) }, isMeasured: { store.isMeasured($0, on: $1) }
        )
        if command.shareNodes {
            registry.gauge("mizzen_collector_members", help: "Collectors that share the nodes, with this one.") {
                Double(board.sharing.members.count)
            }
            registry.gauge("mizzen_collector_own_nodes", help: "Nodes that this collector scrapes, of those that are shared.") {
                Double(board.sharing.ownNodes)
            }
        }
        return board
    }

    /// What is known of usage, and of nodes and pods: at first, what the collector before this one has kept.
    private static func stores(
        _ command: CollectorCommand, _ kept: SampleTable?, _ registry: MetricsRegistry, _ logger: Logger
    ) -> (UsageStore, ClusterCatalog) {
        let store = UsageStore(
            resolution: command.kubelets.metricResolution.nanoseconds, lifetime: command.kubelets.sampleLifetime,
            isPartial: command.serving.partialPods, kept: kept)
        // Names without usage are of a time that is over.
        if store.isEmpty { kept?.removeAll() }
        let catalog = catalog(kept, registry, logger)
        if !store.isEmpty {
            logger.notice(
                "going on with the samples that the collector before this one has left",
                metadata: [
                    "nodes": "\(store.counts.nodes)", "containers": "\(store.counts.containers)", "pods": "\(catalog.counts.pods)",
                ])
        }
        return (store, catalog)
    }

    private static func catalog(_ kept: SampleTable?, _ registry: MetricsRegistry, _ logger: Logger) -> ClusterCatalog {
        let counter = registry.counter(
            "mizzen_collector_undecodable_objects_total", help: "Objects of the stream that were skipped.")
        return ClusterCatalog(kept: kept) { resource, name, reason in
            if counter.value == 0 {
                logger.error(
                    "object skipped; further ones are only counted",
                    metadata: ["resource": "\(resource)", "name": "\(name)", "reason": "\(reason)"])
            }
            counter.add()
        }
    }

    private static func api(
        _ command: CollectorCommand, _ catalog: ClusterCatalog, _ store: UsageStore, _ nodeSelector: LabelQuery,
        _ health: CollectorHealth, _ registry: MetricsRegistry, _ clients: ReviewClients, _ port: PortBox,
        _ logger: Logger
    ) -> MetricsAPI {
        MetricsAPI(
            catalog: catalog, store: store, access: access(command, clients, logger),
            alwaysAllowedPaths: command.serving.authorizationAlwaysAllowPaths.split(separator: ",").map(String.init),
            nodeSelector: nodeSelector, livez: health.livez, readyz: health.readyz, registry: registry,
            metrics: RequestMetrics(registry),
            freshness: registry.histogram(
                "metrics_server_api_metric_freshness_seconds", help: "Age of metrics when they were answered.",
                buckets: freshnessBuckets),
            port: { port.value }, now: { WallClock.nanoseconds() }, logger: logger)
    }

    /// metrics-server's: twenty from 1 s on, each 1.364 times the one before.
    private static let freshnessBuckets: [Double] = (1..<20).reduce(into: [1]) { bounds, _ in
        bounds.append((bounds.last ?? 1) * 1.364)
    }

    private static func access(
        _ command: CollectorCommand, _ clients: ReviewClients, _ logger: Logger
    ) -> any AccessControl {
        if command.serving.insecureSkipAuthorization { return OpenAccess() }
        if let client = clients.authentication {
            return CachedAccess(DelegatedAccess(client: client, authorization: clients.authorization), lifetimes: command.serving.lifetimes)
        }
        logger.warning(
            "no API server is known, so nobody may read metrics; give --kubeconfig or --in-cluster")
        return NoAccess()
    }

    private static func register(
        _ store: UsageStore, _ catalog: ClusterCatalog, _ publisher: SamplePublisher, in registry: MetricsRegistry
    ) {
        let points = "metrics_server_storage_points"
        let help = "Nodes and containers that have usage to answer with."
        registry.gauge(points, help: help, labels: [("type", "node")]) { Double(store.counts.nodes) }
        registry.gauge(points, help: help, labels: [("type", "container")]) { Double(store.counts.containers) }
        let objects = "mizzen_collector_objects"
        registry.gauge(objects, help: "Objects known from the stream.", labels: [("resource", "nodes")]) {
            Double(catalog.counts.nodes)
        }
        registry.gauge(objects, help: "Objects known from the stream.", labels: [("resource", "pods")]) {
            Double(catalog.counts.pods)
        }
        registry.gauge(
            "mizzen_collector_rendered_bytes", help: "Memory that items of lists take, rendered as they were asked for lately."
        ) {
            Double(PieceKeeper.size(catalog))
        }
        registry.gauge("mizzen_collector_samples_published", help: "Samples published since the start.") {
            Double(publisher.publishedCount)
        }
    }

    private mutating func addHealth(
        _ address: HTTPAddress, _ api: MetricsAPI, _ registry: MetricsRegistry, _ logger: Logger
    ) {
        services.append(
            HTTPEndpoints(
                address: address,
                routes: [
                    "/livez": { api.livez.answer("livez", verbose: false) },
                    "/readyz": { api.readyz.answer("readyz", verbose: false) },
                    "/metrics": { .metrics(registry.render() + ProcessMetrics.render()) },
                ],
                logger: logger))
    }
}

/// Connections to the API server, one for each set of credentials.
private struct ReviewClients {
    private(set) var authentication: APIClient?
    /// nil: the other one serves.
    private(set) var authorization: APIClient?

    /// - Parameter configuration: what holds where an option does not say otherwise.
    /// - Throws: 78 naming what cannot be used.
    init(_ command: CollectorCommand, _ configuration: ClientConfiguration?, _ logger: Logger) throws {
        // Read before a client is made: one that is made must be shut down.
        let first = try command.serving.authenticationKubeconfig.map(Self.read) ?? configuration
        let second = try command.serving.authorizationKubeconfig.map(Self.read) ?? (first == nil ? nil : configuration)
        authentication = try (first ?? second).map { try Self.client($0, logger) }
        if command.serving.authorizationKubeconfig != nil || command.serving.authenticationKubeconfig != nil {
            authorization = try second.map { try Self.client($0, logger) }
        }
    }

    func shutdown() async {
        try? await authentication?.shutdown()
        try? await authorization?.shutdown()
    }

    private static func read(_ path: String) throws -> ClientConfiguration {
        do throws(CredentialError) {
            return try .kubeconfig(path: path)
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "\(error)")
        }
    }

    private static func client(_ configuration: ClientConfiguration, _ logger: Logger) throws -> APIClient {
        do throws(CredentialError) {
            return try APIClient(
                configuration, userAgent: "mizzen-collector/\(MizzenVersion.current)", mostConnections: ReviewingClient.mostConnections,
                logger: logger)
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "\(error)")
        }
    }
}

/// The collector's ends of the streams: objects in, samples out, and samples of others in.
private struct CollectorStreams {
    let publisher: SamplePublisher
    private(set) var services: [any ServiceLifecycle.Service] = []

    /// For which a collector that goes on with the names that another has left does not yet follow the stream: those who ask meanwhile are
    /// answered first, and do not wait until as many names again have come.
    private static let headStart = Duration.milliseconds(500)

    /// - Throws: `ProcessError` naming the endpoint that cannot be used.
    init(
        _ command: CollectorCommand, _ catalog: ClusterCatalog, _ store: UsageStore, _ board: ScrapeBoard, _ metrics: ScrapeMetrics,
        _ logger: Logger
    ) throws(ProcessError) {
        let peers = SampleOptions.list(command.peerSamples)
        let streams = command.streams
        let transport = try streams.transport(subscribingTo: [streams.deltas, streams.snapshots] + peers)
        do throws(DeltaStreamError) {
            var publishing = SamplePublisher.Options()
            publishing.transport = transport
            var subscribing = Subscriber.Options()
            subscribing.transport = transport
            let publisher = try SamplePublisher(command.sampling.samples, options: publishing, logger: logger)
            let subscriber = try Subscriber(
                deltas: streams.deltas, snapshots: streams.snapshots,
                filter: [TopicFilter(.nodes), TopicFilter(.pods)], consumer: catalog, options: subscribing,
                logger: logger)
            self.publisher = publisher
            let headStart: Duration = catalog.counts.pods > 0 ? Self.headStart : .zero
            services = [
                StreamService {
                    try? await Task.sleep(for: headStart)
                    try await subscriber.run()
                },
                StreamService { try await publisher.run() },
            ]
            if !peers.isEmpty {
                let sharing =
                    !command.shareNodes
                    ? nil
                    : NodeSharing(
                        board: board, publisher: publisher, collector: command.name,
                        resolution: command.kubelets.metricResolution.nanoseconds, nodeSelector: command.kubelets.nodeSelector,
                        metrics: metrics, logger: logger)
                var beats: (@Sendable (CollectorBeat) -> Void)?
                if let sharing { beats = { sharing.heard($0) } }
                let others = try SampleSubscriber(endpoints: peers, transport: transport, logger: logger, beats: beats) { sample in
                    store.apply(sample)
                    board.sampled(sample)
                }
                // Behind the publisher, so that it ends before it and can say so.
                if let sharing { services.append(sharing) }
                services.append(StreamService { try await others.run() })
            }
        } catch {
            throw ProcessError(error)
        }
    }
}
