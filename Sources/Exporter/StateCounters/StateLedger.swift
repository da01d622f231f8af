import DeltaStream
import KubernetesObjects

/// What pods have passed through, counted from deltas, and what it takes to go on counting: of each pod what has been counted of it, and of each
/// bucket of the stream up to where. A value without clock, socket or file; all of it changes together with each delta, so that any copy of it is
/// a place from which counting can go on.
///
/// **What is counted of a delta** is the difference between the pod's state and what has been counted of the pod (``PodMark``). Of a pod of which nothing
/// is known everything is counted that its state tells, if the ledger has been told of everything before it; a bucket that is seen for
/// the first time shows pods whose past is not known, and they only begin to be known.
///
/// **A watcher that has not seen a whole list** shows a part of the pods, and the others come as deltas like new ones, though they have been there
/// all the time. So a bucket that comes from such a watcher is *partial*: pods that are not in it are not gone yet, and unknown ones
/// only begin to be known, until the first heartbeat that says that the list is whole, with the sequences up to which it is the list.
///
/// **Bounds.** There is a mark for each pod that exists, at most ``mostSeries`` numbers, and an owner for each that has pods or numbers. What would
/// be one number too many is counted in ``overflow``. Numbers of an owner that has had no pods for ``lifetime`` go.
struct StateLedger: Sendable {
    /// Seconds: a scraper that comes every minute has had fifteen chances to see the last numbers.
    static let lifetime: Int64 = 900
    /// Texts of a status are whoever's who may write it; no reason of Kubernetes is that long.
    static let longestReason = 128

    struct OwnerEntry: Hashable, Sendable {
        var states: OwnerStates
        var pods = 0
        /// Since when it has no pods, in seconds since 1970.
        var idleSince: Int64?
    }

    /// Which pods are counted.
    struct Admission: Hashable, Sendable {
        /// Empty: all.
        var namespaces: Set<String> = []
        var deniedNamespaces: Set<String> = []
        var nodes = NodeSelection.all

        func admits(namespace: String) -> Bool {
            (namespaces.isEmpty || namespaces.contains(namespace)) && !deniedNamespaces.contains(namespace)
        }
    }

    struct Bucket: Sendable {
        /// Up to where it is counted; nil while its pods only begin to be known.
        var position: StreamPosition?
        /// Since when nothing has been left out, in seconds since 1970.
        var since: Int64 = 0
        var pods: [PodKey: PodMark] = [:]
        /// Pods that the part has not shown; nil where the bucket is whole.
        var unseen: Set<PodKey>?
        /// The sequence with which a partial bucket is whole; nil while that is not known.
        var wholeAt: UInt64?

        /// From where another subscriber may go on.
        var resumption: StreamPosition? { unseen == nil ? position : nil }
    }

    let mostSeries: Int
    var admission: Admission
    var buckets = [Bucket](repeating: Bucket(), count: Topic.bucketCount)
    /// nil: free to be used again.
    var owners: [OwnerEntry?] = []
    var series = 0
    /// By family: what no number could be made for.
    var overflow: [CountedState.Family: UInt64] = [:]
    /// How often a bucket came as objects, and not as the deltas that were missed.
    var gaps: UInt64 = 0
    /// What has changed since it was last asked for.
    var changes = LedgerChanges()
    private var indices: [PodOwner: Int] = [:]
    private var free: [Int] = []
    /// Where the bucket stands that is about to be replaced.
    private var replacement: StreamPosition?
    /// Whether the publisher has seen a whole list, by its last heartbeat.
    private var isSynced = false

    init(mostSeries: Int, admission: Admission = Admission()) {
        self.mostSeries = mostSeries
        self.admission = admission
    }

    // MARK: What the stream tells

    mutating func willReplace(_ bucket: UInt8, _ position: StreamPosition) { replacement = position }

    /// - Parameter now: seconds since 1970.
    /// - Returns: whether something may have been left out.
    mutating func replace(_ bucket: UInt8, _ objects: [Delta], now: Int64) -> Bool {
        let at = Int(bucket)
        let before = buckets[at].resumption
        let isGap = before != replacement
        if isGap {
            buckets[at].since = now
            if before != nil { gaps += 1 }
        }
        var gone = Set(buckets[at].pods.keys)
        for object in objects {
            let key = PodKey(object.uid)
            if follow(object, key, counts: before != nil && isSynced, now: now) { gone.remove(key) }
        }
        if isSynced {
            for key in gone { forget(key, bucket, now: now) }
            (buckets[at].unseen, buckets[at].wholeAt) = (nil, nil)
        } else {
            (buckets[at].unseen, buckets[at].wholeAt) = (gone, nil)
        }
        buckets[at].position = replacement
        changes.buckets.insert(bucket)
        replacement = nil
        return isGap && before != nil
    }

    mutating func apply(_ delta: Delta, now: Int64) {
        let key = PodKey(delta.uid)
        let at = Int(delta.bucket)
        if let end = buckets[at].wholeAt, delta.sequence > end { complete(delta.bucket, now: now) }
        // What ended it may be told only by its last state.
        let isHeld = !delta.object.bytes.isEmpty && follow(delta, key, counts: buckets[at].unseen == nil, now: now)
        if delta.change == .deleted || !isHeld { forget(key, delta.bucket, now: now) }
        buckets[at].unseen?.remove(key)
        buckets[at].position = StreamPosition(streamID: delta.streamID, sequence: delta.sequence)
        changes.buckets.insert(delta.bucket)
        if let end = buckets[at].wholeAt, delta.sequence >= end { complete(delta.bucket, now: now) }
    }

    mutating func hear(_ heartbeat: Heartbeat, now: Int64) {
        isSynced = heartbeat.synced
        guard isSynced else { return }
        for bucket in UInt8.min...UInt8.max where buckets[Int(bucket)].unseen != nil {
            guard let position = buckets[Int(bucket)].position, position.streamID == heartbeat.streamID else { continue }
            let end = buckets[Int(bucket)].wholeAt ?? heartbeat.sequences[Int(bucket)]
            buckets[Int(bucket)].wholeAt = end
            if position.sequence >= end { complete(bucket, now: now) }
        }
    }

    /// All of the list has come: what of the bucket's pods it has not named does not exist.
    private mutating func complete(_ bucket: UInt8, now: Int64) {
        for key in buckets[Int(bucket)].unseen ?? [] { forget(key, bucket, now: now) }
        (buckets[Int(bucket)].unseen, buckets[Int(bucket)].wholeAt) = (nil, nil)
        buckets[Int(bucket)].since = now
        changes.buckets.insert(bucket)
    }

    /// - Returns: whether the pod is to be known from now on; one that cannot be decoded stays as it was.
    private mutating func follow(_ delta: Delta, _ key: PodKey, counts: Bool, now: Int64) -> Bool {
        guard admission.admits(namespace: delta.namespace) else { return false }
        do throws(ObjectDecodingError) {
            return try delta.object.read(as: Pod.self) { pod in
                guard admission.nodes == .all || admission.nodes.admits(pod.spec.nodeName.string) else { return false }
                follow(pod, key, delta.bucket, counts: counts, now: now)
                return true
            }
        } catch {
            return buckets[Int(delta.bucket)].pods[key] != nil
        }
    }

    private mutating func follow(_ pod: Pod, _ key: PodKey, _ bucket: UInt8, counts: Bool, now: Int64) {
        let known = buckets[Int(bucket)].pods[key]
        let controller = Self.controller(of: pod)
        var mark: PodMark
        if let known, known.controller == controller {
            mark = known
        } else {
            let owner = index(of: PodOwner(of: pod))
            if let known { leave(Int(known.owner), now: now) }
            join(owner)
            mark = known ?? PodMark(owner: UInt32(owner), controller: controller)
            (mark.owner, mark.controller) = (UInt32(owner), controller)
        }
        // Where nothing is known of a pod whose past is not known either, its state is where counting begins.
        let isCounted = counts || known != nil
        if known == nil {
            expect(mark.owner, .phases, "Failed")
            expect(mark.owner, .reasons, "Evicted")
        }
        follow(phase: pod, &mark, isCounted: isCounted)
        follow(reasons: pod, &mark, isCounted: isCounted)
        follow(pod.status.containerStatuses, .regular, &mark, isCounted: isCounted)
        follow(pod.status.initContainerStatuses, .initial, &mark, isCounted: isCounted)
        follow(pod.status.ephemeralContainerStatuses, .ephemeral, &mark, isCounted: isCounted)
        guard mark != known else { return }
        buckets[Int(bucket)].pods[key] = mark
        changes.set(key, bucket)
    }

    private mutating func follow(phase pod: Pod, _ mark: inout PodMark, isCounted: Bool) {
        guard let found = PodMark.phases.firstIndex(where: { pod.status.phase == $0 }) else { return }
        let phase = UInt8(found + 1)
        if phase != mark.phase, isCounted { count(mark.owner, .phases, PodMark.phases[found]) }
        mark.phase = phase
    }

    private mutating func follow(reasons pod: Pod, _ mark: inout PodMark, isCounted: Bool) {
        let reason = pod.status.reason.isEmpty ? 0 : ContainerMark.hash(pod.status.reason)
        if reason != mark.reason, reason != 0, isCounted { count(mark.owner, .reasons, Self.text(pod.status.reason)) }
        mark.reason = reason
        var disruption: UInt64 = 0
        pod.status.conditions.forEach { condition in
            guard condition.type == "DisruptionTarget", condition.status == "True" else { return }
            disruption = ContainerMark.hash(condition.reason)
            if disruption != mark.disruption, isCounted { count(mark.owner, .disruptions, Self.text(condition.reason)) }
        }
        mark.disruption = disruption
    }

    private mutating func follow(
        _ statuses: MessageList<Core.ContainerStatus>, _ kind: CountedContainer.Kind, _ mark: inout PodMark, isCounted: Bool
    ) {
        statuses.forEach { status in
            let id = ContainerMark.id(kind, status.name)
            let found = mark.containers.firstIndex { $0.id == id }
            var container = found.map { mark.containers[$0] } ?? ContainerMark(id: id)
            let news = container.follow(status)
            if found == nil { expect(mark.owner, CountedContainer(name: status.name.string, kind: kind)) }
            if let found {
                if container != mark.containers[found] { mark.containers[found] = container }
            } else {
                if mark.containers.count >= Int(statuses.count) + PodMark.mostForgotten { mark.containers.removeFirst() }
                mark.containers.append(container)
            }
            if isCounted, news != ContainerMark.News() { count(news, status, kind, mark.owner) }
        }
    }

    private mutating func count(_ news: ContainerMark.News, _ status: Core.ContainerStatus, _ kind: CountedContainer.Kind, _ owner: UInt32)
    {
        let container = CountedContainer(name: status.name.string, kind: kind)
        if news.hasEndedBefore, let end = status.lastState.terminated { count(owner, .terminations, Self.text(end), container) }
        if news.hasEnded, let end = status.state.terminated { count(owner, .terminations, Self.text(end), container) }
        if news.unseenEnds > 0 { count(owner, .terminations, "Unknown", container, by: news.unseenEnds) }
        if news.restarts > 0 { count(owner, .restarts, "", container, by: news.restarts) }
        if news.waits, let waiting = status.state.waiting { count(owner, .waits, Self.text(waiting.reason), container) }
    }

    private mutating func forget(_ key: PodKey, _ bucket: UInt8, now: Int64) {
        guard let mark = buckets[Int(bucket)].pods.removeValue(forKey: key) else { return }
        leave(Int(mark.owner), now: now)
        changes.remove(key, bucket)
    }

    private static func controller(of pod: Pod) -> UInt64 {
        guard let owner = pod.metadata.ownerReferences.first(where: { $0.controller == true }) else { return 0 }
        return ContainerMark.hash(owner.kind) ^ ContainerMark.hash(owner.name) &* 31
    }

    private static func text(_ reason: borrowing Text) -> String {
        if reason.isEmpty { return "Unknown" }
        return reason.utf8.count > longestReason ? "Other" : reason.string
    }

    /// Runtimes that give no reason give a code.
    private static func text(_ end: Core.ContainerStateTerminated) -> String {
        end.reason.isEmpty ? (end.exitCode == 0 ? "Completed" : "Error") : text(end.reason)
    }

    // MARK: Owners and their numbers

    private mutating func index(of owner: PodOwner) -> Int {
        if let index = indices[owner] { return index }
        let entry = OwnerEntry(states: OwnerStates(owner: owner))
        let index = free.popLast() ?? owners.count
        if index == owners.count { owners.append(entry) } else { owners[index] = entry }
        indices[owner] = index
        changes.owners.insert(index)
        return index
    }

    private mutating func join(_ index: Int) {
        owners[index]?.pods += 1
        if owners[index]?.idleSince != nil {
            owners[index]?.idleSince = nil
            changes.owners.insert(index)
        }
    }

    private mutating func leave(_ index: Int, now: Int64) {
        owners[index]?.pods -= 1
        guard owners[index]?.pods == 0 else { return }
        owners[index]?.idleSince = now
        changes.owners.insert(index)
    }

    private mutating func count(
        _ owner: UInt32, _ family: CountedState.Family, _ reason: String, _ container: CountedContainer? = nil, by number: Int = 1
    ) {
        let (at, state) = (Int(owner), CountedState(family: family, container: container, reason: reason))
        if let count = owners[at]?.states.counts[state] {
            owners[at]?.states.counts[state] = count &+ UInt64(number)
        } else if series < mostSeries {
            series += 1
            owners[at]?.states.counts[state] = UInt64(number)
        } else {
            overflow[family, default: 0] &+= UInt64(number)
            changes.hasOverflow = true
            return
        }
        changes.owners.insert(at)
    }

    /// Numbers that are asked about before there is something to count: a rate over the first change needs the 0 before it.
    private mutating func expect(_ owner: UInt32, _ container: CountedContainer) {
        expect(owner, .restarts, "", container)
        for reason in ["OOMKilled", "Error"] { expect(owner, .terminations, reason, container) }
        expect(owner, .waits, "CrashLoopBackOff", container)
    }

    /// Not where room is scarce.
    private mutating func expect(_ owner: UInt32, _ family: CountedState.Family, _ reason: String, _ container: CountedContainer? = nil) {
        let (at, state) = (Int(owner), CountedState(family: family, container: container, reason: reason))
        guard series < mostSeries / 2, owners[at]?.states.counts[state] == nil else { return }
        series += 1
        owners[at]?.states.counts[state] = 0
        changes.owners.insert(at)
    }

    /// Drops the numbers of owners that have had no pods for long enough.
    mutating func sweep(now: Int64) {
        for at in owners.indices {
            guard let owner = owners[at], let since = owner.idleSince else { continue }
            // An owner without numbers is nothing that anybody could miss. A clock that was set back prolongs nothing for ever.
            guard owner.states.counts.isEmpty || now - since >= Self.lifetime || now < since - Self.lifetime else { continue }
            remove(at)
        }
    }

    private mutating func remove(_ at: Int) {
        guard let owner = owners[at] else { return }
        series -= owner.states.counts.count
        indices[owner.states.owner] = nil
        owners[at] = nil
        free.append(at)
        changes.owners.insert(at)
    }

    // MARK: Other pods than before

    /// From now on these pods are counted. Numbers stay: they are of what has been.
    mutating func select(_ wanted: Admission, _ selected: BucketSet, now: Int64) {
        for bucket in UInt8.min...UInt8.max where !selected.contains(bucket) || wanted != admission {
            let at = Int(bucket)
            if !selected.contains(bucket) { for key in Array(buckets[at].pods.keys) { forget(key, bucket, now: now) } }
            guard buckets[at].position != nil else { continue }
            // Of pods that were not wanted nothing is known.
            (buckets[at].position, buckets[at].unseen, buckets[at].wholeAt) = (nil, nil, nil)
            changes.buckets.insert(bucket)
        }
        if wanted != admission { changes.hasAdmission = true }
        admission = wanted
    }

    /// Where a subscriber is to go on.
    var positions: [UInt8: StreamPosition] {
        var positions: [UInt8: StreamPosition] = [:]
        for bucket in UInt8.min...UInt8.max { positions[bucket] = buckets[Int(bucket)].resumption }
        return positions
    }

    /// Since when nothing of these buckets has been left out, in seconds since 1970; nil while one of them is not known yet.
    func since(_ selected: BucketSet) -> Int64? {
        var since: Int64 = 0
        for bucket in selected {
            guard buckets[Int(bucket)].resumption != nil else { return nil }
            since = max(since, buckets[Int(bucket)].since)
        }
        return selected.isEmpty ? nil : since
    }

    var pods: Int { buckets.reduce(0) { $0 + $1.pods.count } }

    // MARK: From a file

    mutating func recall(_ owner: OwnerEntry, at index: Int) {
        while owners.count <= index { owners.append(nil) }
        remove(index)
        owners[index] = owner
        series += owner.states.counts.count
    }

    mutating func recallGone(at index: Int) {
        if owners.indices.contains(index) { remove(index) }
    }

    /// What follows from what has been recalled.
    /// - Returns: nil where it does not fit together.
    func recalled() -> StateLedger? {
        var ledger = self
        ledger.changes = LedgerChanges()
        (ledger.indices, ledger.free) = ([:], [])
        for at in owners.indices { ledger.owners[at]?.pods = 0 }
        for bucket in buckets {
            for mark in bucket.pods.values {
                let at = Int(mark.owner)
                guard owners.indices.contains(at), owners[at] != nil else { return nil }
                ledger.owners[at]?.pods += 1
            }
        }
        for at in owners.indices {
            guard let owner = ledger.owners[at] else {
                ledger.free.append(at)
                continue
            }
            guard ledger.indices.updateValue(at, forKey: owner.states.owner) == nil else { return nil }
            if owner.pods == 0, owner.idleSince == nil { return nil }
        }
        return ledger
    }
}

/// What of a ledger is not yet where it is kept and shown.
struct LedgerChanges: Sendable {
    struct Pod: Hashable, Sendable {
        var bucket: UInt8
        var key: PodKey
    }

    var buckets = BucketSet()
    /// Whether they are there or gone is what the ledger says.
    private(set) var pods: Set<Pod> = []
    var owners: Set<Int> = []
    var hasOverflow = false
    var hasAdmission = false
    /// Without a file nobody asks for pods.
    var tracksPods = true

    var isEmpty: Bool { buckets.isEmpty && pods.isEmpty && owners.isEmpty && !hasOverflow && !hasAdmission }

    mutating func set(_ key: PodKey, _ bucket: UInt8) {
        if tracksPods { pods.insert(Pod(bucket: bucket, key: key)) }
    }

    mutating func remove(_ key: PodKey, _ bucket: UInt8) { set(key, bucket) }

    /// What has changed is where it belongs.
    mutating func reset() {
        let tracksPods = tracksPods
        self = LedgerChanges()
        self.tracksPods = tracksPods
    }
}
