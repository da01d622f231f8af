import KubernetesObjects

/// Runs after every change until nothing is left to do: the cluster is settled when a request is answered, so tests need
/// not wait for controllers.
enum ControllerLoop {
    /// More rounds than any chain of controllers needs; a guard against two of them undoing each other's work.
    private static let roundLimit = 1000

    static func settle(_ database: inout ObjectDatabase) {
        var dirtyServices: Set<String> = []
        for _ in 0..<roundLimit where !database.pendingChanges.isEmpty {
            let changes = database.pendingChanges
            database.pendingChanges.removeAll()
            var workloads = WorkloadController.Dirty()
            for change in changes {
                GarbageCollector.react(to: change, &database)
                NodeStatus.react(to: change, &database)
                PodRunner.react(to: change, &database)
                workloads.note(change, database)
                EndpointSliceController.note(change, &dirtyServices, database)
            }
            WorkloadController.sync(workloads, &database)
            if database.pendingChanges.isEmpty {
                for key in dirtyServices.sorted() { EndpointSliceController.sync(key, &database) }
                dirtyServices.removeAll()
            }
        }
        database.pendingChanges.removeAll()
    }
}

/// Removes what a removed object owned.
enum GarbageCollector {
    private static let dependents: [Resource: [Resource]] = [
        .services: [.endpointSlices], .deployments: [.replicaSets], .replicaSets: [.pods], .statefulSets: [.pods],
        .daemonSets: [.pods], .jobs: [.pods], .replicationControllers: [.pods], .cronJobs: [.jobs],
    ]

    static func react(to change: ObjectDatabase.Change, _ database: inout ObjectDatabase) {
        guard let gone = change.before, change.after == nil else { return }
        for resource in dependents[gone.type.resource] ?? [] {
            for object in database.objects(resource, ownedBy: gone) { delete(object, &database) }
        }
    }

    static func delete(_ object: StoredObject, _ database: inout ObjectDatabase) {
        let reference = ObjectReference(type: object.type, namespace: object.namespace, name: object.name)
        _ = try? database.delete(reference)
    }

    /// Takes the owner out of its dependents, so that they stay.
    static func orphan(dependentsOf owner: StoredObject, _ database: inout ObjectDatabase) {
        for resource in dependents[owner.type.resource] ?? [] {
            for object in database.objects(resource, ownedBy: owner) {
                var tree = object.tree
                let rest = (tree.at("metadata", "ownerReferences")?.array ?? []).filter {
                    $0["uid"]?.string != owner.uid
                }
                tree.set(rest.isEmpty ? nil : .array(rest), at: "metadata", "ownerReferences")
                database.put(object.type, tree)
            }
        }
    }
}

enum NamespaceController {
    /// A deleted namespace is seen as terminating, then its content goes.
    static func empty(_ namespace: StoredObject, _ database: inout ObjectDatabase) {
        var tree = namespace.tree
        tree.set(.string(database.now), at: "metadata", "deletionTimestamp")
        tree.set("Terminating", at: "status", "phase")
        database.put(namespace.type, tree)
        // Owners before what they own, so that nothing is made again meanwhile.
        let order: [Resource] = [.cronJobs, .jobs, .deployments, .replicaSets, .statefulSets, .daemonSets, .services]
        let rest = database.collections.keys.filter { !order.contains($0) }.sorted { $0.listPath < $1.listPath }
        for resource in order + rest where resource.isNamespaced {
            for object in database.objects(resource, namespace: namespace.name) {
                GarbageCollector.delete(object, &database)
            }
        }
    }
}
