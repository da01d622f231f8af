import KubernetesObjects
import MizzenSystem

/// Scheduler and container runtime in one: a new pod gets a node, addresses and a running, ready status. A pod that comes
/// with a status keeps it.
enum PodRunner {
    static func react(to change: ObjectDatabase.Change, _ database: inout ObjectDatabase) {
        guard change.before == nil, let pod = change.after, pod.type.kind == "Pod",
            let current = database.object(.pods, namespace: pod.namespace, name: pod.name), current.uid == pod.uid
        else { return }
        var tree = current.tree
        if tree.at("status", "phase")?.string != nil { return }
        let chosen = current.nodeName ?? database.chooseNode()?.name
        guard let nodeName = chosen else {
            tree["status"] = pending(at: database.now)
            database.put(pod.type, tree)
            return
        }
        tree.set(.string(nodeName), at: "spec", "nodeName")
        tree["status"] = running(tree, on: database.object(.nodes, name: nodeName), &database)
        database.put(pod.type, tree)
    }

    private static func pending(at now: String) -> JSONValue {
        [
            "phase": "Pending",
            "conditions": [
                [
                    "type": "PodScheduled", "status": "False", "lastProbeTime": .null,
                    "lastTransitionTime": .string(now), "reason": "Unschedulable",
                    "message": "no nodes available to schedule pods",
                ]
            ],
            "qosClass": "BestEffort",
        ]
    }

    /// The status of a pod whose containers all run and are ready.
    static func running(
        _ pod: JSONValue, on node: StoredObject?, _ database: inout ObjectDatabase
    ) -> JSONValue {
        let now = JSONValue.string(database.now)
        let nodeAddress = (node?.tree.at("status", "addresses")?.array ?? [])
            .first { $0["type"]?.string == "InternalIP" }?["address"]?.string
        let addresses: [String]
        if pod.at("spec", "hostNetwork")?.bool == true {
            addresses = [nodeAddress ?? "127.0.0.1"]
        } else {
            addresses = database.addresses.podAddresses()
        }
        let conditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"].map {
            type -> JSONValue in
            ["type": .string(type), "status": "True", "lastProbeTime": .null, "lastTransitionTime": now]
        }
        let containers = (pod.at("spec", "containers")?.array ?? []).map { container -> JSONValue in
            let image = container["image"]?.string ?? ""
            let digest = SeededRandom.stableSuffix(of: Array(image.utf8), length: 16)
            return [
                "name": container["name"] ?? "", "state": ["running": ["startedAt": now]], "lastState": [:],
                "ready": true, "restartCount": 0, "image": .string(image),
                "imageID": .string("\(image)@sha256:\(digest)"),
                "containerID": .string("containerd://\(database.random.uid())"), "started": true,
            ]
        }
        return .present([
            "phase": "Running", "conditions": .array(conditions), "hostIP": nodeAddress.map(JSONValue.string),
            "hostIPs": nodeAddress.map { [["ip": .string($0)]] }, "podIP": .string(addresses[0]),
            "podIPs": .array(addresses.map { ["ip": .string($0)] }), "startTime": now,
            "containerStatuses": .array(containers), "qosClass": .string(qualityOfService(pod)),
        ])
    }

    private static func qualityOfService(_ pod: JSONValue) -> String {
        let resources = (pod.at("spec", "containers")?.array ?? []).map { $0["resources"] }
        if resources.allSatisfy({ ($0?["requests"] ?? $0?["limits"]) == nil }) { return "BestEffort" }
        let areEqual = resources.allSatisfy {
            $0?["limits"] != nil && ($0?["requests"] ?? $0?["limits"]) == $0?["limits"]
        }
        return areEqual ? "Guaranteed" : "Burstable"
    }
}
