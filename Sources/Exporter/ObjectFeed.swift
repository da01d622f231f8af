import DeltaStream
import KubernetesObjects
import Logging
import Synchronization

/// Keeps the rendered records up with the delta stream. Everything is rendered here when an object changes; nothing when somebody
/// scrapes.
///
/// The subscriber's thread renders what changes; a snapshot's buckets it shares with others (``RenderingCrew``), and waits for them, so
/// that who looks from outside sees one thread: changes come to the stores in the stream's order, from this thread alone.
final class ObjectFeed: DeltaConsumer {
    private struct Channel: Sendable {
        var renderer: ResourceRenderer
        var store: ObjectStore
    }

    private let channels: [Resource: Channel]
    /// nil where no labels stand on series.
    private let labels: LabelBook?
    private let buckets: BucketSet
    private let deniedNamespaces: Set<String>
    private let usage: UsageBook
    private let telemetry: ExporterTelemetry
    private let crew: RenderingCrew
    private let complaints: ObjectComplaints

    /// What object metrics are made of, in the order of the exposition.
    let sections: [ExpositionSection]

    /// - Parameter crew: who renders snapshots.
    init(
        _ configuration: ExporterConfiguration, telemetry: ExporterTelemetry, logger: Logger, crew: RenderingCrew = .ofThisProcess,
        now: @escaping @Sendable () -> SampleMoment = { .now }
    ) {
        var channels: [Resource: Channel] = [:]
        var sections: [ExpositionSection] = []
        for renderer in configuration.renderers {
            let store = ObjectStore(
                families: renderer.families, isNamed: [.pods, .nodes].contains(renderer.resource),
                lists: configuration.labels?.shown[renderer.resource]?.lists ?? [])
            channels[renderer.resource] = Channel(renderer: renderer, store: store)
            sections.append(
                ExpositionSection(
                    resource: renderer.resource.plural, families: renderer.families, store: store,
                    following: configuration.labels?.shown[renderer.resource]?.following ?? []))
            telemetry.watch(renderer.resource, store: store)
        }
        for resource in configuration.labels?.followed ?? [] where channels[resource] == nil { telemetry.watch(resource, store: nil) }
        buckets = configuration.buckets
        self.channels = channels
        self.telemetry = telemetry
        self.crew = crew
        deniedNamespaces = configuration.deniedNamespaces
        usage = UsageBook(
            configuration, nodes: channels[.nodes]?.store, pods: channels[.pods]?.store, telemetry: telemetry, now: now)
        let complaints = ObjectComplaints(telemetry: telemetry, logger: logger)
        self.complaints = complaints
        let (stores, usageStores) = (channels.mapValues(\.store), usage.stores)
        labels = configuration.labels.map { plan in
            LabelBook(plan, stores: stores, usageStores: usageStores, registry: telemetry.registry) { delta, error in
                // Of what is served it is told where it is rendered.
                if stores[delta.resource] == nil { complaints.undecodable(delta, error) }
            }
        }
        if let labels { usage.use(labels) }
        self.sections = sections + usage.sections
    }

    /// Takes a sample of a collector; safe to call from any thread.
    func take(_ sample: NodeSample) { usage.take(sample) }

    /// Drops usage whose samples have stopped coming. Safe to call from any thread.
    func expireUsage() { usage.expire() }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        labels?.follow(resource, bucket: bucket, objects: objects)
        guard let channel = channels[resource], buckets.contains(bucket) else { return }
        let entries = crew.compactMap(objects) { delta in entry(delta, channel) }
        let gone = channel.store.replace(bucket: bucket, with: entries)
        labels?.keep(resource, bucket: bucket, only: Set(entries.map(\.uid)))
        usage.forget(gone, of: resource)
    }

    func apply(_ delta: Delta) {
        labels?.follow(delta)
        guard let channel = channels[delta.resource], buckets.contains(delta.bucket) else { return }
        if delta.change != .deleted, let entry = entry(delta, channel) {
            channel.store.upsert(entry, bucket: delta.bucket)
        } else {
            // Also an object that is not wanted any more, or cannot be decoded any more: its old lines would be wrong.
            channel.store.remove(uid: ObjectKey(uid: delta.uid), bucket: delta.bucket)
            labels?.hide(delta.resource, bucket: delta.bucket, uid: ObjectKey(uid: delta.uid))
            let name = ObjectKey(namespace: delta.namespace, name: delta.name)
            // A newer object of this name may be there already.
            if channel.store.identity(named: name) == nil { usage.forget([name], of: delta.resource) }
        }
    }

    func joined(_ resource: Resource, synced: Bool) {
        // Before anybody is told that it is whole.
        if synced { labels?.joined(resource) }
        telemetry.joined(resource, synced: synced)
        if synced { usage.joined(resource) }
    }

    func stale(_ resource: Resource, since: Int64) { telemetry.stale(resource, since: since) }

    func heartbeat(_ heartbeat: Heartbeat) { telemetry.heartbeat(heartbeat.resource, time: heartbeat.time) }

    private func entry(_ delta: Delta, _ channel: Channel) -> ObjectStore.Entry? {
        guard delta.namespace.isEmpty || !deniedNamespaces.contains(delta.namespace) else { return nil }
        do throws(ObjectDecodingError) {
            guard var record = try channel.renderer.record(delta.object) else { return nil }
            if let labels { record.additions = labels.show(delta) }
            return ObjectStore.Entry(
                uid: ObjectKey(uid: delta.uid), name: ObjectKey(namespace: delta.namespace, name: delta.name), record: record)
        } catch {
            complaints.undecodable(delta, error)
            return nil
        }
    }
}

/// Tells of objects that cannot be decoded: each is counted, the first of a resource logged.
private final class ObjectComplaints: Sendable {
    private let telemetry: ExporterTelemetry
    private let logger: Logger
    private let complained = Mutex<Set<Resource>>([])

    init(telemetry: ExporterTelemetry, logger: Logger) {
        self.telemetry = telemetry
        self.logger = logger
    }

    func undecodable(_ delta: Delta, _ error: ObjectDecodingError) {
        telemetry.undecodable(delta.resource)
        guard complained.withLock({ $0.insert(delta.resource).inserted }) else { return }
        logger.error(
            "an object cannot be decoded and is left out; further ones of its resource are only counted",
            metadata: [
                "resource": "\(delta.resource)", "namespace": "\(delta.namespace)", "name": "\(delta.name)", "reason": "\(error)",
            ])
    }
}
