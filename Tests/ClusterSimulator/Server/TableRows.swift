import KubernetesObjects

/// `meta.v1.Table`, which kubectl prints: the columns that people look at first.
enum TableRows {
    /// `includeObject` of the request.
    enum Inclusion: String, Sendable, Hashable {
        case nothing = "None"
        case metadata = "Metadata"
        case object = "Object"
    }

    private struct Column: Sendable {
        var name: String
        var format = ""
        var kind = "string"
        var cell: @Sendable (JSONValue) -> JSONValue
    }

    static func table(
        _ objects: [StoredObject], _ type: ResourceType, _ inclusion: Inclusion, metadata: JSONValue
    ) -> JSONValue {
        let columns =
            [Column(name: "Name", format: "name") { $0.at("metadata", "name") ?? "" }]
            + (specific[type.kind] ?? [])
            + [Column(name: "Age", format: "date") { $0.at("metadata", "creationTimestamp") ?? "" }]
        let rows = objects.map { object -> JSONValue in
            let tree = object.tree
            var row: JSONValue = ["cells": .array(columns.map { column in age(column, column.cell(tree)) })]
            switch inclusion {
            case .nothing: break
            case .metadata: row["object"] = ObjectEncoder.partial(object)
            case .object: row["object"] = object.typedTree
            }
            return row
        }
        return [
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            "columnDefinitions": .array(
                columns.map {
                    [
                        "name": .string($0.name), "type": .string($0.kind),
                        "format": .string($0.format == "date" ? "" : $0.format), "description": "", "priority": 0,
                    ]
                }),
            "rows": .array(rows),
        ]
    }

    private static func age(_ column: Column, _ cell: JSONValue) -> JSONValue {
        guard column.format == "date", let created = cell.string.flatMap({ Instant($0) }) else { return cell }
        let seconds = max(0, Instant.now.secondsSinceEpoch - created.secondsSinceEpoch)
        switch seconds {
        case ..<120: return .string("\(seconds)s")
        case ..<7200: return .string("\(seconds / 60)m")
        case ..<172_800: return .string("\(seconds / 3600)h")
        default: return .string("\(seconds / 86_400)d")
        }
    }

    private static func text(_ name: String, _ cell: @escaping @Sendable (JSONValue) -> String?) -> Column {
        Column(name: name) { .string(cell($0) ?? "<none>") }
    }

    private static func number(_ name: String, _ path: String...) -> Column {
        Column(name: name, kind: "integer") { $0.at(path[...]) ?? 0 }
    }

    private static func ready(_ tree: JSONValue) -> String {
        "\(tree.at("status", "readyReplicas")?.integer ?? 0)/\(tree.at("spec", "replicas")?.integer ?? 0)"
    }

    private static let specific: [String: [Column]] = [
        "Pod": [
            text("Ready") { pod in
                let statuses = pod.at("status", "containerStatuses")?.array ?? []
                let count = pod.at("spec", "containers")?.array?.count ?? 0
                return "\(statuses.filter { $0["ready"]?.bool == true }.count)/\(count)"
            },
            text("Status") { pod in
                pod.at("metadata", "deletionTimestamp") != nil ? "Terminating" : pod.at("status", "phase")?.string
            },
            Column(name: "Restarts", kind: "integer") { pod in
                .integer(
                    (pod.at("status", "containerStatuses")?.array ?? []).reduce(0) {
                        $0 + ($1["restartCount"]?.integer ?? 0)
                    })
            },
            text("IP") { $0.at("status", "podIP")?.string },
            text("Node") { $0.at("spec", "nodeName")?.string },
        ],
        "Service": [
            text("Type") { $0.at("spec", "type")?.string },
            text("Cluster-IP") { $0.at("spec", "clusterIP")?.string },
            text("Port(s)") { service in
                let ports = (service.at("spec", "ports")?.array ?? []).map {
                    "\($0["port"]?.integer ?? 0)/\($0["protocol"]?.string ?? "TCP")"
                }
                return ports.isEmpty ? nil : ports.joined(separator: ",")
            },
        ],
        "Deployment": [
            text("Ready", ready), number("Up-to-date", "status", "updatedReplicas"),
            number("Available", "status", "availableReplicas"),
        ],
        "StatefulSet": [text("Ready", ready)],
        "ReplicaSet": [
            number("Desired", "spec", "replicas"), number("Current", "status", "replicas"),
            number("Ready", "status", "readyReplicas"),
        ],
        "Namespace": [text("Status") { $0.at("status", "phase")?.string }],
        "Node": [
            text("Status") { node in
                let conditions = node.at("status", "conditions")?.array ?? []
                let isReady = conditions.contains { $0["type"]?.string == "Ready" && $0["status"]?.string == "True" }
                return isReady ? "Ready" : "NotReady"
            },
            text("Version") { $0.at("status", "nodeInfo", "kubeletVersion")?.string },
        ],
        "EndpointSlice": [
            text("AddressType") { $0["addressType"]?.string },
            text("Ports") { slice in
                slice["ports"]?.array.map { $0.map { "\($0["port"]?.integer ?? 0)" }.joined(separator: ",") }
            },
            text("Endpoints") { slice in
                slice["endpoints"]?.array.map { endpoints in
                    let addresses = endpoints.flatMap { $0["addresses"]?.array ?? [] }.compactMap(\.string)
                    let more = addresses.count > 3 ? " + \(addresses.count - 3) more..." : ""
                    return addresses.prefix(3).joined(separator: ",") + more
                }
            },
        ],
    ]
}
