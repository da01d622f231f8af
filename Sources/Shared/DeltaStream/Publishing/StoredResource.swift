import KubernetesObjects

/// One resource in a ``StreamStore``.
struct StoredResource: Sendable {
    /// For how many heartbeats a changed namespace is named in tails. A subscriber that misses three heartbeats in a row
    /// counts as cut off, so whoever misses all of these knows it by other means.
    static let tailRounds = 5

    let resource: Resource
    var synced = false
    var resourceVersion = ""
    private(set) var count = 0
    private(set) var byteCount = 0
    var buckets = [Bucket](repeating: Bucket(), count: Topic.bucketCount)
    /// Counts lists; an object belongs to the list whose number it bears. May come round: every list that ends leaves no object
    /// with another number than its own.
    private var list: UInt32
    private var isReplacing = false
    /// Counts heartbeats, and may come round: a tail that is four billion old may be kept for five more, which harms nobody.
    var round: UInt32
    /// What changed in the current round and in those before it, newest last.
    var changed: [[FullTopic]] = [[]]
    var backlog = DeltaBacklog()

    struct Bucket: Sendable {
        var sequence: UInt64 = 0
        var objects: [String: StoredObject] = [:]
        var tails: [String: Tail] = [:]
        /// The highest sequence among tails that were forgotten.
        var forgotten: UInt64 = 0
        /// By UID: what was published before a restart and has not been listed since (StoredResource+History.swift).
        var remembered: [String: RememberedObject] = [:]
    }

    struct StoredObject: Sendable {
        var identity: ObjectIdentity
        var object: EncodedObject
        var sequence: UInt64
        var commitTime: Int64
        var list: UInt32
    }

    struct Tail: Sendable {
        var sequence: UInt64
        /// Objects that exist on the topic.
        var objects: Int
        var round: UInt32
    }

    struct FullTopic: Hashable, Sendable {
        var bucket: UInt8
        var namespace: String
    }

    /// - Parameters: `list` and `round` are where counting begins; tests begin near the end.
    init(resource: Resource, list: UInt32 = 0, round: UInt32 = 1) {
        self.resource = resource
        self.list = list
        self.round = round
    }

    var sequences: [UInt64] { buckets.map(\.sequence) }

    mutating func upsert(_ watched: WatchedObject, streamID: UInt64, commitTime: Int64) -> Delta? {
        let identity = watched.identity
        let bucket = Topic.bucket(ofUID: identity.uid)
        let at = Int(bucket)
        guard let found = buckets[at].objects.index(forKey: identity.uid) else {
            if let known = recognise(watched) {
                buckets[at].objects[identity.uid] = StoredObject(
                    identity: identity, object: watched.object, sequence: known.sequence, commitTime: known.commitTime, list: list)
                count += 1
                byteCount += watched.object.bytes.count
                return nil
            }
            let isRemembered = buckets[at].remembered.removeValue(forKey: identity.uid) != nil
            let stamp = stamp(bucket, identity.namespace, objects: isRemembered ? 0 : 1)
            buckets[at].objects[identity.uid] = StoredObject(
                identity: identity, object: watched.object, sequence: stamp.sequence, commitTime: commitTime,
                list: list)
            count += 1
            byteCount += watched.object.bytes.count
            return delta(isRemembered ? .modified : .added, watched, stamp, streamID, commitTime)
        }
        buckets[at].objects.values[found].list = list
        let held = buckets[at].objects.values[found]
        if held.identity.resourceVersion == identity.resourceVersion && held.object == watched.object { return nil }
        byteCount += watched.object.bytes.count - held.object.bytes.count
        let stamp = stamp(bucket, identity.namespace, objects: 0)
        buckets[at].objects.values[found] = StoredObject(
            identity: identity, object: watched.object, sequence: stamp.sequence, commitTime: commitTime, list: list)
        return delta(.modified, watched, stamp, streamID, commitTime)
    }

    mutating func delete(_ watched: WatchedObject, streamID: UInt64, commitTime: Int64) -> Delta? {
        let bucket = Topic.bucket(ofUID: watched.identity.uid)
        let at = Int(bucket)
        if let held = buckets[at].objects.removeValue(forKey: watched.identity.uid) {
            count -= 1
            byteCount -= held.object.bytes.count
        } else if buckets[at].remembered.removeValue(forKey: watched.identity.uid) == nil {
            return nil
        }
        let stamp = stamp(bucket, watched.identity.namespace, objects: -1)
        return delta(.deleted, watched, stamp, streamID, commitTime)
    }

    mutating func beginReplace() {
        list &+= 1
        isReplacing = true
    }

    mutating func endReplace(streamID: UInt64, commitTime: Int64) -> [Delta] {
        guard isReplacing else { return [] }
        isReplacing = false
        var deltas: [Delta] = []
        for at in buckets.indices {
            let gone = buckets[at].objects.values.filter { $0.list != list }.map { ($0.identity, $0.object) }
            let forgotten = buckets[at].remembered.values.map { ($0.identity, EncodedObject(encoding: $0.encoding, bytes: [])) }
            for (identity, object) in gone + forgotten {
                let watched = WatchedObject(resource: resource, identity: identity, object: object)
                if let delta = delete(watched, streamID: streamID, commitTime: commitTime) { deltas.append(delta) }
            }
        }
        return deltas
    }

    func snapshot(bucket: UInt8, streamID: UInt64) -> (sequence: UInt64, objects: [Delta]) {
        let held = buckets[Int(bucket)]
        let objects = held.objects.values.map { object in
            Delta(
                streamID: streamID, sequence: object.sequence, change: .added, resource: resource,
                identity: object.identity, commitTime: object.commitTime, object: object.object)
        }
        return (held.sequence, objects)
    }

    /// The deltas behind that sequence; nil unless all of them are there.
    func deltas(bucket: UInt8, after sequence: UInt64) -> [Delta]? {
        backlog.deltas(bucket, after: sequence, upTo: buckets[Int(bucket)].sequence)
    }

    /// Ends a round, and names what changed in the last rounds.
    mutating func nextTails(streamID: UInt64) -> [NamespaceTail] {
        var entries: [String: [NamespaceTail.Entry]] = [:]
        var seen: Set<FullTopic> = []
        for topic in changed.joined() where seen.insert(topic).inserted {
            guard let tail = buckets[Int(topic.bucket)].tails[topic.namespace] else { continue }
            entries[topic.namespace, default: []].append(.init(bucket: topic.bucket, sequence: tail.sequence))
        }
        round &+= 1
        changed.append([])
        if changed.count > Self.tailRounds { changed.removeFirst() }
        return entries.map {
            NamespaceTail(streamID: streamID, resource: resource, namespace: $0.key, entries: $0.value)
        }
    }

    private mutating func delta(
        _ change: Change, _ watched: WatchedObject, _ stamp: Stamp, _ streamID: UInt64, _ commitTime: Int64
    ) -> Delta {
        let delta = Delta(
            streamID: streamID, sequence: stamp.sequence, previous: stamp.previous, change: change,
            resource: resource, identity: watched.identity, commitTime: commitTime, object: watched.object)
        backlog.append(delta)
        return delta
    }

    // MARK: Relays, which take sequences from their upstream

    /// Puts a bucket of the upstream in the place of what is held.
    ///
    /// Who follows one namespace here has not had what was skipped, so the namespaces of the bucket are named in tails with
    /// the new sequence: too high at worst, as in ``forgetTails(_:)``.
    /// - Parameter past: the deltas that led there, as far as the upstream has them: those below may ask for them.
    /// - Returns: what is gone.
    mutating func place(_ bucket: UInt8, _ deltas: [Delta], sequence: UInt64, past: [Delta] = []) -> [WatchedObject] {
        let at = Int(bucket)
        let old = buckets[at].objects
        let isNews = buckets[at].sequence != sequence
        var fresh = Bucket(sequence: sequence, tails: isNews ? [:] : buckets[at].tails, forgotten: sequence)
        for namespace in isNews ? Set(buckets[at].tails.keys) : [] {
            fresh.tails[namespace] = Tail(sequence: sequence, objects: 0, round: round)
        }
        for delta in deltas {
            fresh.objects[delta.uid] = StoredObject(
                identity: delta.identity, object: delta.object, sequence: delta.sequence, commitTime: delta.commitTime, list: list)
            guard isNews else { continue }
            let objects = fresh.tails[delta.namespace]?.objects ?? 0
            fresh.tails[delta.namespace] = Tail(sequence: sequence, objects: objects + 1, round: round)
        }
        if isNews && resource.isNamespaced {
            changed[changed.count - 1] += fresh.tails.keys.map { FullTopic(bucket: bucket, namespace: $0) }
        }
        count += fresh.objects.count - old.count
        byteCount += fresh.objects.values.reduce(0) { $0 + $1.object.bytes.count }
        byteCount -= old.values.reduce(0) { $0 + $1.object.bytes.count }
        buckets[at] = fresh
        if isNews { backlog.take(past, of: bucket) }
        return old.filter { fresh.objects[$0.key] == nil }.values.map {
            WatchedObject(resource: resource, identity: $0.identity, object: $0.object)
        }
    }

    /// Takes over one change as the upstream numbered it.
    mutating func follow(_ delta: Delta) {
        let at = Int(delta.bucket)
        let before: StoredObject?
        if delta.change == .deleted {
            before = buckets[at].objects.removeValue(forKey: delta.uid)
        } else {
            let object = StoredObject(
                identity: delta.identity, object: delta.object, sequence: delta.sequence, commitTime: delta.commitTime, list: list)
            before = buckets[at].objects.updateValue(object, forKey: delta.uid)
            byteCount += delta.object.bytes.count
            count += 1
        }
        if let before {
            byteCount -= before.object.bytes.count
            count -= 1
        }
        let objects = (delta.change == .deleted ? 0 : 1) - (before == nil ? 0 : 1)
        // At least 1: a subscriber applies only what is above the sequence that it holds.
        buckets[at].sequence = max(1, delta.sequence) - 1
        _ = stamp(delta.bucket, delta.namespace, objects: objects)
        backlog.append(delta)
    }

    var all: [WatchedObject] {
        buckets.flatMap { bucket in
            bucket.objects.values.map { WatchedObject(resource: resource, identity: $0.identity, object: $0.object) }
        }
    }

    struct Stamp {
        var sequence: UInt64
        var previous: UInt64
    }

    mutating func stamp(_ bucket: UInt8, _ namespace: String, objects: Int) -> Stamp {
        let at = Int(bucket)
        buckets[at].sequence += 1
        let sequence = buckets[at].sequence
        let previous: UInt64
        let isFirstOfRound: Bool
        if let found = buckets[at].tails.index(forKey: namespace) {
            let tail = buckets[at].tails.values[found]
            previous = tail.sequence
            isFirstOfRound = tail.round != round
            buckets[at].tails.values[found] = Tail(
                sequence: sequence, objects: tail.objects + objects, round: round)
        } else {
            previous = buckets[at].forgotten
            isFirstOfRound = true
            forgetTails(at)
            buckets[at].tails[namespace] = Tail(sequence: sequence, objects: max(objects, 0), round: round)
        }
        if isFirstOfRound && resource.isNamespaced {
            changed[changed.count - 1].append(FullTopic(bucket: bucket, namespace: namespace))
        }
        return Stamp(sequence: sequence, previous: previous)
    }

    /// Namespaces come and go; without this each would leave an entry for good. `previous` of a topic that was forgotten
    /// is the highest forgotten sequence: too high at worst, so that a subscriber fetches once too often, never too seldom.
    private mutating func forgetTails(_ at: Int) {
        guard buckets[at].tails.count >= 64, buckets[at].tails.count >= 2 * buckets[at].objects.count else { return }
        let idle = buckets[at].tails.filter {
            $0.value.objects == 0 && round &- $0.value.round > UInt32(Self.tailRounds)
        }
        for (namespace, tail) in idle {
            buckets[at].forgotten = max(buckets[at].forgotten, tail.sequence)
            buckets[at].tails[namespace] = nil
        }
    }
}
