import DeltaStream

// How the records of a `SampleTable` stand in bytes. Numbers are little-endian and texts have their length in front, as in a stream's history.

/// What is kept of a node's samples.
struct KeptUsage: Sendable {
    struct Pod: Sendable {
        var key: UsageStore.PodKey
        /// Sorted by name.
        var containers: [PodUsage.Container]
    }

    var node: String
    /// Larger than that of whatever was kept before.
    var number: UInt64
    var sample: SampleLedger.Held
    var points: PointPair?
    var pods: [Pod]

    init(node: String, number: UInt64, sample: SampleLedger.Held, points: PointPair?, pods: [Pod]) {
        (self.node, self.number, self.sample, self.points, self.pods) = (node, number, sample, points, pods)
    }

    init(_ node: String, _ record: inout RecordDecoder) throws(HistoryFault) {
        self.node = node
        number = try record.uint64()
        sample = SampleLedger.Held(scrapedAt: try record.int64(), collector: try record.text(), madeAt: try record.int64())
        points = try PointPair(&record)
        pods = []
        while record.hasMore {
            let key = UsageStore.PodKey(namespace: try record.text(), name: try record.text())
            var containers: [PodUsage.Container] = []
            for _ in 0..<(try record.uint32()) {
                let name = try record.text()
                guard let points = try PointPair(&record) else { throw .damaged(at: record.position, "a container without measurement") }
                containers.append(.init(name: name, points: points))
            }
            pods.append(Pod(key: key, containers: containers))
        }
    }

    func encode(into record: inout RecordEncoder) {
        record.put(number)
        record.put(sample.scrapedAt)
        record.put(sample.collector)
        record.put(sample.madeAt)
        PointPair.encode(points, into: &record)
        for pod in pods {
            record.put(pod.key.namespace)
            record.put(pod.key.name)
            record.put(UInt32(pod.containers.count))
            for container in pod.containers {
                record.put(container.name)
                PointPair.encode(container.points, into: &record)
            }
        }
    }
}

extension PointPair {
    fileprivate init?(_ record: inout RecordDecoder) throws(HistoryFault) {
        let count = try record.uint8()
        guard count > 0 else { return nil }
        let last = try MetricsPoint(&record)
        let previous = try count > 1 ? MetricsPoint(&record) : nil
        self.init(last: last, previous: previous)
    }

    fileprivate static func encode(_ pair: PointPair?, into record: inout RecordEncoder) {
        guard let pair else { return record.put(UInt8(0)) }
        record.put(UInt8(pair.previous == nil ? 1 : 2))
        pair.last.encode(into: &record)
        pair.previous?.encode(into: &record)
    }
}

extension MetricsPoint {
    fileprivate init(_ record: inout RecordDecoder) throws(HistoryFault) {
        (start, time) = (try record.int64(), try record.int64())
        (cpuNanos, memoryBytes) = (try record.uint64(), try record.uint64())
        // Times are subtracted from each other, which these cannot overflow.
        guard start >= 0, time >= 0 else { throw .damaged(at: record.position, "a time before 1970") }
    }

    fileprivate func encode(into record: inout RecordEncoder) {
        record.put((UInt64(bitPattern: start), UInt64(bitPattern: time), cpuNanos, memoryBytes))
    }
}

extension CatalogNode: KeptObject {
    static let section = "node"

    init(_ uid: String, _ record: inout RecordDecoder) throws(HistoryFault) {
        self.uid = uid
        name = try record.text()
        labels = try record.labels()
        kubeletPort = Int(try record.uint32())
        isReady = try record.uint8() != 0
        metricsPath = try record.uint8() == 0 ? nil : record.text()
        addresses = []
        while record.hasMore { addresses.append(Address(type: try record.text(), address: try record.text())) }
    }

    func encode(into record: inout RecordEncoder) {
        record.put(name)
        record.put(labels)
        record.put(UInt32(clamping: kubeletPort))
        record.put(UInt8(isReady ? 1 : 0))
        record.put(UInt8(metricsPath == nil ? 0 : 1))
        if let metricsPath { record.put(metricsPath) }
        for address in addresses {
            record.put(address.type)
            record.put(address.address)
        }
    }
}

extension CatalogPod: KeptObject {
    static let section = "pod"

    init(_ uid: String, _ record: inout RecordDecoder) throws(HistoryFault) {
        self.init(uid: uid, namespace: try record.text(), name: try record.text(), labels: try record.labels())
    }

    func encode(into record: inout RecordEncoder) {
        record.put(namespace)
        record.put(name)
        record.put(labels)
    }
}

extension RecordDecoder {
    fileprivate mutating func int64() throws(HistoryFault) -> Int64 { Int64(bitPattern: try uint64()) }

    fileprivate mutating func labels() throws(HistoryFault) -> [String: String] {
        var labels: [String: String] = [:]
        for _ in 0..<(try uint32()) {
            let name = try text()
            labels[name] = try text()
        }
        return labels
    }
}

extension RecordEncoder {
    fileprivate mutating func put(_ number: Int64) { put(UInt64(bitPattern: number)) }

    /// Sorted, so that equal labels are equal bytes.
    fileprivate mutating func put(_ labels: [String: String]) {
        put(UInt32(labels.count))
        for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
            put(name)
            put(value)
        }
    }
}
