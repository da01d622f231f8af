import DeltaStream

/// Reads a kubelet's `/metrics/resource` (Prometheus text) chunk by chunk into readings.
///
/// Tolerant: unknown families are skipped, lines that cannot be read are counted and skipped. Bounded: by the size of
/// the whole body and of one line. A line of a container seen before costs no allocation: kubelets list containers in
/// the same order in every family, so the expected one is compared first and a hash finds the others. That holds from one scrape of a
/// node to the next too, where ``known`` is handed on: of a node whose pods stay, nothing is looked up by name again.
struct ResourceMetricsParser {
    /// A body larger than this is refused; a node of 500 pods makes about half a megabyte.
    static let bodyLimit = 32 << 20
    static let lineLimit = 16 << 10

    enum Failure: Error, Equatable {
        case tooLarge(limit: Int)
    }

    private(set) var node = Reading()
    private(set) var containers: [ContainerReading] = []
    private(set) var pods: [PodReading] = []
    /// Lines that were not Prometheus text, or named no container or pod.
    private(set) var malformedLines = 0
    private(set) var bytesSeen = 0

    /// Milliseconds since 1970, for samples that carry no time of their own.
    private let defaultTime: Int64
    private var carry: [UInt8] = []
    private var skipsToLineEnd = false
    private var containerSeries = SeriesTable()
    private var podSeries = SeriesTable()
    /// Empty until a block of labels comes that was not seen before: the same container may be there with others.
    private var containerIndex: [ContainerKey: Int] = [:]
    private var podIndex: [ContainerKey: Int] = [:]
    /// Of the last line: the next one is nearly always of the same.
    private var family = Family.other
    private var familyName: [UInt8] = []

    private struct ContainerKey: Hashable {
        var namespace: String
        var pod: String
        var container: String
    }

    /// What a line is about, and what of it.
    private enum Family {
        case node(Quantity)
        case container(Quantity)
        case pod(Quantity)
        case other
    }

    fileprivate enum Quantity {
        case cpu, memory, swap, start
    }

    /// Names of one length are few, so a name is compared with one or two.
    private static let families: [(name: [UInt8], family: Family)] = [
        (Array("node_cpu_usage_seconds_total".utf8), .node(.cpu)),
        (Array("node_memory_working_set_bytes".utf8), .node(.memory)),
        (Array("node_swap_usage_bytes".utf8), .node(.swap)),
        (Array("container_cpu_usage_seconds_total".utf8), .container(.cpu)),
        (Array("container_memory_working_set_bytes".utf8), .container(.memory)),
        (Array("container_swap_usage_bytes".utf8), .container(.swap)),
        (Array("container_start_time_seconds".utf8), .container(.start)),
        (Array("pod_cpu_usage_seconds_total".utf8), .pod(.cpu)),
        (Array("pod_memory_working_set_bytes".utf8), .pod(.memory)),
        (Array("pod_swap_usage_bytes".utf8), .pod(.swap)),
    ]

    /// What a body said of whom it is about, for the next body of the same node.
    struct KnownSeries: Sendable {
        fileprivate var containerSeries = SeriesTable()
        fileprivate var podSeries = SeriesTable()
        /// With that body's readings, so that nothing is copied while those are on their way.
        fileprivate var containers: [ContainerReading] = []
        fileprivate var pods: [PodReading] = []
    }

    /// - Parameters:
    ///   - defaultTime: when the scrape began, milliseconds since 1970-01-01 UTC.
    ///   - known: of the node's last body; what it knows and this body does not bring is not among the readings.
    init(defaultTime: Int64, known: consuming KnownSeries? = nil) {
        self.defaultTime = defaultTime
        guard var series = known.take() else { return }
        // Taken out, not copied: they are changed where they lie.
        swap(&containerSeries, &series.containerSeries)
        swap(&podSeries, &series.podSeries)
        swap(&containers, &series.containers)
        swap(&pods, &series.pods)
        let nothing = Reading()
        for index in containers.indices { containers[index].reading = nothing }
        for index in pods.indices { pods[index].reading = nothing }
    }

    /// For the next body of this node; once this one is finished.
    private(set) var known: KnownSeries?

    mutating func consume(_ chunk: borrowing Span<UInt8>) throws(Failure) {
        bytesSeen += chunk.count
        guard bytesSeen <= Self.bodyLimit else { throw .tooLarge(limit: Self.bodyLimit) }
        var start = 0
        while let end = chunk.firstIndex(of: UInt8(ascii: "\n"), from: start) {
            if skipsToLineEnd {
                skipsToLineEnd = false
            } else if carry.isEmpty {
                line(chunk.extracting(start..<end))
            } else {
                var whole: [UInt8] = []
                swap(&whole, &carry)
                whole.append(contentsOf: chunk.extracting(start..<end))
                line(whole.span)
                whole.removeAll(keepingCapacity: true)
                swap(&whole, &carry)
            }
            start = end + 1
        }
        guard start < chunk.count, !skipsToLineEnd else { return }
        if carry.count + chunk.count - start > Self.lineLimit {
            malformedLines += 1
            carry.removeAll(keepingCapacity: true)
            skipsToLineEnd = true
        } else {
            carry.append(contentsOf: chunk.extracting(start..<chunk.count))
        }
    }

    /// Takes a last line without a line end.
    mutating func finish() {
        let rest = carry
        carry = []
        if !rest.isEmpty { line(rest.span) }
        let nothing = Reading()
        let (containersGone, podsGone) = (containers.contains { $0.reading == nothing }, pods.contains { $0.reading == nothing })
        if containersGone { containers.removeAll { $0.reading == nothing } }
        if podsGone { pods.removeAll { $0.reading == nothing } }
        // What is gone would be carried along for ever: the next body begins anew.
        guard !containersGone, !podsGone else { return }
        containerSeries.rewind()
        podSeries.rewind()
        known = KnownSeries(containerSeries: containerSeries, podSeries: podSeries, containers: containers, pods: pods)
    }

    private mutating func line(_ text: borrowing Span<UInt8>) {
        var scanner = SampleScanner()
        if !scanner.skip(familyName.span, beforeLabelsIn: text) {
            guard let name = scanner.name(in: text) else { return }
            if !text.extracting(name).equals(familyName.span) {
                familyName.removeAll(keepingCapacity: true)
                familyName.append(contentsOf: text.extracting(name))
                family = Self.families.first { familyName == $0.name }?.family ?? .other
            }
        }
        if case .other = family { return }
        let place = expected(in: text, &scanner)
        let labels = place == nil ? scanner.labels(in: text) : 0..<0
        guard let labels, let value = scanner.value(in: text), let time = scanner.time(in: text) else {
            malformedLines += 1
            return
        }
        let milliseconds =
            switch time {
            case .notGiven: defaultTime
            case .milliseconds(let given): given
            }
        record(value, time: milliseconds, place, labels: text.extracting(labels))
    }

    /// Whom the line is about, if that is who is expected next: then the labels need not be read, only compared.
    private mutating func expected(in text: borrowing Span<UInt8>, _ scanner: inout SampleScanner) -> Int? {
        switch family {
        case .container: containerSeries.next(in: text, &scanner)
        case .pod: podSeries.next(in: text, &scanner)
        case .node, .other: nil
        }
    }

    /// - Parameters:
    ///   - place: whom it is about, where that is known.
    ///   - labels: what tells it otherwise.
    private mutating func record(_ value: Double, time: Int64, _ place: Int?, labels: borrowing Span<UInt8>) {
        switch family {
        case .node(let quantity): node.set(quantity, value, time)
        case .container(let quantity):
            guard let index = place ?? container(labels) else {
                malformedLines += 1
                return
            }
            containers[index].reading.set(quantity, value, time)
        case .pod(let quantity):
            guard let index = place ?? pod(labels) else {
                malformedLines += 1
                return
            }
            pods[index].reading.set(quantity, value, time)
        case .other:
            return
        }
    }

    private mutating func container(_ labels: borrowing Span<UInt8>) -> Int? {
        if let known = containerSeries.find(labels) { return known }
        guard let key = Self.key(labels), !key.container.isEmpty else { return nil }
        if containerIndex.count < containers.count {
            for (index, known) in containers.enumerated() {
                containerIndex[ContainerKey(namespace: known.namespace, pod: known.pod, container: known.container)] = index
            }
        }
        let index = containerIndex[key] ?? containers.count
        if index == containers.count {
            containers.append(
                ContainerReading(
                    namespace: key.namespace, pod: key.pod, container: key.container, reading: Reading()))
            containerIndex[key] = index
        }
        containerSeries.insert(labels, index: index)
        return index
    }

    private mutating func pod(_ labels: borrowing Span<UInt8>) -> Int? {
        if let known = podSeries.find(labels) { return known }
        guard var key = Self.key(labels) else { return nil }
        key.container = ""
        if podIndex.count < pods.count {
            for (index, known) in pods.enumerated() {
                podIndex[ContainerKey(namespace: known.namespace, pod: known.pod, container: "")] = index
            }
        }
        let index = podIndex[key] ?? pods.count
        if index == pods.count {
            pods.append(PodReading(namespace: key.namespace, pod: key.pod, reading: Reading()))
            podIndex[key] = index
        }
        podSeries.insert(labels, index: index)
        return index
    }

    /// Nil unless the labels name a namespace and a pod.
    private static func key(_ labels: borrowing Span<UInt8>) -> ContainerKey? {
        var key = ContainerKey(namespace: "", pod: "", container: "")
        var position = 0
        while let label = SampleScanner.label(in: labels, from: &position) {
            switch label.name {
            case "namespace": key.namespace = label.value
            case "pod": key.pod = label.value
            case "container": key.container = label.value
            default: continue
            }
        }
        return key.namespace.isEmpty || key.pod.isEmpty ? nil : key
    }
}

extension Reading {
    fileprivate mutating func set(_ quantity: ResourceMetricsParser.Quantity, _ value: Double, _ time: Int64) {
        switch quantity {
        case .cpu:
            cpuSecondsTotal = value
            cpuTime = time
        case .memory:
            memoryWorkingSetBytes = value
            memoryTime = time
        case .swap: swapUsageBytes = value
        case .start: startTime = value
        }
    }
}

/// Finds what a block of labels stood for earlier, in this body or the one before, by its bytes.
private struct SeriesTable: Sendable {
    private var bytes: [UInt8] = []
    private var blocks: [(start: Int, end: Int, index: Int)] = []
    /// Of the first blocks; the others enter when one is looked for that is not the expected one.
    private var byHash: [UInt64: Int] = [:]
    private var hashed = 0
    /// The block after the last one found, which is the next one in a body sorted as kubelets do.
    private var expected = 0

    /// The next body begins with the first block. Where it says the same as this one, nothing is looked for by hash.
    mutating func rewind() {
        expected = 0
        (byHash, hashed) = ([:], 0)
    }

    /// What the line is about, if its labels are the expected block; they are passed over then.
    mutating func next(in text: borrowing Span<UInt8>, _ scanner: inout SampleScanner) -> Int? {
        guard !blocks.isEmpty else { return nil }
        // The next family begins with the first again.
        if expected == blocks.count { expected = 0 }
        let (start, end, index) = blocks[expected]
        guard scanner.skip(labels: bytes.span.extracting(start..<end), in: text) else { return nil }
        expected += 1
        return index
    }

    mutating func find(_ labels: borrowing Span<UInt8>) -> Int? {
        while hashed < blocks.count {
            let (start, end, _) = blocks[hashed]
            byHash[Self.hash(bytes.span.extracting(start..<end))] = hashed
            hashed += 1
        }
        guard let block = byHash[Self.hash(labels)], matches(block, labels) else { return nil }
        expected = block + 1
        return blocks[block].index
    }

    mutating func insert(_ labels: borrowing Span<UInt8>, index: Int) {
        let start = bytes.count
        bytes.append(contentsOf: labels)
        blocks.append((start, bytes.count, index))
        expected = blocks.count
    }

    private func matches(_ block: Int, _ labels: borrowing Span<UInt8>) -> Bool {
        let (start, end, _) = blocks[block]
        return bytes.span.extracting(start..<end).equals(labels)
    }

    /// FNV-1a; a collision only costs a second look at the labels.
    private static func hash(_ labels: borrowing Span<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in labels.indices { hash = (hash ^ UInt64(labels[index])) &* 0x100_0000_01B3 }
        return hash
    }
}
