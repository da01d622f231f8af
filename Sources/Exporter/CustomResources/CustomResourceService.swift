import DeltaStream
import KubernetesObjects
import Logging
import MizzenSystem
import ProcessRuntime
import ServiceLifecycle
import StreamCommandLine
import Synchronization

/// Serves the metrics of custom resources: reads the configuration, again when it changes, and follows on the stream what it is about,
/// as it comes and goes there.
///
/// A changed configuration is filled from the stream while the former one still serves, and takes its place in one step when it has
/// everything: no scrape sees a part of it, or both.
final class CustomResourceService: ServiceLifecycle.Service {
    /// What of the stream is wanted.
    struct Selection: Sendable {
        var filter: FamilyFilter
        /// Empty: all.
        var namespaces: [String] = []
        var deniedNamespaces: Set<String> = []
        var buckets = BucketSet.all
        /// Families that are served of other objects.
        var taken: Set<String> = []
    }

    /// A configuration and what it makes of the stream.
    private final class Generation: Sendable {
        let layout: CustomResourceLayout
        let feed: CustomResourceFeed
        let began = ContinuousClock.now
        private let followers = Mutex<[Task<Void, Never>]>([])
        private let looked = Mutex(false)

        init(layout: CustomResourceLayout, feed: CustomResourceFeed) {
            self.layout = layout
            self.feed = feed
        }

        /// Everything that the stream has of it is here.
        var isWhole: Bool { hasLooked && feed.missing.isEmpty }

        /// Whether it is known what the stream has of it.
        var hasLooked: Bool { looked.withLock { $0 } }

        /// - Parameter follow: follows resources until it is cancelled.
        func follow(_ carried: [Resource], _ follow: @escaping @Sendable (CustomResourceFeed, [Resource]) async -> Void) {
            let new = carried.filter { feed.add($0) }
            if !new.isEmpty {
                let feed = feed
                followers.withLock { $0.append(Task { await follow(feed, new) }) }
            }
            looked.withLock { $0 = true }
        }

        func stop() async {
            let tasks = followers.withLock { tasks in
                defer { tasks = [] }
                return tasks
            }
            for task in tasks { task.cancel() }
            for task in tasks { await task.value }
        }
    }

    /// After this long a changed configuration serves what it has.
    private static let patience = Duration.seconds(30)
    /// A resource that the watcher has not named for this long is gone, if the watcher answers.
    private static let absence = Duration.seconds(60)
    private static let catalogInterval = Duration.seconds(2)
    /// The same until the stream has once been whole here.
    private static let firstInterval = Duration.milliseconds(250)

    private let source: CustomResourceSource
    private let streams: StreamOptions
    private let transport: Transport
    private let selection: Selection
    private let registry: MetricsRegistry
    private let logger: Logger
    private let current = Mutex<Generation?>(nil)
    private let next = Mutex<Generation?>(nil)
    private let read = Mutex<String?>(nil)
    private let journal: RuleJournal
    private let started = ContinuousClock.now

    /// - Throws: 78 for a configuration that cannot be read or is none.
    init(
        _ source: CustomResourceSource, _ streams: StreamOptions, selection: Selection, registry: MetricsRegistry, logger: Logger
    ) throws(ProcessError) {
        self.source = source
        self.streams = streams
        self.selection = selection
        self.registry = registry
        self.logger = logger
        transport = try streams.transport(subscribingTo: [streams.deltas, streams.snapshots])
        journal = RuleJournal(registry: registry, logger: logger)
        if let text = try source.read() {
            self.read.withLock { $0 = text }
            do throws(ConfigurationError) {
                let generation = try generation(text)
                current.withLock { $0 = generation }
                loaded(text, isTaken: true)
            } catch {
                throw ProcessError(
                    code: ExitStatus.configuration, message: "the configuration of custom resource metrics cannot be read: \(error)",
                    place: source.name)
            }
        } else {
            logger.notice("there is no configuration of custom resource metrics yet", metadata: ["file": "\(source.name)"])
        }
        registry.gauge(
            "mizzen_exporter_custom_resource_series_left_out",
            help: "Samples of custom resources left out because another object gives the same series."
        ) { [weak self] in Double(self?.current.withLock { $0 }?.feed.suppressed ?? 0) }
    }

    private var generations: [Generation] { [current.withLock { $0 }, next.withLock { $0 }].compactMap { $0 } }

    /// The configuration that was read last; nil: none yet.
    var text: String? { read.withLock { $0 } }

    /// Whether that is not what is served: it is being filled.
    var isChanging: Bool { next.withLock { $0 != nil } }

    /// In the order of the exposition; safe to call from any thread.
    var sections: [ExpositionSection] { current.withLock { $0 }?.feed.sections ?? [] }

    /// The sections that are not whole yet, by the names of ``ExpositionSection/resource``; none once ``patience`` has passed since the
    /// start: a resource may be on the stream that its watcher is not allowed to list.
    var missing: [String] {
        guard ContinuousClock.now - started < Self.patience, let generation = current.withLock({ $0 }), !generation.isWhole else {
            return []
        }
        let waiting = generation.hasLooked ? Set(generation.feed.missing.flatMap(generation.layout.sections(of:))) : nil
        return generation.layout.sections.indices.filter { waiting?.contains($0) ?? true }.map { generation.layout.sections[$0].name }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var nextLook = ContinuousClock.now
            var seen: [Resource: ContinuousClock.Instant] = [:]
            while !Task.isCancelled {
                reload()
                if ContinuousClock.now >= nextLook {
                    await look(&seen)
                    nextLook = .now + (missing.isEmpty && next.withLock({ $0 == nil }) ? Self.catalogInterval : Self.firstInterval)
                }
                await takeOver()
                // Cancelled: the loop's condition sees it.
                try? await Task.sleep(for: .milliseconds(250))
            }
            for generation in generations { await generation.stop() }
        }
    }

    // MARK: The configuration

    private func generation(_ text: String) throws(ConfigurationError) -> Generation {
        let configuration = try CustomResourceConfiguration(yaml: text)
        var complaints = configuration.complaints
        let layout = CustomResourceLayout(configuration, filter: selection.filter, taken: selection.taken, complaints: &complaints)
        for complaint in complaints {
            logger.log(
                level: complaint.isFault ? .error : .warning,
                complaint.isFault
                    ? "a part of the custom resource configuration is left out" : "a name of the custom resource configuration is changed",
                metadata: ["file": "\(source.name)", "reason": "\(complaint.about)"])
        }
        registry.gauge(
            "mizzen_exporter_custom_resource_rules_left_out", help: "Parts of the custom resource configuration that cannot be served."
        ).set(Double(complaints.count(where: \.isFault)))
        registry.gauge("mizzen_exporter_custom_resource_families", help: "Families of the custom resource configuration.")
            .set(Double(layout.sections.reduce(0) { $0 + $1.families.count }))
        let registry = registry
        let feed = CustomResourceFeed(
            layout, deniedNamespaces: selection.deniedNamespaces, journal: journal, logger: logger
        ) { resource in
            registry.counter(
                "mizzen_exporter_undecodable_objects_total", help: "Objects left out because they cannot be decoded.",
                labels: [("resource", "\(resource)")]
            ).add()
        }
        return Generation(layout: layout, feed: feed)
    }

    private func reload() {
        guard case .file = source else { return }
        let new: String?
        do throws(ProcessError) {
            new = try source.read()
        } catch {
            // As when it is being put in place: what is served stays.
            logger.debug(
                "the custom resource configuration cannot be read", metadata: ["file": "\(source.name)", "error": "\(error.message)"])
            return
        }
        guard let new, read.withLock({ $0 != new }) else { return }
        read.withLock { $0 = new }
        do throws(ConfigurationError) {
            let generation = try generation(new)
            loaded(new, isTaken: true)
            logger.notice("the custom resource configuration has changed", metadata: ["file": "\(source.name)"])
            let before = next.withLock { next in
                defer { next = generation }
                return next
            }
            if let before { Task { await before.stop() } }
        } catch {
            loaded(new, isTaken: false)
            logger.error(
                "the custom resource configuration cannot be read; the one before it stays",
                metadata: ["file": "\(source.name)", "error": "\(error)"])
        }
    }

    /// kube-state-metrics' own metrics of its configuration.
    private func loaded(_ text: String, isTaken: Bool) {
        guard case .file(let path, _) = source else { return }
        registry.report(configuration: "customresourceconfig", file: path, text: text, isTaken: isTaken)
    }

    /// The next configuration takes the current one's place when it is whole, or when that takes too long.
    private func takeOver() async {
        guard let ready = next.withLock({ $0 }) else { return }
        let hasPredecessor = current.withLock { $0 != nil }
        guard ready.isWhole || !hasPredecessor || ContinuousClock.now - ready.began > Self.patience else { return }
        next.withLock { if $0 === ready { $0 = nil } }
        let before = current.withLock { current in
            defer { current = ready }
            return current
        }
        await before?.stop()
    }

    // MARK: The stream

    /// Asks the watcher what there is.
    private func look(_ seen: inout [Resource: ContinuousClock.Instant]) async {
        let generations = generations
        guard !generations.isEmpty else { return }
        let carried: [Resource]
        do {
            carried = try await Catalog.fetch(
                snapshots: streams.snapshots, transport: transport, timeout: .seconds(5), logger: logger
            ).map(\.resource)
        } catch {
            logger.debug("the watcher does not say what it carries", metadata: ["error": "\(error)"])
            return
        }
        let now = ContinuousClock.now
        for resource in carried { seen[resource] = now }
        let gone = seen.filter { now - $0.value > Self.absence }.map(\.key)
        for resource in gone { seen[resource] = nil }
        for generation in generations {
            for resource in gone { generation.feed.drop(resource) }
            generation.follow(carried.filter { !Resource.all.contains($0) }) { [self] feed, resources in await follow(feed, resources) }
        }
        observe(carried)
    }

    private func follow(_ feed: CustomResourceFeed, _ resources: [Resource]) async {
        var options = Subscriber.Options()
        options.transport = transport
        options.asksAtOnce = true
        let filters = resources.flatMap { resource in
            // Objects without a namespace are served whatever namespaces are asked for.
            resource.isNamespaced && !selection.namespaces.isEmpty
                ? selection.namespaces.map { TopicFilter(resource, buckets: selection.buckets, namespace: $0) }
                : [TopicFilter(resource, buckets: selection.buckets)]
        }
        do {
            try await Subscriber(
                deltas: streams.deltas, snapshots: streams.snapshots, filter: filters, consumer: feed, options: options, logger: logger
            ).run()
        } catch {
            guard !Task.isCancelled else { return }
            logger.error("custom resources cannot be followed", metadata: ["error": "\(error)"])
        }
    }

    private func observe(_ carried: [Resource]) {
        let counts = current.withLock { $0 }?.feed.counts ?? [:]
        for resource in carried where counts[resource] != nil {
            registry.gauge(
                "mizzen_exporter_custom_resource_objects", help: "Custom resources held.",
                labels: [("resource", "\(resource)"), ("version", resource.version)]
            ).set(Double(counts[resource] ?? 0))
        }
    }
}
