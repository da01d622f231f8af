import KubernetesObjects

/// Keeps endpoint slices in step with services that have a selector, as the controller of that name does: one set of slices a
/// family and port list, at most 100 endpoints each, endpoints stay in their slice, an empty slice where nothing is selected.
enum EndpointSliceController {
    static let slicePrefix = "endpointslice.kubernetes.io/managed-by"
    static let managedBy = "endpointslice-controller.k8s.io"
    static let serviceName = "kubernetes.io/service-name"
    static let endpointLimit = 100

    /// Collects the services whose slices a change may touch.
    static func note(
        _ change: ObjectDatabase.Change, _ dirty: inout Set<String>, _ database: ObjectDatabase
    ) {
        switch change.type.resource {
        case .services:
            if let service = change.after, change.before.map({ differs($0, service) }) ?? true {
                dirty.insert(service.key)
            }
        case .pods:
            let pods = [change.before, change.after].compactMap { $0 }
            if pods.count == 2, !podDiffers(pods[0], pods[1]) { return }
            guard let namespace = pods.first?.namespace else { return }
            for service in database.objects(.services, namespace: namespace) where service.serviceFacts.hasEndpoints {
                if pods.contains(where: service.serviceFacts.selects) { dirty.insert(service.key) }
            }
        default: break
        }
    }

    private static func podDiffers(_ old: StoredObject, _ new: StoredObject) -> Bool {
        old.podFacts != new.podFacts || old.nodeName != new.nodeName || old.uid != new.uid
            || !old.labels.elementsEqual(new.labels, by: ==)
    }

    private static func differs(_ old: StoredObject, _ new: StoredObject) -> Bool {
        old.serviceFacts != new.serviceFacts || old.uid != new.uid || !old.labels.elementsEqual(new.labels, by: ==)
    }

    /// Endpoints that share a family and ports, and so may share slices.
    private struct Group {
        var family: String
        var ports: JSONValue
        var endpoints: [(uid: String, json: JSONValue)] = []
    }

    static func sync(_ key: String, _ database: inout ObjectDatabase) {
        guard let service = database.collections[.services]?[key], service.serviceFacts.hasEndpoints else { return }
        var existing = database.objects(.endpointSlices, namespace: service.namespace).filter {
            $0.label(serviceName) == service.name && $0.label(slicePrefix) == managedBy
        }.map { (object: $0, tree: $0.tree) }
        let labels = sliceLabels(of: service)
        for group in groups(of: service, database) {
            fill(group, from: &existing, service, labels, &database)
        }
        for slice in existing { GarbageCollector.delete(slice.object, &database) }
    }

    /// At least one group a family, if only an empty one.
    private static func groups(of service: StoredObject, _ database: ObjectDatabase) -> [Group] {
        let facts = service.serviceFacts
        let pods = database.objects(.pods, namespace: service.namespace).filter {
            facts.selects($0) && $0.podFacts.mayBeEndpoint
        }
        var result: [Group] = []
        for family in facts.families {
            var ofFamily: [Group] = []
            for pod in pods {
                guard let address = pod.podFacts.addresses.first(where: { $0.contains(":") == (family == "IPv6") })
                else {
                    continue
                }
                let ports = slicePorts(facts, pod.podFacts)
                let endpoint = endpoint(pod, address, service, database)
                if let index = ofFamily.firstIndex(where: { $0.ports == ports }) {
                    ofFamily[index].endpoints.append((pod.uid, endpoint))
                } else {
                    ofFamily.append(Group(family: family, ports: ports, endpoints: [(pod.uid, endpoint)]))
                }
            }
            result += ofFamily.isEmpty ? [Group(family: family, ports: .null)] : ofFamily
        }
        return result
    }

    /// Ports whose target the pod does not have are left out.
    private static func slicePorts(_ service: ServiceFacts, _ pod: PodFacts) -> JSONValue {
        let ports = service.ports.compactMap { port -> JSONValue? in
            let number: Int64?
            switch port.target {
            case .string(let name)?:
                number = pod.ports.first { $0.name == name && $0.transport == port.transport }?.number
            case .integer(let value)? where value > 0: number = value
            case nil, .integer, .null, .bool, .double, .array, .object: number = port.number
            }
            return number.map {
                .present([
                    "name": .string(port.name), "protocol": .string(port.transport), "port": .integer($0),
                    "appProtocol": port.applicationProtocol.map(JSONValue.string),
                ])
            }
        }
        return ports.isEmpty ? .null : .array(ports)
    }

    private static func endpoint(
        _ pod: StoredObject, _ address: String, _ service: StoredObject, _ database: ObjectDatabase
    ) -> JSONValue {
        let facts = pod.podFacts
        let isNamed = !facts.hostname.isEmpty && facts.subdomain == service.name
        let isReady = service.serviceFacts.publishesNotReadyAddresses || (facts.isReady && !facts.isTerminating)
        let zone = pod.nodeName.flatMap { database.object(.nodes, name: $0)?.label("topology.kubernetes.io/zone") }
        return .present([
            "addresses": [.string(address)],
            "conditions": [
                "ready": .bool(isReady), "serving": .bool(facts.isReady), "terminating": .bool(facts.isTerminating),
            ],
            "hostname": isNamed ? .string(facts.hostname) : nil,
            "targetRef": [
                "kind": "Pod", "namespace": .string(pod.namespace), "name": .string(pod.name), "uid": .string(pod.uid),
            ],
            "nodeName": pod.nodeName.map(JSONValue.string), "zone": zone.map(JSONValue.string),
        ])
    }

    private static func sliceLabels(of service: StoredObject) -> JSONValue {
        var labels = JSONValue(strings: service.labels)
        labels[slicePrefix] = .string(managedBy)
        labels[serviceName] = .string(service.name)
        labels["service.kubernetes.io/headless"] = service.serviceFacts.isHeadless ? "" : nil
        return labels
    }

    private typealias Slice = (object: StoredObject, tree: JSONValue)

    /// Puts a group's endpoints into slices: first those that are there already, then the free places, then new slices.
    /// Slices used are taken out of `existing`.
    private static func fill(
        _ group: Group, from existing: inout [Slice], _ service: StoredObject, _ labels: JSONValue,
        _ database: inout ObjectDatabase
    ) {
        var wanted = Dictionary(group.endpoints.map { ($0.uid, $0.json) }, uniquingKeysWith: { first, _ in first })
        var used: [(slice: Slice?, endpoints: [JSONValue])] = []
        for slice in existing
        where slice.tree["addressType"]?.string == group.family
            && (slice.tree["ports"] ?? .null) == group.ports
        {
            let kept = (slice.tree["endpoints"]?.array ?? []).compactMap { endpoint -> JSONValue? in
                endpoint.at("targetRef", "uid")?.string.flatMap { wanted.removeValue(forKey: $0) }
            }
            used.append((slice, kept))
        }
        existing.removeAll { slice in used.contains { $0.slice?.object.key == slice.object.key } }
        var rest = group.endpoints.filter { wanted[$0.uid] != nil }.map(\.json)
        for index in used.indices {
            let room = min(endpointLimit - used[index].endpoints.count, rest.count)
            used[index].endpoints += rest.prefix(room)
            rest.removeFirst(room)
        }
        while !rest.isEmpty || used.isEmpty {
            let part = Array(rest.prefix(endpointLimit))
            rest.removeFirst(part.count)
            // A slice of the family that no ports need any more is used again, as the first empty one is.
            let spare = existing.firstIndex { $0.tree["addressType"]?.string == group.family }
            used.append((spare.map { existing.remove(at: $0) }, part))
        }
        for (index, entry) in used.enumerated() {
            if entry.endpoints.isEmpty, index > 0 || used.contains(where: { !$0.endpoints.isEmpty }) {
                if let slice = entry.slice { GarbageCollector.delete(slice.object, &database) }
            } else {
                write(group, entry.slice, entry.endpoints, service, labels, &database)
            }
        }
    }

    private static func write(
        _ group: Group, _ slice: Slice?, _ endpoints: [JSONValue], _ service: StoredObject, _ labels: JSONValue,
        _ database: inout ObjectDatabase
    ) {
        let type = ResourceCatalog.type(.endpointSlices)
        let list: JSONValue = endpoints.isEmpty ? .null : .array(endpoints)
        let time: JSONValue = .string(database.now)
        if let slice {
            var tree = slice.tree
            tree.set(labels, at: "metadata", "labels")
            tree["endpoints"] = list
            tree["ports"] = group.ports
            if tree == slice.tree { return }
            tree.set(time, at: "metadata", "annotations", "endpoints.kubernetes.io/last-change-trigger-time")
            let reference = ObjectReference(type: type, namespace: service.namespace, name: slice.object.name)
            _ = try? database.update(reference, tree)
        } else {
            let tree: JSONValue = [
                "metadata": [
                    "generateName": .string("\(service.name)-"), "namespace": .string(service.namespace),
                    "labels": labels,
                    "annotations": ["endpoints.kubernetes.io/last-change-trigger-time": time],
                    "ownerReferences": WorkloadController.reference(to: service),
                ],
                "addressType": .string(group.family), "endpoints": list, "ports": group.ports,
            ]
            _ = try? database.create(type, namespace: service.namespace, tree)
        }
    }
}
