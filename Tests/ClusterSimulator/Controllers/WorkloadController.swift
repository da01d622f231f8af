import KubernetesObjects
import MizzenSystem

/// Keeps replica sets and pods at the number that deployments, stateful sets and daemon sets ask for, and their statuses true.
/// Rollouts happen at once: the new replica set grows and the old ones shrink in the same step.
enum WorkloadController {
    /// Workloads to look at, by key.
    struct Dirty {
        var deployments: Set<String> = []
        var podOwners: [Resource: Set<String>] = [:]

        mutating func note(_ change: ObjectDatabase.Change, _ database: ObjectDatabase) {
            guard let object = change.after ?? change.before else { return }
            switch change.type.resource {
            case .deployments: deployments.insert(object.key)
            case .replicaSets:
                podOwners[.replicaSets, default: []].insert(object.key)
                noteOwner(of: object, .deployments, database)
            case .statefulSets, .daemonSets: podOwners[change.type.resource, default: []].insert(object.key)
            case .pods:
                for owner in [Resource.replicaSets, .statefulSets, .daemonSets] {
                    noteOwner(of: object, owner, database)
                }
            case .nodes where change.before == nil || change.after == nil:
                podOwners[.daemonSets, default: []].formUnion(database.objects(.daemonSets).map(\.key))
            default: break
            }
        }

        private mutating func noteOwner(of object: StoredObject, _ resource: Resource, _ database: ObjectDatabase) {
            guard !object.owners.isEmpty else { return }
            for owner in database.objects(resource, namespace: object.namespace) where object.owners.contains(owner.uid) {
                if resource == .deployments {
                    deployments.insert(owner.key)
                } else {
                    podOwners[resource, default: []].insert(owner.key)
                }
            }
        }
    }

    static func sync(_ dirty: Dirty, _ database: inout ObjectDatabase) {
        for key in dirty.deployments.sorted() {
            if let deployment = database.collections[.deployments]?[key] { syncDeployment(deployment, &database) }
        }
        for resource in [Resource.replicaSets, .statefulSets, .daemonSets] {
            for key in (dirty.podOwners[resource] ?? []).sorted() {
                guard let owner = database.collections[resource]?[key],
                    owner.tree.at("metadata", "deletionTimestamp") == nil
                else { continue }
                switch resource {
                case .replicaSets: syncReplicaSet(owner, &database)
                case .statefulSets: syncStatefulSet(owner, &database)
                default: syncDaemonSet(owner, &database)
                }
            }
        }
    }

    static func reference(to owner: StoredObject) -> JSONValue {
        [
            [
                "apiVersion": .string(owner.type.apiVersion), "kind": .string(owner.type.kind),
                "name": .string(owner.name), "uid": .string(owner.uid), "controller": true,
                "blockOwnerDeletion": true,
            ]
        ]
    }

    // MARK: Deployments

    private static func syncDeployment(_ deployment: StoredObject, _ database: inout ObjectDatabase) {
        let tree = deployment.tree
        let wanted = tree.at("spec", "replicas") ?? 1
        let template = tree.at("spec", "template") ?? [:]
        var current: StoredObject?
        for set in database.objects(.replicaSets, ownedBy: deployment) {
            var setTree = set.tree
            if current == nil, withoutHash(setTree.at("spec", "template") ?? [:]) == withoutHash(template) {
                current = set
                if setTree.at("spec", "replicas") == wanted { continue }
                setTree.set(wanted, at: "spec", "replicas")
            } else {
                if setTree.at("spec", "replicas") == 0 { continue }
                setTree.set(0, at: "spec", "replicas")
            }
            update(set, setTree, &database)
        }
        if current == nil { createReplicaSet(for: deployment, tree, template, &database) }
        let sets = database.objects(.replicaSets, ownedBy: deployment)
        updateDeploymentStatus(deployment, sets, current: current, wanted: wanted.integer ?? 1, &database)
    }

    private static func withoutHash(_ template: JSONValue) -> JSONValue {
        var template = template
        template.set(nil, at: "metadata", "labels", "pod-template-hash")
        template.set(nil, at: "metadata", "creationTimestamp")
        return template
    }

    private static func createReplicaSet(
        for deployment: StoredObject, _ tree: JSONValue, _ template: JSONValue, _ database: inout ObjectDatabase
    ) {
        let hash = JSONValue.string(SeededRandom.stableSuffix(of: template.encoded))
        var template = template
        template.set(hash, at: "metadata", "labels", "pod-template-hash")
        var selector = tree.at("spec", "selector") ?? [:]
        selector.set(hash, at: "matchLabels", "pod-template-hash")
        let set: JSONValue = [
            "metadata": [
                "name": .string("\(deployment.name)-\(hash.string ?? "")"), "namespace": .string(deployment.namespace),
                "labels": template.at("metadata", "labels") ?? [:],
                "annotations": [
                    "deployment.kubernetes.io/desired-replicas": .string("\(tree.at("spec", "replicas")?.integer ?? 1)")
                ],
                "ownerReferences": reference(to: deployment),
            ],
            "spec": ["replicas": tree.at("spec", "replicas") ?? 1, "selector": selector, "template": template],
            "status": ["replicas": 0],
        ]
        _ = try? database.create(ResourceCatalog.type(.replicaSets), namespace: deployment.namespace, set)
    }

    private static func updateDeploymentStatus(
        _ deployment: StoredObject, _ sets: [StoredObject], current: StoredObject?, wanted: Int64,
        _ database: inout ObjectDatabase
    ) {
        func sum(_ field: String) -> Int64 { sets.reduce(0) { $0 + ($1.tree.at("status", field)?.integer ?? 0) } }
        let updated =
            current.flatMap { database.collections[.replicaSets]?[$0.key] }?
            .tree.at("status", "replicas")?.integer ?? 0
        let available = sum("availableReplicas")
        var tree = deployment.tree
        var status = counts([
            ("replicas", sum("replicas")), ("updatedReplicas", updated), ("readyReplicas", sum("readyReplicas")),
            ("availableReplicas", available), ("unavailableReplicas", max(0, wanted - available)),
        ])
        status["observedGeneration"] = tree.at("metadata", "generation")
        let old = tree.at("status", "conditions")?.array ?? []
        let isAvailable = available >= wanted - wanted / 4
        status["conditions"] = [
            condition(
                "Available", isAvailable, isAvailable ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                old, database),
            condition("Progressing", true, "NewReplicaSetAvailable", old, database),
        ]
        tree["status"] = status
        update(deployment, tree, &database)
    }

    private static func condition(
        _ type: String, _ isTrue: Bool, _ reason: String, _ old: [JSONValue], _ database: ObjectDatabase
    ) -> JSONValue {
        let status = isTrue ? "True" : "False"
        if let known = old.first(where: { $0["type"]?.string == type && $0["status"]?.string == status }) {
            return known
        }
        let now = JSONValue.string(database.now)
        return [
            "type": .string(type), "status": .string(status), "lastUpdateTime": now, "lastTransitionTime": now,
            "reason": .string(reason),
        ]
    }

    // MARK: Owners of pods

    private static func syncReplicaSet(_ set: StoredObject, _ database: inout ObjectDatabase) {
        let wanted = Int(set.tree.at("spec", "replicas")?.integer ?? 1)
        let alive = livingPods(of: set, database)
        for _ in 0..<max(0, wanted - alive.count) {
            createPod(of: set, generateName: "\(set.name)-", name: nil, nil, &database)
        }
        // Pods that are not ready go first, then the newest.
        let order = alive.sorted {
            ($0.podFacts.isReady ? 0 : 1, $0.resourceVersion) > ($1.podFacts.isReady ? 0 : 1, $1.resourceVersion)
        }
        for pod in order.prefix(max(0, alive.count - wanted)) { GarbageCollector.delete(pod, &database) }
        updateStatus(of: set, &database) { pods in
            let ready = Int64(pods.filter(\.podFacts.isReady).count)
            var status = counts([
                ("fullyLabeledReplicas", Int64(pods.count)), ("readyReplicas", ready), ("availableReplicas", ready),
            ])
            status["replicas"] = .integer(Int64(pods.count))
            return status
        }
    }

    private static func syncStatefulSet(_ set: StoredObject, _ database: inout ObjectDatabase) {
        let wanted = Int(set.tree.at("spec", "replicas")?.integer ?? 1)
        let alive = livingPods(of: set, database)
        let names = Set(alive.map(\.name))
        let wantedNames = (0..<wanted).map { "\(set.name)-\($0)" }
        for (ordinal, name) in wantedNames.enumerated() where !names.contains(name) {
            createPod(of: set, generateName: "\(set.name)-", name: name, nil, &database) { pod in
                pod.set(.string(name), at: "metadata", "labels", "statefulset.kubernetes.io/pod-name")
                pod.set(.string("\(ordinal)"), at: "metadata", "labels", "apps.kubernetes.io/pod-index")
                pod.set(.string(name), at: "spec", "hostname")
                pod.set(set.tree.at("spec", "serviceName"), at: "spec", "subdomain")
            }
        }
        for pod in alive where !wantedNames.contains(pod.name) { GarbageCollector.delete(pod, &database) }
        updateStatus(of: set, &database) { pods in
            let ready = Int64(pods.filter(\.podFacts.isReady).count)
            var status = counts([
                ("readyReplicas", ready), ("currentReplicas", Int64(pods.count)),
                ("updatedReplicas", Int64(pods.count)),
            ])
            status["replicas"] = .integer(Int64(pods.count))
            status["availableReplicas"] = .integer(ready)
            return status
        }
    }

    private static func syncDaemonSet(_ set: StoredObject, _ database: inout ObjectDatabase) {
        let nodes = database.objects(.nodes).map(\.name)
        let alive = livingPods(of: set, database)
        let served = Set(alive.compactMap(\.nodeName))
        for node in nodes where !served.contains(node) {
            createPod(of: set, generateName: "\(set.name)-", name: nil, node, &database)
        }
        for pod in alive where !nodes.contains(pod.nodeName ?? "") { GarbageCollector.delete(pod, &database) }
        updateStatus(of: set, &database) { pods in
            let ready = Int64(pods.filter(\.podFacts.isReady).count)
            return [
                "currentNumberScheduled": .integer(Int64(pods.count)), "numberMisscheduled": 0,
                "desiredNumberScheduled": .integer(Int64(nodes.count)), "numberReady": .integer(ready),
                "updatedNumberScheduled": .integer(Int64(pods.count)), "numberAvailable": .integer(ready),
            ]
        }
    }

    private static func livingPods(of owner: StoredObject, _ database: ObjectDatabase) -> [StoredObject] {
        database.objects(.pods, ownedBy: owner).filter {
            !["Succeeded", "Failed"].contains($0.podFacts.phase) && !$0.podFacts.isTerminating
        }
    }

    private static func createPod(
        of owner: StoredObject, generateName: String, name: String?, _ node: String?, _ database: inout ObjectDatabase,
        adjust: (inout JSONValue) -> Void = { _ in }
    ) {
        let template = owner.tree.at("spec", "template")
        var pod: JSONValue = .present([
            "metadata": .present([
                "name": name.map(JSONValue.string), "generateName": .string(generateName),
                "namespace": .string(owner.namespace), "labels": template?.at("metadata", "labels"),
                "annotations": template?.at("metadata", "annotations"), "ownerReferences": reference(to: owner),
            ]),
            "spec": template?["spec"],
        ])
        if let node { pod.set(.string(node), at: "spec", "nodeName") }
        adjust(&pod)
        _ = try? database.create(ResourceCatalog.type(.pods), namespace: owner.namespace, pod)
    }

    private static func updateStatus(
        of owner: StoredObject, _ database: inout ObjectDatabase, _ status: ([StoredObject]) -> JSONValue
    ) {
        var tree = owner.tree
        var new = status(livingPods(of: owner, database))
        new["observedGeneration"] = tree.at("metadata", "generation")
        tree["status"] = new
        update(owner, tree, &database)
    }

    private static func update(_ object: StoredObject, _ tree: JSONValue, _ database: inout ObjectDatabase) {
        let reference = ObjectReference(type: object.type, namespace: object.namespace, name: object.name)
        _ = try? database.update(reference, tree, keepsStatus: true)
    }

    /// Counters of a status; zeros are left out, as Kubernetes does.
    private static func counts(_ pairs: [(String, Int64)]) -> JSONValue {
        .object(JSONObject(members: pairs.filter { $0.1 != 0 }.map { (key: $0.0, value: .integer($0.1)) }))
    }
}
