import ClusterSimulator
import Foundation
import KubernetesObjects
import RecordTable
import TestSupport

@testable import Watcher

extension SteadyCluster {
    /// Records of a table, by kind and name, against those that the server's objects call for; nil where they are the same.
    func difference(ofTable path: String) throws -> String? {
        let reader = try TableReader(path: path)
        var held: [String: String] = [:]
        reader.forEachNamespace {
            let record = $0.record(); held["namespace \(record.name)"] = Self.text(record)
        }
        reader.forEachService {
            let record = $0.record(); held["service \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        reader.forEachSlice {
            let record = $0.record(); held["slice \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        reader.forEachPod {
            let record = $0.record(); held["pod \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        let wanted = try wantedRecords()
        for (name, text) in wanted where held[name] != text {
            return "\(name) is \(held[name]?.prefix(300) ?? "missing") instead of \(text.prefix(300))"
        }
        return held.keys.first { wanted[$0] == nil }.map { "\($0) does not exist any more" }
    }

    private func wantedRecords() throws -> [String: String] {
        var wanted: [String: String] = [:]
        func objects(_ resource: Resource) throws -> [EncodedObject] {
            try simulator.list(resource).map { EncodedObject(encoding: .json, bytes: $0.encoded) }
        }
        for object in try objects(.namespaces) {
            let record = try NamespaceRecord(decoding: object)
            wanted["namespace \(record.name)"] = Self.text(record)
        }
        for object in try objects(.services) {
            let record = try ServiceRecord(decoding: object)
            wanted["service \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        for object in try objects(.endpointSlices) {
            let record = try EndpointSliceRecord(decoding: object)
            wanted["slice \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        for object in try objects(.pods) {
            guard let record = PodRecord(try PodAddressing(object)) else { continue }
            wanted["pod \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        return wanted
    }

    /// Every field; labels in order.
    private static func text(_ record: Any) -> String {
        Mirror(reflecting: record).children.map { child in
            if let labels = child.value as? [String: String] {
                return labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
            }
            return "\(child.label ?? ""): \(child.value)"
        }.joined(separator: "; ")
    }

    /// What a new subscriber is told, against the server's objects: resource, namespace, name, UID and version of each.
    /// - Parameter options: name the stream.
    func difference(
        ofStream options: [String], in folder: TemporaryFolder
    ) async throws -> String? {
        let tail = try RunningProcess("mizzen-watcher", ["tail", "--once"] + options, in: folder)
        guard try await tail.exitCode(within: .seconds(60)) == 0 else { return "tail failed: \(tail.output.suffix(500))" }
        var held: Set<String> = []
        for line in tail.output.split(separator: "\n") where line.hasPrefix("{") {
            let delta = try JSONValue(parsing: String(line))
            held.insert(
                ["resource", "namespace", "name", "uid", "resourceVersion"].map { delta[$0]?.string ?? "" }
                    .joined(separator: " "))
        }
        return try difference(ofObjects: held)
    }

    /// - Parameter held: resource, namespace, name, UID and version of each object.
    func difference(ofObjects held: Set<String>) throws -> String? {
        var wanted: Set<String> = []
        for resource in Self.resources {
            for object in try simulator.list(resource) {
                let fields = ["namespace", "name", "uid", "resourceVersion"].map { object["metadata"]?[$0]?.string ?? "" }
                wanted.insert(([resource.plural] + fields).joined(separator: " "))
            }
        }
        let difference = held.symmetricDifference(wanted)
        return difference.isEmpty ? nil : "\(difference.sorted().prefix(5))"
    }
}
