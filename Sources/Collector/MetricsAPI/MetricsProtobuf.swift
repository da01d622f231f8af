/// Items in protobuf, as the generated code of `k8s.io/metrics` writes them.
extension ProtobufWriter {
    /// - Parameter now: seconds since 1970-01-01 UTC.
    mutating func write(_ item: MetricsItem, now: Int64) {
        message(1) { _ = $0.writeMetadata(of: item, now: now) }
        writeMeasured(item)
    }

    /// The `ObjectMeta`.
    /// - Returns: where the seconds of its creation time stand, which is the time of the answer.
    mutating func writeMetadata(of item: MetricsItem, now: Int64) -> Int {
        string(1, item.name)
        string(2, "")
        string(3, item.namespace)
        for field in UInt64(4)...6 { string(field, "") }
        integer(7, 0)
        var place = 0
        message(8) { place = $0.write(seconds: now) }
        map(11, item.labels) { $0.string(2, $1) }
        return place
    }

    /// All fields but the metadata.
    mutating func writeMeasured(_ item: MetricsItem) {
        message(2) { _ = $0.write(seconds: item.window.end / 1_000_000_000) }
        message(3) { $0.integer(1, item.window.length) }
        switch item.usage {
        case .node(let usage): write(usage, field: 4)
        case .pod(let containers):
            for container in containers {
                message(4) { inner in
                    inner.string(1, container.name)
                    inner.write(container.usage, field: 2)
                }
            }
        }
    }

    /// An `ObjectMeta` with nothing but a name.
    mutating func writeObjectMetadata(name: String) {
        string(1, name)
        for field in UInt64(2)...6 { string(field, "") }
        integer(7, 0)
        message(8) { _ in }
    }

    /// An empty `ListMeta`.
    mutating func writeListMetadata() {
        message(1) { meta in
            for field in UInt64(1)...3 { meta.string(field, "") }
        }
    }

    /// A `Time` of whole seconds.
    /// - Returns: where the seconds stand. Right for messages of less than 128 bytes, whose head does not grow.
    private mutating func write(seconds: Int64) -> Int {
        varint(1 << 3)
        let place = bytes.count
        varint(UInt64(bitPattern: seconds))
        integer(2, 0)
        return place
    }

    private mutating func write(_ usage: ResourceUsage, field: UInt64) {
        write(quantity: "cpu", field: field) { QuantityText.append(nanoCores: usage.cpuNanos, to: &$0) }
        write(quantity: "memory", field: field) { QuantityText.append(memory: usage.memoryBytes, to: &$0) }
    }

    /// An entry of a `ResourceList`.
    private mutating func write(quantity name: String, field: UInt64, _ text: (inout [UInt8]) -> Void) {
        message(field) { entry in
            entry.string(1, name)
            entry.message(2) { $0.text(1, text) }
        }
    }
}
