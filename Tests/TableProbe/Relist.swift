import Names
import RecordTable
import RecordTableWriter

/// What a list of the cluster gives: a function of its seed.
struct ClusterList {
    var namespaces: [String: NamespaceRecord] = [:]
    var services: [String: ServiceRecord] = [:]
    var slices: [String: EndpointSliceRecord] = [:]
    var pods: [String: PodRecord] = [:]

    init(seed: UInt64) {
        var random = Repeatable(state: seed)
        for name in ["probe"] + (0..<Int(random.next() % 20)).map({ "namespace-\($0)" }) {
            namespaces[name] = NamespaceRecord(name: name, labels: ["seed": "\(seed % 3)"])
        }
        for index in 0..<serviceCount {
            // Half of the services change from one list to the next.
            let made = SelfChecking(
                index: index, version: index % 2 == 0 ? UInt32(index) &* 2_654_435_761 : UInt32(truncatingIfNeeded: random.next()))
            services[made.name] = made.service
            for number in 0..<slicesPerService { slices["\(made.name)-\(number)"] = made.slice(number) }
        }
        for number in 0..<Int(random.next() % 300) {
            pods["pod-\(number)"] = SelfChecking(index: 0, version: UInt32(truncatingIfNeeded: random.next())).pod(number)
        }
        for number in 0..<Int(random.next() % 200) {
            let loose = SelfChecking(index: 10_000 + number, version: UInt32(truncatingIfNeeded: random.next()))
            slices["\(loose.name)-0"] = loose.slice(0)
        }
    }

    /// Brings the table to this list by difference, as the watcher does after each start.
    func relist(_ writer: TableWriter) throws {
        for record in namespaces.values { try writer.upsert(record) }
        for name in writer.namespaceNames() where namespaces[name.name] == nil { try writer.removeNamespace(name.name) }
        for record in services.values { try writer.upsert(record) }
        for name in writer.serviceNames() where services[name.name] == nil {
            try writer.removeService(namespace: name.namespace, name: name.name)
        }
        for record in slices.values { try writer.upsert(record) }
        for name in writer.sliceNames() where slices[name.name] == nil {
            try writer.removeSlice(namespace: name.namespace, name: name.name)
        }
        for record in pods.values { try writer.upsert(record) }
        for name in writer.podNames() where pods[name.name] == nil {
            try writer.removePod(namespace: name.namespace, name: name.name)
        }
    }

    /// Compares every record that a reader finds, walking all and asking for each by name, with the list.
    func compare(with reader: TableReader) {
        var found = 0
        reader.forEachNamespace { view in
            found += 1
            let record = view.record()
            if namespaces[record.name] != record { fail("namespace \(record.name) is not as listed") }
        }
        reader.forEachService { view in
            found += 1
            let record = view.record()
            if services[record.name] != record { fail("service \(record.name) is not as listed") }
        }
        reader.forEachSlice { view in
            found += 1
            let record = view.record()
            if slices[record.name] != record { fail("slice \(record.name) is not as listed") }
        }
        reader.forEachPod { view in
            found += 1
            let record = view.record()
            if pods[record.name] != record { fail("pod \(record.name) is not as listed") }
        }
        let wanted = namespaces.count + services.count + slices.count + pods.count
        if found != wanted { fail("the table has \(found) records, the list \(wanted)") }
        compareLookUps(reader)
    }

    private func compareLookUps(_ reader: TableReader) {
        let probe = Array("probe".utf8)
        for (name, record) in services {
            let found = reader.withService(namespace: probe.span, name: Array(name.utf8).span) { $0.record() }
            if found != record { fail("service \(name) is not found by its name") }
            for address in record.clusterIPs {
                var isFound = false
                reader.forEachService(address: address) { if $0.record() == record { isFound = true } }
                if !isFound { fail("service \(name) is not found by \(address)") }
            }
        }
        for (name, record) in slices {
            let address = record.endpoints[record.endpoints.count - 1].addresses[0]
            var isFound = false
            reader.forEachEndpoint(address: address) { slice, _ in if slice.record() == record { isFound = true } }
            if !isFound { fail("slice \(name) is not found by \(address)") }
        }
        for (name, record) in pods {
            let found = reader.withPod(namespace: probe.span, name: Array(name.utf8).span) { $0.record() }
            if found != record { fail("pod \(name) is not found by its name") }
            var isFound = false
            reader.forEachPod(address: record.addresses[0]) { if isText($0.uid, "uid-", version(of: record)) { isFound = true } }
            if !isFound { fail("pod \(name) is not found by its address") }
        }
        if reader.damaged != 0 { fail("\(reader.damaged) look-ups met damage") }
    }

    private func version(of pod: PodRecord) -> UInt32 {
        guard case .v4(let version) = pod.addresses[0] else { return 0 }
        return version
    }
}

/// Random numbers that repeat (Knuth's MMIX constants).
struct Repeatable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }
}
