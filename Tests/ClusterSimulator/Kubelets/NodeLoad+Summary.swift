extension NodeLoad {
    /// The answer to `/stats/summary`, with the members in the order that kubelets write.
    var summary: JSONValue {
        let loads = loads
        let (usage, traffic) = total(of: loads)
        let disk = usage.rootBytes + usage.logBytes
        return [
            "node": [
                "nodeName": .string(node), "systemContainers": [["name": "kubelet", "startTime": start(usage), "cpu": ["time": time]]],
                "startTime": start(usage), "cpu": cpu(usage), "memory": memory(usage), "network": network(traffic),
                "fs": fileSystem(disk + 20 << 30), "runtime": ["imageFs": fileSystem(8 << 30), "containerFs": fileSystem(usage.rootBytes)],
                "rlimit": ["time": time, "maxpid": 4_194_304, "curproc": 1000], "swap": swap(usage),
            ],
            "pods": .array(loads.map(pod)),
        ]
    }

    private func pod(_ load: PodLoad) -> JSONValue {
        let disk = load.total.rootBytes + load.total.logBytes
        return .present([
            "podRef": ["name": .string(load.pod.name), "namespace": .string(load.pod.namespace), "uid": .string(load.pod.uid)],
            "startTime": start(load.total),
            "containers": .array(
                load.containers.map { name, usage in
                    [
                        "name": .string(name), "startTime": start(usage), "cpu": cpu(usage), "memory": memory(usage),
                        "rootfs": fileSystem(usage.rootBytes), "logs": fileSystem(usage.logBytes), "swap": swap(usage),
                    ]
                }),
            "cpu": cpu(load.total), "memory": memory(load.total), "network": load.traffic.map(network),
            "volume": load.volumes.isEmpty ? nil : .array(load.volumes.map(volume)), "ephemeral-storage": fileSystem(disk),
            "process_stats": ["process_count": .integer(Int64(load.containers.count))], "swap": swap(load.total),
        ])
    }

    private func volume(_ volume: Volume) -> JSONValue {
        var value = fileSystem(volume.usedBytes, of: volume.capacityBytes)
        value["name"] = .string(volume.name)
        if let claim = volume.claim { value["pvcRef"] = ["name": .string(claim)] }
        return value
    }

    private var time: JSONValue { .string(now.text) }

    private func start(_ usage: Usage) -> JSONValue { .string(Instant(secondsSinceEpoch: usage.startSeconds).text) }

    private func cpu(_ usage: Usage) -> JSONValue {
        ["time": time, "usageNanoCores": 1_000_000, "usageCoreNanoSeconds": .integer(Int64(usage.cpuSeconds * 1e9))]
    }

    private func memory(_ usage: Usage) -> JSONValue {
        ["time": time, "usageBytes": .integer(usage.memoryBytes), "workingSetBytes": .integer(usage.memoryBytes)]
    }

    private func swap(_ usage: Usage) -> JSONValue { ["time": time, "swapUsageBytes": .integer(usage.swapBytes)] }

    private func network(_ traffic: Traffic) -> JSONValue {
        let members: [(key: String, value: JSONValue)] = [
            ("name", "eth0"), ("rxBytes", .integer(traffic.receivedBytes)), ("rxErrors", .integer(traffic.receiveErrors)),
            ("txBytes", .integer(traffic.transmittedBytes)), ("txErrors", .integer(traffic.transmitErrors)),
        ]
        let interface = JSONValue.object(JSONObject(members: members))
        return .object(JSONObject(members: [("time", time)] + members + [("interfaces", [interface])]))
    }

    /// A file takes 16 kB.
    private func fileSystem(_ used: Int64, of capacity: Int64 = diskBytes) -> JSONValue {
        [
            "time": time, "availableBytes": .integer(max(0, capacity - used)), "capacityBytes": .integer(capacity),
            "usedBytes": .integer(used), "inodesFree": .integer((capacity - used) >> 14), "inodes": .integer(capacity >> 14),
            "inodesUsed": .integer(used >> 14),
        ]
    }
}
