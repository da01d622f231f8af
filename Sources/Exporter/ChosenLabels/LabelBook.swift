import DeltaStream
import KubernetesObjects
import ProcessRuntime
import Synchronization

/// Keeps what ``LabelPlan`` needs of objects: the chosen labels of those that are served and of their namespaces and controllers, and who
/// shows whose. When a namespace or a controller changes, those that show it get their new labels, and nobody else.
///
/// Written from the subscriber's thread, as the stores are, and from those that render a snapshot for it, which it waits for
/// (``RenderingCrew``).
final class LabelBook: Sendable {
    private struct Place: Hashable, Sendable {
        /// In ``LabelBook/numbers``.
        var resource: UInt8
        var bucket: UInt8
        var uid: ObjectKey
    }

    /// What is known of an object.
    private struct Held: Hashable, Sendable {
        /// In the order of the plan's keys; nil where it has no such label, or an empty one, which Prometheus takes for none.
        var values: [String?]
        var namespace: String
        /// Only if it is one of those that are followed.
        var controller: Place?
    }

    private struct State: Sendable {
        /// By the numbers of resources.
        var shown: [FollowedObjects<Held>]
        var followed: [FollowedObjects<Held>]
        /// Who is shown with labels of a namespace, by its name, or of a controller.
        var members: [String: Set<Place>] = [:]
        var shownUnder: [Place: Set<Place>] = [:]
        /// Who is followed, and has a controller itself.
        var followedUnder: [Place: Set<Place>] = [:]
        /// Followed resources that are not whole yet.
        var awaited: Set<Resource>
    }

    /// No row of controllers is longer; the references may be anything, a circle too.
    private static let longestRow = 8

    private let plan: LabelPlan
    private let resources: [Resource]
    private let numbers: [Resource: UInt8]
    private let isFollowed: Set<Resource>
    private let namespaces: Int?
    private let stores: [Resource: ObjectStore]
    private let usageStores: [Resource: ObjectStore]
    private let relabelled: [Resource: Counter]
    private let undecodable: @Sendable (Delta, ObjectDecodingError) -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - stores: where the objects of the plan's resources are.
    ///   - usageStores: where their usage is.
    ///   - undecodable: told of each followed object whose metadata cannot be read.
    init(
        _ plan: LabelPlan, stores: [Resource: ObjectStore], usageStores: [Resource: ObjectStore], registry: MetricsRegistry,
        undecodable: @escaping @Sendable (Delta, ObjectDecodingError) -> Void
    ) {
        (self.plan, self.stores, self.usageStores, self.undecodable) = (plan, stores, usageStores, undecodable)
        let followed = plan.followed
        isFollowed = Set(followed)
        resources = followed + plan.shown.keys.filter { !followed.contains($0) }
        // There are some 40 resources.
        numbers = Dictionary(resources.enumerated().map { ($1, UInt8(truncatingIfNeeded: $0)) }) { first, _ in first }
        namespaces = followed.firstIndex(of: .namespaces)
        relabelled = plan.shown.filter { !$0.value.following.isEmpty }.reduce(into: [:]) { counters, shown in
            counters[shown.key] = registry.counter(
                "mizzen_exporter_relabelled_objects_total",
                help: "Objects whose series got other labels because their namespace or a controller of theirs has changed.",
                labels: [("resource", shown.key.plural)])
        }
        state = Mutex(
            State(
                shown: resources.map { _ in FollowedObjects(isNamed: false) },
                followed: resources.map { FollowedObjects(isNamed: $0 == .namespaces) }, awaited: Set(followed)))
    }

    // MARK: Objects that are served

    /// Takes note of an object that is served from now on, or has changed.
    /// - Returns: its labels, as ``ObjectRecord/additions`` has them.
    func show(_ delta: Delta) -> [[UInt8]] {
        guard let shown = plan.shown[delta.resource], let number = numbers[delta.resource],
            let held = try? held(delta, keys: plan.objectKeys, hasController: !shown.sources.isDisjoint(with: [.controller, .owner]))
        else { return [] }
        let place = Place(resource: number, bucket: delta.bucket, uid: ObjectKey(uid: delta.uid))
        return state.withLock { state in
            let entry = FollowedObjects<Held>.Entry(uid: place.uid, name: place.uid, kept: held)
            let old = state.shown[Int(number)].upsert(entry, bucket: place.bucket)?.kept
            if old?.controller != held.controller || old?.namespace != held.namespace {
                if let old { Self.leave(place, old, &state) }
                if let controller = held.controller { state.shownUnder[controller, default: []].insert(place) }
                if shown.sources.contains(.namespace) { state.members[held.namespace, default: []].insert(place) }
            }
            let additions = additions(held, shown, state)
            if let old, old != held {
                _ = usageStores[delta.resource]?.relabel([.init(uid: place.uid, bucket: place.bucket, additions: additions)])
            }
            return additions
        }
    }

    /// Puts an object's usage into its store, with the labels that the object has now. Safe to call from any thread.
    func put(_ entry: ObjectStore.Entry, bucket: UInt8, usageOf resource: Resource) {
        // Under the lock, so that a change of labels comes before both or behind both.
        state.withLock { state in
            var entry = entry
            if let shown = plan.shown[resource], let number = numbers[resource],
                let held = state.shown[Int(number)].kept(uid: entry.uid, bucket: bucket)
            {
                entry.record.additions = additions(held, shown, state)
            }
            usageStores[resource]?.upsert(entry, bucket: bucket)
        }
    }

    /// The object is not served any more.
    func hide(_ resource: Resource, bucket: UInt8, uid: ObjectKey) {
        guard plan.shown[resource] != nil, let number = numbers[resource] else { return }
        state.withLock { state in
            guard let old = state.shown[Int(number)].remove(uid: uid, bucket: bucket)?.kept else { return }
            Self.leave(Place(resource: number, bucket: bucket, uid: uid), old, &state)
        }
    }

    /// No other objects of the bucket are served.
    func keep(_ resource: Resource, bucket: UInt8, only uids: Set<ObjectKey>) {
        guard plan.shown[resource] != nil, let number = numbers[resource] else { return }
        let gone = state.withLock { state in state.shown[Int(number)].buckets[Int(bucket)].map(\.uid).filter { !uids.contains($0) } }
        for uid in gone { hide(resource, bucket: bucket, uid: uid) }
    }

    private static func leave(_ place: Place, _ old: Held, _ state: inout State) {
        if let controller = old.controller { state.shownUnder.remove(place, under: controller) }
        state.members.remove(place, under: old.namespace)
    }

    // MARK: Objects whose labels are shown

    /// Takes note of a change of an object, if it is of those that are followed.
    func follow(_ delta: Delta) { follow(delta.resource) { state in [put(delta, &state)] } }

    /// These are now all objects of the bucket.
    func follow(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        follow(resource) { state in
            let number = Int(numbers[resource] ?? 0)
            let kept = Set(objects.map { ObjectKey(uid: $0.uid) })
            let gone = state.followed[number].buckets[Int(bucket)].filter { !kept.contains($0.uid) }
            return gone.map { remove(Place(resource: UInt8(truncatingIfNeeded: number), bucket: bucket, uid: $0.uid), &state) }
                + objects.map { put($0, &state) }
        }
    }

    /// Everything of the resource is here.
    func joined(_ resource: Resource) {
        guard isFollowed.contains(resource) else { return }
        let changes = state.withLock { state -> [Resource: [ObjectStore.Relabelling]] in
            // Until then nobody was told of what came: all get their labels in one step.
            guard state.awaited.remove(resource) != nil, state.awaited.isEmpty else { return [:] }
            return relabellings(of: Set(everybody(state)), state)
        }
        for (resource, changes) in changes { _ = relabel(resource, changes) }
    }

    private func relabel(_ resource: Resource, _ changes: [ObjectStore.Relabelling]) -> Int {
        max(stores[resource]?.relabel(changes) ?? 0, usageStores[resource]?.relabel(changes) ?? 0)
    }

    /// - Parameter change: the objects that have other labels or another controller after it.
    private func follow(_ resource: Resource, _ change: (inout State) -> [Change?]) {
        guard isFollowed.contains(resource) else { return }
        let changes = state.withLock { state -> [Resource: [ObjectStore.Relabelling]] in
            let changed = change(&state).compactMap { $0 }
            guard !changed.isEmpty, state.awaited.isEmpty else { return [:] }
            var concerned: Set<Place> = []
            for one in changed {
                if let name = one.namespace { concerned.formUnion(state.members[name] ?? []) }
                Self.collect(under: one.place, state, into: &concerned)
            }
            return relabellings(of: concerned, state)
        }
        for (resource, changes) in changes {
            relabelled[resource]?.add(UInt64(relabel(resource, changes)))
        }
    }

    private struct Change {
        var place: Place
        /// Its name, of a namespace.
        var namespace: String?
    }

    private func put(_ delta: Delta, _ state: inout State) -> Change? {
        let number = numbers[delta.resource] ?? 0
        let place = Place(resource: number, bucket: delta.bucket, uid: ObjectKey(uid: delta.uid))
        let isNamespace = delta.resource == .namespaces
        let keys = isNamespace ? plan.namespaceKeys : plan.controllerKeys
        guard delta.change != .deleted, let held = readable(delta, keys) else { return remove(place, &state) }
        let name = isNamespace ? ObjectKey(namespace: "", name: delta.name) : place.uid
        let old = state.followed[Int(number)].upsert(.init(uid: place.uid, name: name, kept: held), bucket: place.bucket)?.kept
        if old?.controller != held.controller {
            if let controller = old?.controller { state.followedUnder.remove(place, under: controller) }
            if let controller = held.controller { state.followedUnder[controller, default: []].insert(place) }
        }
        return old == held ? nil : Change(place: place, namespace: isNamespace ? delta.name : nil)
    }

    private func remove(_ place: Place, _ state: inout State) -> Change? {
        guard let old = state.followed[Int(place.resource)].remove(uid: place.uid, bucket: place.bucket)?.kept else { return nil }
        if let controller = old.controller { state.followedUnder.remove(place, under: controller) }
        return Change(place: place, namespace: Int(place.resource) == namespaces ? old.namespace : nil)
    }

    /// Everybody who is shown with labels of an object, or of one whose controller it is.
    private static func collect(under place: Place, _ state: State, into concerned: inout Set<Place>) {
        var (next, seen) = ([place], Set([place]))
        while let place = next.popLast() {
            concerned.formUnion(state.shownUnder[place] ?? [])
            for other in state.followedUnder[place] ?? [] where seen.insert(other).inserted { next.append(other) }
        }
    }

    private func everybody(_ state: State) -> [Place] {
        var all: [Place] = []
        for (resource, shown) in plan.shown where !shown.following.isEmpty {
            let number = numbers[resource] ?? 0
            for (bucket, entries) in state.shown[Int(number)].buckets.enumerated() {
                all += entries.map { Place(resource: number, bucket: UInt8(truncatingIfNeeded: bucket), uid: $0.uid) }
            }
        }
        return all
    }

    // MARK: Labels

    private func relabellings(of places: Set<Place>, _ state: State) -> [Resource: [ObjectStore.Relabelling]] {
        var changes: [Resource: [ObjectStore.Relabelling]] = [:]
        for place in places {
            let resource = resources[Int(place.resource)]
            guard let shown = plan.shown[resource],
                let held = state.shown[Int(place.resource)].kept(uid: place.uid, bucket: place.bucket)
            else { continue }
            changes[resource, default: []].append(
                .init(uid: place.uid, bucket: place.bucket, additions: additions(held, shown, state)))
        }
        return changes
    }

    private func additions(_ held: Held, _ shown: LabelPlan.Shown, _ state: State) -> [[UInt8]] {
        let namespace = namespaces.flatMap { state.followed[$0].entry(named: ObjectKey(namespace: "", name: held.namespace))?.entry.kept }
        let (controller, owner) = row(of: held, state)
        return shown.labels.map { list in
            var text = SampleBuffer(capacity: 64)
            for label in list {
                let source: Held? =
                    switch label.source {
                    case .object: held
                    case .namespace: namespace
                    case .controller: controller
                    case .owner: owner
                    }
                guard let value = source?.values[label.index] else { continue }
                text.append(UInt8(ascii: ","))
                text.append(label: label.name, value: value)
            }
            return text.bytes
        }
    }

    /// The object's controller, and the last one in the row that is known.
    private func row(of held: Held, _ state: State) -> (controller: Held?, owner: Held?) {
        func known(_ place: Place?) -> Held? {
            place.flatMap { state.followed[Int($0.resource)].kept(uid: $0.uid, bucket: $0.bucket) }
        }
        let controller = known(held.controller)
        var owner = controller
        for _ in 0..<Self.longestRow {
            guard let next = known(owner?.controller) else { break }
            owner = next
        }
        return (controller, owner)
    }

    // MARK: Reading

    private func readable(_ delta: Delta, _ keys: [String]) -> Held? {
        do throws(ObjectDecodingError) {
            return try held(delta, keys: keys, hasController: LabelPlan.controllers[delta.resource] != nil)
        } catch {
            undecodable(delta, error)
            return nil
        }
    }

    private func held(_ delta: Delta, keys: [String], hasController: Bool) throws(ObjectDecodingError) -> Held {
        try delta.object.readMetadata { metadata throws(ObjectDecodingError) in
            var held = Held(values: [], namespace: delta.resource == .namespaces ? delta.name : delta.namespace)
            held.values.reserveCapacity(keys.count)
            for key in keys {
                if let value = metadata.labels[key], !value.isEmpty {
                    held.values.append(value.string)
                } else {
                    held.values.append(nil)
                }
            }
            guard hasController else { return held }
            metadata.ownerReferences.forEach { owner in
                if owner.controller == true, held.controller == nil { held.controller = place(of: owner) }
            }
            return held
        }
    }

    private func place(of owner: Meta.OwnerReference) -> Place? {
        // The version may be any that its kind ever had.
        let resource = resources.firstIndex { resource in
            isFollowed.contains(resource) && owner.kind == resource.kind
                && (resource.group.isEmpty ? !owner.apiVersion.string.contains("/") : owner.apiVersion.hasPrefix("\(resource.group)/"))
        }
        guard let resource else { return nil }
        let uid = owner.uid.string
        return Place(resource: UInt8(truncatingIfNeeded: resource), bucket: Topic.bucket(ofUID: uid), uid: ObjectKey(uid: uid))
    }
}

extension Dictionary {
    fileprivate mutating func remove<Member: Hashable>(_ member: Member, under key: Key) where Value == Set<Member> {
        guard var members = removeValue(forKey: key) else { return }
        members.remove(member)
        if !members.isEmpty { self[key] = members }
    }
}
