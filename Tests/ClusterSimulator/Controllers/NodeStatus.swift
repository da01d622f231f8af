import KubernetesObjects
import MizzenSystem

/// What a kubelet would report about its node.
enum NodeStatus {
    static func ready(name: String, address: String, at now: String) -> JSONValue {
        let resources: JSONValue = [
            "cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "250",
        ]
        let pressures = ["MemoryPressure", "DiskPressure", "PIDPressure"].map {
            condition($0, "False", "KubeletHasSufficient\($0.dropLast(8))", now)
        }
        return [
            "capacity": resources, "allocatable": resources,
            "conditions": .array(pressures + [condition("Ready", "True", "KubeletReady", now)]),
            "addresses": [
                ["type": "InternalIP", "address": .string(address)], ["type": "Hostname", "address": .string(name)],
            ],
            "daemonEndpoints": ["kubeletEndpoint": ["Port": 10250]],
            "nodeInfo": [
                "machineID": .string(SeededRandom.stableSuffix(of: Array(name.utf8), length: 32)),
                "systemUUID": .string(name),
                "bootID": .string(name), "kernelVersion": "6.12.0", "osImage": "Debian GNU/Linux 13 (trixie)",
                "containerRuntimeVersion": "containerd://2.0.1", "kubeletVersion": "v1.36.2", "kubeProxyVersion": "",
                "operatingSystem": "linux", "architecture": "amd64",
            ],
        ]
    }

    private static func condition(_ type: String, _ status: String, _ reason: String, _ now: String) -> JSONValue {
        [
            "type": .string(type), "status": .string(status), "lastHeartbeatTime": .string(now),
            "lastTransitionTime": .string(now), "reason": .string(reason), "message": "",
        ]
    }

    /// New nodes come up at once.
    static func react(to change: ObjectDatabase.Change, _ database: inout ObjectDatabase) {
        guard change.before == nil, change.type.resource == .nodes,
            let node = change.after.flatMap({ database.object(.nodes, name: $0.name) })
        else { return }
        var tree = node.tree
        if tree.at("status", "conditions") != nil { return }
        var status = ready(name: node.name, address: "127.0.0.1", at: database.now)
        for (key, value) in tree["status"]?.object?.members ?? [] { status[key] = value }
        tree["status"] = status
        database.put(node.type, tree)
    }
}
