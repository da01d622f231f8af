import DeltaStream
import KubernetesObjects

@testable import Exporter

/// A ledger behind a store of the stream, without sockets.
struct CountedPods {
    var store = StreamStore(streamID: 7)
    var ledger: StateLedger
    var now: Int64 = 1_800_000_000
    private var version = 0

    init(_ ledger: StateLedger = StateLedger(mostSeries: 1_000), joined: Bool = true) {
        self.ledger = ledger
        store.announce(.pods)
        store.markSynced(.pods, resourceVersion: "1")
        if joined { join() }
    }

    mutating func beat() {
        if let heartbeat = store.heartbeat(.pods, time: 0, intervalMilliseconds: 1_000) { ledger.hear(heartbeat, now: now) }
    }

    /// Every bucket as a snapshot has it.
    mutating func join() {
        beat()
        for bucket in UInt8.min...UInt8.max { _ = snapshot(bucket) }
    }

    /// - Returns: whether something may have been left out.
    mutating func snapshot(_ bucket: UInt8) -> Bool {
        let held = store.snapshot(.pods, bucket: bucket)
        ledger.willReplace(bucket, StreamPosition(streamID: store.streamID, sequence: held?.sequence ?? 0))
        return ledger.replace(bucket, held?.objects ?? [], now: now)
    }

    /// - Parameter status: JSON of the pod's status.
    mutating func put(_ name: String = "web-5d4f-x", uid: String? = nil, _ owner: String = CountedPods.deployment, status: String) throws {
        if let delta = try hide(name, uid: uid, owner, status: status) { ledger.apply(delta, now: now) }
    }

    /// The stream carries it, and the ledger is not told.
    mutating func hide(
        _ name: String = "web-5d4f-x", uid: String? = nil, _ owner: String = CountedPods.deployment, status: String
    ) throws -> Delta? {
        version += 1
        return store.upsert(try Self.pod(name, uid: uid, owner, version: version, status: status), commitTime: 0)
    }

    mutating func delete(_ name: String = "web-5d4f-x", uid: String? = nil, status: String = "{}") throws {
        version += 1
        let pod = try Self.pod(name, uid: uid, Self.deployment, version: version, status: status)
        if let delta = store.delete(pod, commitTime: 0) { ledger.apply(delta, now: now) }
    }

    static let deployment =
        #""labels":{"pod-template-hash":"5d4f"},"ownerReferences":[{"kind":"ReplicaSet","name":"web-5d4f","controller":true}]"#

    static func pod(
        _ name: String, namespace: String = "shop", uid: String? = nil, _ metadata: String = "", version: Int = 1, status: String
    ) throws -> WatchedObject {
        try object(
            .pods,
            #"{"metadata":{"name":"\#(name)","namespace":"\#(namespace)","uid":"\#(uid ?? "uid-\(name)")","resourceVersion":"\#(version)""#
                + #"\#(metadata.isEmpty ? "" : ",\(metadata)")},"spec":{"nodeName":"n1"},"status":\#(status)}"#)
    }

    /// What is not 0, as `family container/kind reason`, of all owners.
    var counts: [String: UInt64] {
        var counts: [String: UInt64] = [:]
        for owner in ledger.owners {
            for (state, count) in owner?.states.counts ?? [:] where count > 0 {
                let container = state.container.map { " \($0.name)" + ($0.kind == .regular ? "" : "/\($0.kind.text)") } ?? ""
                counts["\(state.family)\(container)\(state.reason.isEmpty ? "" : " \(state.reason)")", default: 0] += count
            }
        }
        return counts
    }
}

/// JSON of container statuses, as kubelets write them.
enum Status {
    static func running(_ restarts: Int = 0, last: String? = nil, name: String = "c") -> String {
        container(name, restarts, state: #""running":{"startedAt":"2026-11-27T00:00:00Z"}"#, last: last, id: "i\(restarts)")
    }

    static func ended(_ reason: String, _ id: String, restarts: Int = 0, last: String? = nil, name: String = "c") -> String {
        container(name, restarts, state: end(reason, id), last: last, id: id)
    }

    /// Between an end and the next start.
    static func backingOff(_ restarts: Int, last: String, id: String, reason: String = "CrashLoopBackOff", name: String = "c") -> String {
        container(name, restarts, state: #""waiting":{"reason":"\#(reason)"}"#, last: last, id: id)
    }

    static func waiting(_ reason: String, name: String = "c") -> String {
        container(name, 0, state: #""waiting":{"reason":"\#(reason)"}"#, last: nil, id: "")
    }

    static func end(_ reason: String, _ id: String) -> String {
        #""terminated":{"exitCode":137,"reason":"\#(reason)","finishedAt":"2026-11-27T00:00:00Z","containerID":"\#(id)"}"#
    }

    private static func container(_ name: String, _ restarts: Int, state: String, last: String?, id: String) -> String {
        #"{"name":"\#(name)","restartCount":\#(restarts),"containerID":"\#(id)","state":{\#(state)},"lastState":{\#(last ?? "")}}"#
    }

    static func pod(_ phase: String, _ containers: String..., rest: String = "") -> String {
        #"{"phase":"\#(phase)","containerStatuses":[\#(containers.joined(separator: ","))]\#(rest)}"#
    }
}
