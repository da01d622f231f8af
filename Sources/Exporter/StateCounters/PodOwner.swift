import KubernetesObjects

/// Whose pods are counted together: the controller at the top, as far as a pod itself tells.
///
/// A pod names only the controller above it. What is above that is read from the pod too, and not from the ReplicaSet or Job: those come in an
/// order of their own, and to another shard, so that the same change would be counted under one name or another. Two controllers leave marks that
/// tell for certain:
/// - a Deployment names its ReplicaSets after itself and the hash of the template, and puts that hash on their pods as `pod-template-hash`;
/// - a CronJob names its Jobs after itself and the scheduled minute since 1970, which is then shortly before the pod's creation.
struct PodOwner: Hashable, Sendable {
    var namespace: String
    /// Empty, as the name, for a pod without a controller.
    var kind: String
    var name: String

    /// Retries of a Job may create pods long after its minute.
    private static let longestRun: Int64 = 30 * 24 * 60

    init(of pod: Pod) {
        namespace = pod.metadata.namespace.string
        (kind, name) = ("", "")
        guard let owner = pod.metadata.ownerReferences.first(where: { $0.controller == true }) else { return }
        (kind, name) = (owner.kind.string, owner.name.string)
        if kind == "ReplicaSet", let hash = pod.metadata.labels["pod-template-hash"], !hash.isEmpty {
            if let deployment = Self.beginning(of: name, before: hash.string) { (kind, name) = ("Deployment", deployment) }
        } else if kind == "Job", let created = pod.metadata.creationTimestamp?.seconds {
            let digits = String(name.reversed().prefix { $0.isASCII && $0.isNumber }.reversed())
            guard let minute = Int64(digits), let cronJob = Self.beginning(of: name, before: digits) else { return }
            if (-1...Self.longestRun).contains(created / 60 - minute) { (kind, name) = ("CronJob", cronJob) }
        }
    }

    init(namespace: String, kind: String, name: String) {
        (self.namespace, self.kind, self.name) = (namespace, kind, name)
    }

    /// `web` of `web-5d4f`, which ends with a hyphen and `5d4f`.
    private static func beginning(of name: String, before end: String) -> String? {
        guard name.hasSuffix("-" + end), name.utf8.count > end.utf8.count + 1 else { return nil }
        return String(name.dropLast(end.count + 1))
    }
}
