import KubernetesObjects
import MizzenSystem
import ProcessRuntime

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

    private var documentKind: String {
        switch content {
        case .item: kind
        case .list: kind + "List"
        }
    }

    // MARK: JSON

    var json: JSONValue {
        switch content {
        case .item(let item):
            guard case .object(let members) = json(item) else { return json(item) }
            return .object(
                [
                    .init(key: "kind", value: .string(kind)), .init(key: "apiVersion", value: .string(Self.apiVersion)),
                ] + members)
        case .list(let items):
            return .members([
                "kind": .string(documentKind), "apiVersion": .string(Self.apiVersion), "metadata": .object([]),
                "items": .array(items.map(json)),
            ])
        }
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

    /// - Parameters:
    ///   - version: `v1` or `v1beta1` of `meta.k8s.io`.
    ///   - includesObjects: rows carry the metadata of their object.
    func table(version: String, includesObjects: Bool) -> JSONValue {
        let apiVersion = "meta.k8s.io/\(version)"
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
        let rows = items.map { item in
            let total = item.total
            let cells = [
                item.name, total.cpuText, total.memoryText, GoDurationText.format(item.window.length),
            ]
            return JSONValue.members([
                "cells": .array(cells.map(JSONValue.string)),
                "object": includesObjects
                    ? .members([
                        "kind": .string("PartialObjectMetadata"), "apiVersion": .string(apiVersion),
                        "metadata": metadata(item),
                    ]) : nil,
            ])
        }
        return .members([
            "kind": .string("Table"), "apiVersion": .string(apiVersion), "metadata": .object([]),
            // metrics-server learns the columns from the first item.
            "columnDefinitions": .array(rows.isEmpty ? [] : definitions),
            "rows": .array(rows),
        ])
    }

    // MARK: Protobuf

    var protobuf: [UInt8] {
        ProtobufWriter.envelope(apiVersion: Self.apiVersion, kind: documentKind) { writer in
            switch content {
            case .item(let item): write(item, to: &writer)
            case .list(let items):
                writer.message(1) { meta in
                    for field in UInt64(1)...3 { meta.string(field, "") }
                }
                for item in items { writer.message(2) { write(item, to: &$0) } }
            }
        }
    }

    private func write(_ item: MetricsItem, to writer: inout ProtobufWriter) {
        writer.message(1) { meta in
            meta.string(1, item.name)
            meta.string(2, "")
            meta.string(3, item.namespace)
            for field in UInt64(4)...6 { meta.string(field, "") }
            meta.integer(7, 0)
            meta.message(8) { Self.write(seconds: now, to: &$0) }
            meta.map(11, item.labels) { $0.string(2, $1) }
        }
        writer.message(2) { Self.write(seconds: item.window.end / 1_000_000_000, to: &$0) }
        writer.message(3) { $0.integer(1, item.window.length) }
        switch item.usage {
        case .node(let usage): Self.write(usage, field: 4, to: &writer)
        case .pod(let containers):
            for container in containers {
                writer.message(4) { inner in
                    inner.string(1, container.name)
                    Self.write(container.usage, field: 2, to: &inner)
                }
            }
        }
    }

    private static func write(seconds: Int64, to writer: inout ProtobufWriter) {
        writer.integer(1, seconds)
        writer.integer(2, 0)
    }

    private static func write(_ usage: ResourceUsage, field: UInt64, to writer: inout ProtobufWriter) {
        writer.map(field, usage.texts) { entry, text in entry.message(2) { $0.string(1, text) } }
    }

    /// RFC 3339 with whole seconds.
    static func time(_ seconds: Int64) -> String {
        Timestamp(seconds: seconds).text() ?? ""
    }
}
