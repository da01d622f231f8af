import KubernetesObjects
import MizzenSystem

/// A cluster of any size, the same for the same numbers and seed: nodes, namespaces, and one deployment with its replica set
/// and pods behind every service. Every tenth service is headless, every tenth dual-stack, every fiftieth an ExternalName.
struct GeneratedCluster {
    var services: Int
    var pods: Int
    var nodes: Int
    /// In each pod, at least one.
    var containers = 1

    /// Creation times of generated objects: 2026-01-01T00:00:00Z.
    private static let epoch = Instant(secondsSinceEpoch: 1_767_225_600)

    private var applications: Int { services > 0 ? services : (pods + 9) / 10 }
    /// About fifty services a namespace.
    private var namespaces: Int { max(1, (applications + 49) / 50) }

    func load(into database: inout ObjectDatabase) {
        for index in 0..<nodes { load(.nodes, node(index, &database), &database) }
        for index in 0..<namespaces {
            load(
                .namespaces,
                [
                    "metadata": metadata(
                        namespaceName(index), namespace: nil,
                        labels: ["kubernetes.io/metadata.name": .string(namespaceName(index))], &database),
                    "spec": ["finalizers": ["kubernetes"]], "status": ["phase": "Active"],
                ], &database)
        }
        var first = 0
        for index in 0..<applications {
            let count = pods / applications + (index < pods % applications ? 1 : 0)
            Application(cluster: self, index: index, firstPod: first, podCount: count).load(into: &database)
            first += count
        }
    }

    fileprivate func load(_ resource: Resource, _ tree: JSONValue, _ database: inout ObjectDatabase) {
        database.load(ResourceCatalog.type(resource), tree, keepingVersion: false)
    }

    fileprivate func namespaceName(_ index: Int) -> String { "team-\(index)" }

    fileprivate func namespace(ofApplication index: Int) -> String { namespaceName(index % namespaces) }

    fileprivate func metadata(
        _ name: String, namespace: String?, labels: JSONValue, owner: JSONValue? = nil, _ database: inout ObjectDatabase
    ) -> JSONValue {
        .present([
            "name": .string(name), "namespace": namespace.map(JSONValue.string), "uid": .string(database.random.uid()),
            "creationTimestamp": .string(Self.epoch.text), "labels": labels,
            "ownerReferences": owner.map { .array([$0]) },
        ])
    }

    fileprivate func nodeName(_ index: Int) -> String { "node-\(index)" }

    fileprivate static func zone(_ index: Int) -> String { "zone-\(["a", "b", "c"][index % 3])" }

    private func node(_ index: Int, _ database: inout ObjectDatabase) -> JSONValue {
        let name = nodeName(index)
        let labels: JSONValue = [
            "kubernetes.io/hostname": .string(name), "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            "topology.kubernetes.io/zone": .string(Self.zone(index)), "topology.kubernetes.io/region": "region-1",
        ]
        var tree: JSONValue = [
            "metadata": metadata(name, namespace: nil, labels: labels, &database),
            "spec": ["podCIDR": .string("10.\(128 + index / 256).\(index % 256).0/24")],
        ]
        tree["status"] = NodeStatus.ready(name: name, address: "127.0.0.1", at: Self.epoch.text)
        return tree
    }
}

/// The objects around one generated service.
private struct Application {
    let cluster: GeneratedCluster
    let index: Int
    let firstPod: Int
    let podCount: Int

    private var name: String { "app-\(index)" }
    private var namespace: String { cluster.namespace(ofApplication: index) }
    private var hash: String { SeededRandom.stableSuffix(of: Array(name.utf8)) }
    private var labels: JSONValue { ["app": .string(name), "tier": index % 2 == 0 ? "front" : "back"] }
    private var podLabels: JSONValue {
        ["app": .string(name), "tier": index % 2 == 0 ? "front" : "back", "pod-template-hash": .string(hash)]
    }

    func load(into database: inout ObjectDatabase) {
        let (set, template) = loadOwners(&database)
        let owner = reference("apps/v1", "ReplicaSet", set)
        let pods = (0..<podCount).map { pod(firstPod + $0, template, owner: owner, &database) }
        for pod in pods { cluster.load(.pods, pod, &database) }
        guard index < cluster.services else { return }
        let service = service(&database)
        cluster.load(.services, service, &database)
        guard service.at("spec", "selector") != nil else { return }
        for family in (service.at("spec", "ipFamilies")?.array ?? []).compactMap(\.string) {
            loadSlices(of: service, family, pods, &database)
        }
    }

    private func reference(_ apiVersion: String, _ kind: String, _ owner: JSONValue) -> JSONValue {
        [
            "apiVersion": .string(apiVersion), "kind": .string(kind), "name": owner.at("metadata", "name") ?? "",
            "uid": owner.at("metadata", "uid") ?? "", "controller": true, "blockOwnerDeletion": true,
        ]
    }

    private func loadOwners(_ database: inout ObjectDatabase) -> (set: JSONValue, template: JSONValue) {
        let count = JSONValue.integer(Int64(podCount))
        let status: JSONValue = [
            "replicas": count, "readyReplicas": count, "availableReplicas": count, "observedGeneration": 1,
        ]
        let container: JSONValue = [
            "name": "main", "image": .string("registry.example/\(name):1.0"),
            "ports": [["name": "http", "containerPort": 8080, "protocol": "TCP"]],
            "resources": [
                "requests": ["cpu": "100m", "memory": "64Mi"], "limits": ["memory": "256Mi"],
            ],
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
        ]
        let beside = (1..<max(1, cluster.containers)).map { number -> JSONValue in
            [
                "name": .string("beside-\(number)"), "image": "registry.example/beside:1.0",
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent",
            ]
        }
        let spec: JSONValue = [
            "containers": .array([container] + beside), "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst", "securityContext": [:], "schedulerName": "default-scheduler",
        ]
        var deployment: JSONValue = [
            "metadata": cluster.metadata(name, namespace: namespace, labels: labels, &database),
            "spec": [
                "replicas": count, "selector": ["matchLabels": labels],
                "template": ["metadata": ["labels": labels], "spec": spec],
                "strategy": ["type": "RollingUpdate", "rollingUpdate": ["maxUnavailable": "25%", "maxSurge": "25%"]],
                "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            ],
        ]
        deployment.set(1, at: "metadata", "generation")
        deployment["status"] = status
        deployment.set(count, at: "status", "updatedReplicas")
        cluster.load(.deployments, deployment, &database)
        var set: JSONValue = [
            "metadata": cluster.metadata(
                "\(name)-\(hash)", namespace: namespace, labels: podLabels,
                owner: reference("apps/v1", "Deployment", deployment), &database),
            "spec": [
                "replicas": count, "selector": ["matchLabels": podLabels],
                "template": ["metadata": ["labels": podLabels], "spec": spec],
            ],
        ]
        set.set(1, at: "metadata", "generation")
        set["status"] = status
        set.set(count, at: "status", "fullyLabeledReplicas")
        cluster.load(.replicaSets, set, &database)
        return (set, spec)
    }

    private func pod(
        _ number: Int, _ spec: JSONValue, owner: JSONValue, _ database: inout ObjectDatabase
    ) -> JSONValue {
        let podName = "\(name)-\(hash)-\(database.random.nameSuffix())"
        var pod: JSONValue = [
            "metadata": cluster.metadata(podName, namespace: namespace, labels: podLabels, owner: owner, &database),
            "spec": spec,
        ]
        pod.set(1, at: "metadata", "generation")
        pod.set(.string("\(name)-\(hash)-"), at: "metadata", "generateName")
        if cluster.nodes > 0 {
            pod.set(.string(cluster.nodeName(number % cluster.nodes)), at: "spec", "nodeName")
            pod["status"] = PodRunner.running(pod, on: nil, &database)
            pod.set(pod.at("metadata", "creationTimestamp"), at: "status", "startTime")
        } else {
            pod["status"] = ["phase": "Pending"]
        }
        return pod
    }

    private func service(_ database: inout ObjectDatabase) -> JSONValue {
        let meta = cluster.metadata(name, namespace: namespace, labels: labels, &database)
        if index % 50 == 49 {
            return [
                "metadata": meta,
                "spec": [
                    "type": "ExternalName", "sessionAffinity": "None",
                    "externalName": .string("\(name).example.com"),
                ],
                "status": ["loadBalancer": [:]],
            ]
        }
        let isDual = index % 10 == 3
        var addresses: [JSONValue] = ["None"]
        if index % 10 != 7 {
            addresses = [.string(database.addresses.serviceAddress())]
            if isDual { addresses.append(.string(database.addresses.serviceAddress6())) }
        }
        return [
            "metadata": meta,
            "spec": [
                "ports": [
                    ["name": "http", "protocol": "TCP", "port": 80, "targetPort": "http"],
                    ["name": "metrics", "protocol": "TCP", "port": 9090, "targetPort": 9090],
                ],
                "selector": ["app": .string(name)], "clusterIP": addresses[0], "clusterIPs": .array(addresses),
                "type": "ClusterIP", "sessionAffinity": "None", "ipFamilies": isDual ? ["IPv4", "IPv6"] : ["IPv4"],
                "ipFamilyPolicy": isDual ? "PreferDualStack" : "SingleStack", "internalTrafficPolicy": "Cluster",
            ],
            "status": ["loadBalancer": [:]],
        ]
    }

    private func loadSlices(
        of service: JSONValue, _ family: String, _ pods: [JSONValue], _ database: inout ObjectDatabase
    ) {
        let endpoints = pods.compactMap { endpoint($0, family) }
        var rest = endpoints[...]
        repeat {
            let part = rest.prefix(EndpointSliceController.endpointLimit)
            rest = rest.dropFirst(part.count)
            var sliceLabels = labels
            sliceLabels[EndpointSliceController.slicePrefix] = .string(EndpointSliceController.managedBy)
            sliceLabels[EndpointSliceController.serviceName] = .string(name)
            if service.at("spec", "clusterIP") == "None" { sliceLabels["service.kubernetes.io/headless"] = "" }
            var slice: JSONValue = [
                "metadata": cluster.metadata(
                    "\(name)-\(database.random.nameSuffix())", namespace: namespace, labels: sliceLabels,
                    owner: reference("v1", "Service", service), &database),
                "addressType": .string(family), "endpoints": part.isEmpty ? .null : .array(Array(part)),
                "ports": part.isEmpty
                    ? .null
                    : [
                        ["name": "http", "protocol": "TCP", "port": 8080],
                        ["name": "metrics", "protocol": "TCP", "port": 9090],
                    ],
            ]
            slice.set(1, at: "metadata", "generation")
            slice.set(.string("\(name)-"), at: "metadata", "generateName")
            cluster.load(.endpointSlices, slice, &database)
        } while !rest.isEmpty
    }

    private func endpoint(_ pod: JSONValue, _ family: String) -> JSONValue? {
        let addresses = (pod.at("status", "podIPs")?.array ?? []).compactMap { $0["ip"]?.string }
        guard let address = addresses.first(where: { $0.contains(":") == (family == "IPv6") }) else { return nil }
        let node = pod.at("spec", "nodeName")?.string ?? ""
        return [
            "addresses": [.string(address)],
            "conditions": ["ready": true, "serving": true, "terminating": false],
            "targetRef": [
                "kind": "Pod", "namespace": .string(namespace), "name": pod.at("metadata", "name") ?? "",
                "uid": pod.at("metadata", "uid") ?? "",
            ],
            "nodeName": .string(node),
            "zone": .string(GeneratedCluster.zone(node.split(separator: "-").last.flatMap { Int($0) } ?? 0)),
        ]
    }
}
