import DeltaStream
import KubernetesObjects
import Logging
import Synchronization

/// What one configuration makes of the custom resources on the stream, kept up with it.
///
/// Several subscribers may tell it of different resources, each from its own thread.
final class CustomResourceFeed: DeltaConsumer {
    /// A section of the layout, filled.
    private struct Section {
        let store: ObjectStore
        var ledger: SeriesLedger
        var renderers: [Resource: ResourceRenderer] = [:]
    }

    private struct Stream {
        var isWhole = false
        /// By bucket: who is held, by UID.
        var holders: [[String: SeriesLedger.Holder]] = Array(repeating: [:], count: Topic.bucketCount)
    }

    private struct State {
        var sections: [Section]
        var streams: [Resource: Stream] = [:]
        var complained: Set<Resource> = []
    }

    private let layout: CustomResourceLayout
    private let deniedNamespaces: Set<String>
    private let journal: RuleJournal
    private let undecodable: @Sendable (Resource) -> Void
    private let logger: Logger
    private let state: Mutex<State>

    /// In the order of the exposition.
    let sections: [ExpositionSection]

    /// - Parameter undecodable: told of each object that is no JSON object.
    init(
        _ layout: CustomResourceLayout, deniedNamespaces: Set<String> = [], journal: RuleJournal, logger: Logger,
        undecodable: @escaping @Sendable (Resource) -> Void = { _ in }
    ) {
        self.layout = layout
        self.deniedNamespaces = deniedNamespaces
        self.journal = journal
        self.undecodable = undecodable
        self.logger = logger
        let filled = layout.sections.map { section in
            Section(
                store: ObjectStore(families: section.families, isNamed: false), ledger: SeriesLedger(families: section.shared))
        }
        sections = zip(layout.sections, filled).map {
            ExpositionSection(resource: $0.name, families: $0.families, store: $1.store)
        }
        state = Mutex(State(sections: filled))
    }

    /// Prepares for a resource; nothing where it is known, or no rule is about it.
    /// - Returns: whether it is new.
    func add(_ resource: Resource) -> Bool {
        let concerned = layout.sections(of: resource)
        guard !concerned.isEmpty else { return false }
        return state.withLock { state in
            guard state.streams[resource] == nil else { return false }
            state.streams[resource] = Stream()
            for index in concerned {
                state.sections[index].renderers[resource] = layout.sections[index].renderer(resource, journal: journal)
            }
            return true
        }
    }

    /// The resource is not on the stream any more: none of its objects exists.
    func drop(_ resource: Resource) {
        state.withLock { state in
            for bucket in 0..<Topic.bucketCount {
                for holder in (state.streams[resource]?.holders[bucket] ?? [:]).values {
                    remove(holder, resource, bucket: UInt8(bucket), &state)
                }
            }
            // Nothing is awaited of it.
            state.streams[resource]?.isWhole = true
        }
    }

    /// The resources that have not been whole yet.
    var missing: [Resource] { state.withLock { state in state.streams.filter { !$0.value.isWhole }.map(\.key) } }

    /// Objects held, by resource.
    var counts: [Resource: Int] {
        state.withLock { state in state.streams.mapValues { $0.holders.reduce(0) { $0 + $1.count } } }
    }

    /// Samples that are left out because another object gives the same series.
    var suppressed: Int { state.withLock { state in state.sections.reduce(0) { $0 + $1.ledger.suppressed } } }

    // MARK: DeltaConsumer

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        state.withLock { state in
            let kept = Set(objects.map(\.uid))
            for (uid, holder) in state.streams[resource]?.holders[Int(bucket)] ?? [:] where !kept.contains(uid) {
                remove(holder, resource, bucket: bucket, &state)
            }
            for object in objects { put(object, &state) }
        }
    }

    func apply(_ delta: Delta) {
        state.withLock { state in
            if delta.change == .deleted {
                guard let holder = state.streams[delta.resource]?.holders[Int(delta.bucket)][delta.uid] else { return }
                remove(holder, delta.resource, bucket: delta.bucket, &state)
            } else {
                put(delta, &state)
            }
        }
    }

    func joined(_ resource: Resource, synced: Bool) {
        if synced { state.withLock { $0.streams[resource]?.isWhole = true } }
    }

    func stale(_ resource: Resource, since: Int64) {}

    // MARK: Objects

    private func put(_ delta: Delta, _ state: inout State) {
        let (resource, bucket) = (delta.resource, delta.bucket)
        guard state.streams[resource] != nil else { return }
        let holder = SeriesLedger.Holder(
            namespace: delta.namespace, name: delta.name, uid: delta.uid, resource: "\(resource.apiVersion)/\(resource.plural)")
        if let old = state.streams[resource]?.holders[Int(bucket)][delta.uid], old != holder {
            remove(old, resource, bucket: bucket, &state)
        }
        guard delta.namespace.isEmpty || !deniedNamespaces.contains(delta.namespace) else { return }
        do throws(ObjectDecodingError) {
            for index in state.sections.indices {
                guard let renderer = state.sections[index].renderers[resource] else { continue }
                guard let record = try renderer.record(delta.object) else { continue }
                for (changed, record) in state.sections[index].ledger.put(record, of: holder) {
                    Self.serve(record, of: changed, in: state.sections[index].store)
                }
            }
            state.streams[resource]?.holders[Int(bucket)][delta.uid] = holder
        } catch {
            // Its old lines would be wrong.
            remove(holder, resource, bucket: bucket, &state)
            undecodable(resource)
            guard state.complained.insert(resource).inserted else { return }
            logger.error(
                "a custom resource cannot be decoded and is left out; further ones of its kind are only counted",
                metadata: [
                    "resource": "\(resource)", "namespace": "\(delta.namespace)", "name": "\(delta.name)", "reason": "\(error)",
                ])
        }
    }

    private func remove(_ holder: SeriesLedger.Holder, _ resource: Resource, bucket: UInt8, _ state: inout State) {
        state.streams[resource]?.holders[Int(bucket)][holder.uid] = nil
        for index in state.sections.indices where state.sections[index].renderers[resource] != nil {
            let store = state.sections[index].store
            store.remove(uid: Self.key(holder), bucket: bucket)
            for (changed, record) in state.sections[index].ledger.remove(holder) { Self.serve(record, of: changed, in: store) }
        }
    }

    private static func serve(_ record: ObjectRecord, of holder: SeriesLedger.Holder, in store: ObjectStore) {
        let entry = ObjectStore.Entry(
            uid: key(holder), name: ObjectKey(namespace: holder.namespace, name: holder.name), record: record)
        store.upsert(entry, bucket: Topic.bucket(ofUID: holder.uid))
    }

    /// Versions of one object share its UID.
    private static func key(_ holder: SeriesLedger.Holder) -> ObjectKey { ObjectKey(namespace: holder.resource, name: holder.uid) }
}
