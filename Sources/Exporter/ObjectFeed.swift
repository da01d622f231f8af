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
    private let deniedNamespaces: Set<String>
    private let usage: UsageBook
    private let telemetry: ExporterTelemetry
    private let logger: Logger
    private let crew: RenderingCrew
    /// Resources of which an object that cannot be decoded was logged; the counter tells of the others.
    private let complained = Mutex<Set<Resource>>([])

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
                families: renderer.families, isNamed: [.pods, .nodes].contains(renderer.resource))
            channels[renderer.resource] = Channel(renderer: renderer, store: store)
            sections.append(
                ExpositionSection(resource: renderer.resource.plural, families: renderer.families, store: store))
            telemetry.watch(renderer.resource, store: store)
        }
        self.channels = channels
        self.telemetry = telemetry
        self.logger = logger
        self.crew = crew
        deniedNamespaces = configuration.deniedNamespaces
        usage = UsageBook(
            configuration, nodes: channels[.nodes]?.store, pods: channels[.pods]?.store, telemetry: telemetry, now: now)
        self.sections = sections + usage.sections
    }

    /// Takes a sample of a collector; safe to call from any thread.
    func take(_ sample: NodeSample) { usage.take(sample) }

    /// Drops usage whose samples have stopped coming. Safe to call from any thread.
    func expireUsage() { usage.expire() }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        guard let channel = channels[resource] else { return }
        let entries = crew.compactMap(objects) { delta in entry(delta, channel) }
        let gone = channel.store.replace(bucket: bucket, with: entries)
        usage.forget(gone, of: resource)
    }

    func apply(_ delta: Delta) {
        guard let channel = channels[delta.resource] else { return }
        if delta.change != .deleted, let entry = entry(delta, channel) {
            channel.store.upsert(entry, bucket: delta.bucket)
        } else {
            // Also an object that is not wanted any more, or cannot be decoded any more: its old lines would be wrong.
            channel.store.remove(uid: ObjectKey(uid: delta.uid), bucket: delta.bucket)
            let name = ObjectKey(namespace: delta.namespace, name: delta.name)
            // A newer object of this name may be there already.
            if channel.store.identity(named: name) == nil { usage.forget([name], of: delta.resource) }
        }
    }

    func joined(_ resource: Resource, synced: Bool) {
        telemetry.joined(resource, synced: synced)
        if synced { usage.joined(resource) }
    }

    func stale(_ resource: Resource, since: Int64) { telemetry.stale(resource, since: since) }

    func heartbeat(_ heartbeat: Heartbeat) { telemetry.heartbeat(heartbeat.resource, time: heartbeat.time) }

    private func entry(_ delta: Delta, _ channel: Channel) -> ObjectStore.Entry? {
        guard delta.namespace.isEmpty || !deniedNamespaces.contains(delta.namespace) else { return nil }
        do throws(ObjectDecodingError) {
            guard let record = try channel.renderer.record(delta.object) else { return nil }
            return ObjectStore.Entry(
                uid: ObjectKey(uid: delta.uid), name: ObjectKey(namespace: delta.namespace, name: delta.name), record: record)
        } catch {
            telemetry.undecodable(delta.resource)
            if complained.withLock({ $0.insert(delta.resource).inserted }) {
                logger.error(
                    "an object cannot be decoded and is left out; further ones of its resource are only counted",
                    metadata: [
                        "resource": "\(delta.resource)", "namespace": "\(delta.namespace)", "name": "\(delta.name)",
                        "reason": "\(error)",
                    ])
            }
            return nil
        }
    }
}
