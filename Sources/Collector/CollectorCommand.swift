public import ArgumentParser
import AsyncHTTPClient
import DeltaStream
import Glibc
import Kubernetes
import Logging
import NIOCore
import NIOSSL
import ProcessRuntime
import ServiceLifecycle

/// `mizzen-collector`: scrapes kubelets, publishes samples and serves `metrics.k8s.io/v1beta1`.
public struct CollectorCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "mizzen-collector",
        abstract: "Scrapes kubelets, publishes samples, and serves the Metrics API as metrics-server does.",
        discussion: "Nodes and pods come from the watcher's delta stream; the API server is only asked who a caller is.")

    @Option(help: "Where the watcher publishes deltas.")
    var deltas = DefaultPaths.deltas

    @Option(help: "Where the watcher answers requests for snapshots.")
    var snapshots = DefaultPaths.snapshots

    @Option(help: "Where to publish samples.")
    var samples = DefaultPaths.samples

    @Option(help: "Samples of other collectors to answer for too, separated by commas.")
    var peerSamples = ""

    @Option(help: "Name of this collector in its samples. Default: the host's name and the process id.")
    var collectorName: String?

    @Option(help: "HOST:PORT for /livez, /readyz and /metrics in plain HTTP, without permissions. Off by default.")
    var http: HTTPAddress?

    @Option(help: "File that says how to reach and convince the API server.")
    var kubeconfig: String?

    @Flag(help: "Use the service account of the pod that this runs in. The default inside a cluster.")
    var inCluster = false

    @OptionGroup(title: "Kubelets") var kubelets: KubeletOptions
    @OptionGroup(title: "Serving") var serving: ServingOptions
    @OptionGroup(title: "Logging") var logging: LoggingOptions

    @Option(
        name: [.customLong("v"), .customShort("v")],
        help: ArgumentHelp("As in metrics-server: from 4 on the same as --log-level debug.", visibility: .hidden))
    var verbosity = 0

    public init() {}

    public func validate() throws {
        if kubeconfig != nil, inCluster {
            throw ValidationError("--kubeconfig and --in-cluster exclude each other; drop one of them")
        }
    }

    public func run() async throws {
        var logging = logging
        if verbosity >= 4 { logging.logLevel = min(logging.logLevel, .debug) }
        let logger = logging.makeLogger("mizzen-collector")
        let parts = try CollectorParts(self, logger: logger)
        do {
            try await ProcessMain.serve(services: parts.services, logger: logger)
        } catch {
            try? await parts.shutdown()
            throw error
        }
        try await parts.shutdown()
    }

    var name: String {
        if let collectorName { return collectorName }
        var buffer = [CChar](repeating: 0, count: 256)
        // Safe: the length is the array's; a name that does not fit is cut, and the array ends with a zero.
        unsafe gethostname(&buffer, buffer.count - 1)
        let host = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(host)/\(getpid())"
    }
}

extension GoDuration {
    fileprivate static let kubeletFastest = GoDuration(seconds: 10)
}

/// Everything that runs, wired from the options.
struct CollectorParts {
    private(set) var services: [any ServiceLifecycle.Service] = []
    private let kubeletHTTP: HTTPClient
    private let client: APIClient?

    init(_ command: CollectorCommand, logger: Logger) throws {
        Self.warn(command, logger)
        let registry = MetricsRegistry()
        registry.gauge(
            "mizzen_build_info", help: "Version of this program.", labels: [("version", MizzenVersion.current)]
        ).set(1)
        let store = UsageStore(resolution: command.kubelets.metricResolution.nanoseconds)
        let catalog = Self.catalog(registry, logger)
        let tls = try ServingCertificate.configuration(
            certificateFile: command.serving.tlsCertFile, keyFile: command.serving.tlsPrivateKeyFile,
            directory: command.serving.certDir)
        let configuration = try Self.clientConfiguration(command)
        client = try configuration.map { try Self.apiClient($0, logger) }
        let kubeletCredentials = try KubeletTrust(command.kubelets, configuration, logger: logger)
        kubeletHTTP = Self.kubeletHTTP(command.kubelets)
        let kubelets = KubeletClient(
            http: kubeletHTTP, addressing: command.kubelets.addressing,
            timeout: command.kubelets.kubeletRequestTimeout.duration,
            credentials: { try await kubeletCredentials.current() })

        let publisher: SamplePublisher
        let subscriber: Subscriber
        do throws(DeltaStreamError) {
            publisher = try SamplePublisher(command.samples, logger: logger)
            subscriber = try Subscriber(
                deltas: command.deltas, snapshots: command.snapshots,
                filter: [TopicFilter(.nodes), TopicFilter(.pods)], consumer: catalog, logger: logger)
        } catch {
            throw ProcessError(code: ExitStatus.unavailable, message: error.message, place: error.place)
        }
        let schedule = ScrapeSchedule(
            catalog: catalog, client: kubelets, interval: command.kubelets.metricResolution.duration,
            selector: try LabelQuery(command.kubelets.nodeSelector), collector: command.name,
            metrics: ScrapeMetrics(registry), logger: logger,
            sink: { outcome in
                store.apply(outcome.sample)
                publisher.publish(outcome.sample)
            },
            forget: { node in
                store.forget(node: node)
                publisher.forget(node: node)
            })
        let health = CollectorHealth(catalog: catalog, store: store)
        let api = try Self.api(command, catalog, store, health, registry, client, logger)
        Self.register(store, catalog, publisher, in: registry)
        services = [
            CancellableService { try await subscriber.run() }, CancellableService { try await publisher.run() },
            schedule,
            MetricsAPIServer(address: command.serving.address, tls: tls, api: api.api, logger: logger) {
                api.port.set($0.port)
            },
        ]
        try addPeers(command, store, logger)
        if let address = command.http { addHealth(address, api.api, registry, logger) }
    }

    func shutdown() async throws {
        try await kubeletHTTP.shutdown()
        try await client?.shutdown()
    }

    private static func warn(_ command: CollectorCommand, _ logger: Logger) {
        let resolution = command.kubelets.metricResolution
        if resolution.nanoseconds < GoDuration.kubeletFastest.nanoseconds {
            logger.warning(
                "the metric resolution is finer than kubelets measure; answers may repeat or be missing",
                metadata: ["metric-resolution": "\(resolution)"])
        }
        if command.kubelets.kubeletRequestTimeout.nanoseconds > resolution.nanoseconds / 10 * 9 {
            logger.warning(
                "the kubelet request timeout is not smaller than the metric resolution; slow kubelets delay their next scrape",
                metadata: [
                    "kubelet-request-timeout": "\(command.kubelets.kubeletRequestTimeout)",
                    "metric-resolution": "\(resolution)",
                ])
        }
        if command.serving.insecureSkipAuthorization {
            logger.warning(
                "EVERYONE WHO REACHES THIS ADDRESS CAN READ ALL METRICS: --insecure-skip-authorization is set",
                metadata: ["address": "\(command.serving.address)"])
        }
    }

    private static func catalog(_ registry: MetricsRegistry, _ logger: Logger) -> ClusterCatalog {
        let counter = registry.counter(
            "mizzen_collector_undecodable_objects_total", help: "Objects of the stream that were skipped.")
        return ClusterCatalog { resource, name, reason in
            if counter.value == 0 {
                logger.error(
                    "object skipped; further ones are only counted",
                    metadata: ["resource": "\(resource)", "name": "\(name)", "reason": "\(reason)"])
            }
            counter.add()
        }
    }

    /// Nil if no API server is known, which leaves everyone anonymous.
    private static func clientConfiguration(_ command: CollectorCommand) throws -> ClientConfiguration? {
        do throws(CredentialError) {
            if let path = command.kubeconfig { return try ClientConfiguration.kubeconfig(path: path) }
            // metrics-server takes the service account of its pod when nothing is said.
            let isInPod = unsafe getenv("KUBERNETES_SERVICE_HOST") != nil  // Safe: only compared, before other threads start.
            return command.inCluster || isInPod ? try ClientConfiguration.inCluster() : nil
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "\(error)")
        }
    }

    private static func apiClient(_ configuration: ClientConfiguration, _ logger: Logger) throws -> APIClient {
        do throws(CredentialError) {
            return try APIClient(
                configuration, userAgent: "mizzen-collector/\(MizzenVersion.current)", logger: logger)
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "\(error)")
        }
    }

    private static func kubeletHTTP(_ options: KubeletOptions) -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = TimeAmount(options.kubeletRequestTimeout.duration)
        // Connections outlive the pause between two scrapes: a TLS handshake costs more than a scrape.
        configuration.connectionPool.idleTimeout = .nanoseconds(
            options.metricResolution.nanoseconds + 30_000_000_000)
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private static func api(
        _ command: CollectorCommand, _ catalog: ClusterCatalog, _ store: UsageStore, _ health: CollectorHealth,
        _ registry: MetricsRegistry, _ client: APIClient?, _ logger: Logger
    ) throws -> (api: MetricsAPI, port: PortBox) {
        let port = PortBox(command.serving.securePort)
        let access: any AccessControl
        if command.serving.insecureSkipAuthorization {
            access = OpenAccess()
        } else if let client {
            access = CachedAccess(DelegatedAccess(client: client), lifetimes: command.serving.lifetimes)
        } else {
            logger.warning(
                "no API server is known, so nobody may read metrics; give --kubeconfig or --in-cluster")
            access = NoAccess()
        }
        let api = MetricsAPI(
            catalog: catalog, store: store, access: access,
            alwaysAllowedPaths: command.serving.authorizationAlwaysAllowPaths.split(separator: ",").map(String.init),
            nodeSelector: try LabelQuery(command.kubelets.nodeSelector), livez: health.livez, readyz: health.readyz,
            registry: registry,
            freshness: registry.histogram(
                "metrics_server_api_metric_freshness_seconds", help: "Age of metrics when they were answered.",
                buckets: (0..<20).reduce(into: [1.0]) { bounds, _ in bounds.append(bounds[bounds.count - 1] * 1.364) }
                    .dropLast()),
            port: { port.value }, now: { WallClock.nanoseconds() }, logger: logger)
        return (api, port)
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
        registry.gauge("mizzen_collector_samples_published", help: "Samples published since the start.") {
            Double(publisher.publishedCount)
        }
    }

    private mutating func addPeers(_ command: CollectorCommand, _ store: UsageStore, _ logger: Logger) throws {
        let endpoints = command.peerSamples.split(separator: ",").map(String.init)
        if endpoints.isEmpty { return }
        do throws(DeltaStreamError) {
            let subscriber = try SampleSubscriber(endpoints: endpoints, logger: logger) { store.apply($0) }
            services.append(CancellableService { try await subscriber.run() })
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: error.message, place: "--peer-samples \(error.place)")
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
                    "/metrics": { .metrics(registry.render()) },
                ],
                logger: logger))
    }
}
