import KubernetesObjects
import MizzenSystem

/// What one container or node uses.
struct ResourceUsage: Hashable, Sendable {
    /// Billionths of a core, averaged over the window.
    var cpuNanos: UInt64
    /// Working set at the end of the window.
    var memoryBytes: UInt64

    var cpuText: String { QuantityText.cores(nanos: cpuNanos) }
    var memoryText: String { QuantityText.memory(bytes: memoryBytes) }
    fileprivate var texts: [String: String] { ["cpu": cpuText, "memory": memoryText] }

    static func + (left: ResourceUsage, right: ResourceUsage) -> ResourceUsage {
        ResourceUsage(
            cpuNanos: left.cpuNanos &+ right.cpuNanos, memoryBytes: left.memoryBytes &+ right.memoryBytes)
    }
}

/// The end of a measurement and the time it covers, both in nanoseconds, the former since 1970-01-01 UTC.
struct MeasuredWindow: Hashable, Sendable {
    var end: Int64
    var length: Int64
}

/// One item of a `NodeMetricsList` or `PodMetricsList`.
struct MetricsItem: Hashable, Sendable {
    enum Usage: Hashable, Sendable {
        case node(ResourceUsage)
        /// By container, sorted by name.
        case pod([Container])
    }
    struct Container: Hashable, Sendable {
        var name: String
        var usage: ResourceUsage
    }

    var namespace: String
    var name: String
    var labels: [String: String]
    var window: MeasuredWindow
    var usage: Usage

    var kind: String {
        switch usage {
        case .node: ResourceKind.nodes.kind
        case .pod: ResourceKind.pods.kind
        }
    }

    /// The sum over containers.
    var total: ResourceUsage {
        switch usage {
        case .node(let usage): usage
        case .pod(let containers):
            containers.reduce(ResourceUsage(cpuNanos: 0, memoryBytes: 0)) { $0 + $1.usage }
        }
    }
}

/// An answer of `metrics.k8s.io/v1beta1` before it is encoded.
struct MetricsDocument: Sendable {
    static let apiVersion = "metrics.k8s.io/v1beta1"

    enum Content: Sendable {
        case item(MetricsItem)
        case list([MetricsItem])
    }

    /// `NodeMetrics` or `PodMetrics`.
    var kind: String
    var content: Content
    /// Seconds since 1970; metrics-server gives every item the time of the answer as its creation time.
    var now: Int64

    var items: [MetricsItem] {
        switch content {
        case .item(let item): [item]
        case .list(let items): items
        }
    }

    // MARK: JSON

    var json: JSONValue {
        switch content {
        case .item(let item): return whole(item)
        case .list(let items):
            return .members([
                "kind": .string(kind + "List"), "apiVersion": .string(Self.apiVersion), "metadata": .object([]),
                "items": .array(items.map(json)),
            ])
        }
    }

    private func whole(_ item: MetricsItem) -> JSONValue {
        guard case .object(let members) = json(item) else { return json(item) }
        return .object(
            [
                .init(key: "kind", value: .string(kind)), .init(key: "apiVersion", value: .string(Self.apiVersion)),
            ] + members)
    }

    private func json(_ item: MetricsItem) -> JSONValue {
        let usage: (node: JSONValue?, containers: JSONValue?)
        switch item.usage {
        case .node(let value): usage = (.map(value.texts), nil)
        case .pod(let containers):
            usage = (
                nil,
                .array(
                    containers.map { .members(["name": .string($0.name), "usage": .map($0.usage.texts)]) })
            )
        }
        return .members([
            "metadata": metadata(item),
            "timestamp": .string(Self.time(item.window.end / 1_000_000_000)),
            "window": .string(GoDurationText.format(item.window.length)),
            "usage": usage.node,
            "containers": usage.containers,
        ])
    }

    private func metadata(_ item: MetricsItem) -> JSONValue {
        .members([
            "name": .string(item.name),
            "namespace": item.namespace.isEmpty ? nil : .string(item.namespace),
            "creationTimestamp": .string(Self.time(now)),
            "labels": .map(item.labels),
        ])
    }

    // MARK: Table

    func table(version: MetaVersion, object: RowObject) -> JSONValue {
        let rows = items.map { item in
            let total = item.total
            let cells = [
                item.name, total.cpuText, total.memoryText, GoDurationText.format(item.window.length),
            ]
            let carried: JSONValue? =
                switch object {
                case .none: nil
                case .metadata: partial(item, version)
                case .whole: whole(item)
                }
            return JSONValue.members(["cells": .array(cells.map(JSONValue.string)), "object": carried])
        }
        return Self.table(version: version, hasRows: !rows.isEmpty, rows: rows)
    }

    /// A table without its rows, or with them.
    static func table(version: MetaVersion, hasRows: Bool, rows: [JSONValue] = []) -> JSONValue {
        let columns: [(String, String, String)] = [
            ("Name", "name", "Name of the resource"), ("cpu", "quantity", ""), ("memory", "quantity", ""),
            ("Window", "duration", ""),
        ]
        let definitions = columns.map { name, format, description in
            JSONValue.members([
                "name": .string(name), "type": .string("string"), "format": .string(format),
                "description": .string(description), "priority": .integer(0),
            ])
        }
        return .members([
            "kind": .string("Table"), "apiVersion": .string(version.apiVersion), "metadata": .object([]),
            // metrics-server learns the columns from the first item.
            "columnDefinitions": .array(hasRows ? definitions : []),
            "rows": .array(rows),
        ])
    }

    // MARK: Metadata alone

    /// - Parameter isList: whether a list is asked for.
    /// - Throws: where what is asked for is not what there is.
    func metadata(_ version: MetaVersion, isList: Bool) throws(Refusal) -> JSONValue {
        try checkMetadata(isList: isList)
        switch content {
        case .item(let item): return partial(item, version)
        case .list(let items):
            return .members([
                "kind": .string("PartialObjectMetadataList"), "apiVersion": .string(version.apiVersion), "metadata": .object([]),
                "items": .array(items.map { partial($0, version) }),
            ])
        }
    }

    private func partial(_ item: MetricsItem, _ version: MetaVersion) -> JSONValue {
        .members([
            "kind": .string("PartialObjectMetadata"), "apiVersion": .string(version.apiVersion), "metadata": metadata(item),
        ])
    }

    func metadataProtobuf(_ version: MetaVersion, isList: Bool) throws(Refusal) -> [UInt8] {
        try checkMetadata(isList: isList)
        switch content {
        case .item(let item):
            return ProtobufWriter.envelope(apiVersion: version.apiVersion, kind: "PartialObjectMetadata") {
                $0.message(1) { _ = $0.writeMetadata(of: item, now: now) }
            }
        case .list(let items):
            return ProtobufWriter.envelope(apiVersion: version.apiVersion, kind: "PartialObjectMetadataList") { list in
                list.writeListMetadata()
                for item in items { list.message(2) { $0.message(1) { _ = $0.writeMetadata(of: item, now: now) } } }
            }
        }
    }

    private func checkMetadata(isList: Bool) throws(Refusal) {
        switch (content, isList) {
        case (.item, false), (.list, true): return
        case (.item, true):
            throw .notAcceptable(
                "you requested PartialObjectMetadataList, but the requested object is not a list (*metrics.\(kind))")
        case (.list, false):
            throw .notAcceptable("you requested PartialObjectMetadata, but the requested object is a list (*metrics.\(kind)List)")
        }
    }

    // MARK: Protobuf

    var protobuf: [UInt8] {
        switch content {
        case .item(let item):
            ProtobufWriter.envelope(apiVersion: Self.apiVersion, kind: kind) { $0.write(item, now: now) }
        case .list(let items):
            ProtobufWriter.envelope(apiVersion: Self.apiVersion, kind: kind + "List") { writer in
                writer.writeListMetadata()
                for item in items { writer.message(2) { $0.write(item, now: now) } }
            }
        }
    }

    /// RFC 3339 with whole seconds.
    static func time(_ seconds: Int64) -> String {
        Timestamp(seconds: seconds).text() ?? ""
    }
}
