import DeltaStream
import KubernetesObjects
import Synchronization

/// Takes from the stream what the StatefulSet of this exporter's pod says of its shards.
final class StatefulSetFollower: DeltaConsumer {
    let name: String
    private let seen = Mutex<ShardAgreement.Observation?>(nil)

    init(name: String) { self.name = name }

    /// The newest; nil before the StatefulSet was seen. One that is deleted stays as it was: its pods end with it.
    var observation: ShardAgreement.Observation? { seen.withLock { $0 } }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        for object in objects { apply(object) }
    }

    func apply(_ delta: Delta) {
        guard delta.resource == .statefulSets, delta.name == name, delta.change != .deleted else { return }
        // An object that cannot be decoded changes nothing; who serves StatefulSets counts it.
        let read = try? delta.object.read(as: StatefulSet.self) { set in
            // Kubernetes' default where the number is left out.
            ShardAgreement.Observation(
                replicas: Int(set.spec.replicas ?? 1), start: Int(set.spec.ordinals?.start ?? 0), ready: Int(set.status.readyReplicas))
        }
        if let read { seen.withLock { $0 = read } }
    }

    func joined(_ resource: Resource, synced: Bool) {}
    func stale(_ resource: Resource, since: Int64) {}
}
