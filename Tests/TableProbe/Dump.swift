import Names
import RecordTable

/// Prints every record in one line, sorted: Tests/Shared/RecordTable/python/reader.py prints the same.
func dump(_ path: String) throws {
    let reader = try TableReader(path: path)
    var lines: [String] = []
    func text(_ labels: [String: String]) -> String { labels.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: ",") }
    func text(_ ports: [PortRecord]) -> String {
        ports.map { "\($0.name)/\($0.protocol.rawValue)/\($0.number)" }.joined(separator: ",")
    }
    func text(_ addresses: [IPAddress]) -> String { addresses.map(\.description).joined(separator: ",") }
    reader.forEachNamespace {
        let record = $0.record()
        lines.append("namespace \(record.name) \(text(record.labels))")
    }
    reader.forEachService {
        let record = $0.record()
        lines.append(
            "service \(record.namespace) \(record.name) \(record.kind.rawValue) \(record.publishesNotReadyAddresses ? 1 : 0) "
                + "\(text(record.clusterIPs)) \(record.externalName) \(text(record.externalIPs)) "
                + "\(record.ingressNames.joined(separator: "+")) \(text(record.ports)) \(text(record.labels))")
    }
    reader.forEachSlice {
        let record = $0.record()
        let endpoints = record.endpoints.map { endpoint in
            "\(text(endpoint.addresses))/\(endpoint.hostname)/\(endpoint.podName)/\(endpoint.nodeName)/\(endpoint.zone)/"
                + "\(endpoint.zoneHints.joined(separator: "+"))/\(endpoint.isReady ? 1 : 0)\(endpoint.isServing ? 1 : 0)\(endpoint.isTerminating ? 1 : 0)"
        }
        lines.append(
            "slice \(record.namespace) \(record.service) \(record.name) \(record.addressType.rawValue) \(text(record.ports)) "
                + "\(endpoints.joined(separator: ";")) \(text(record.labels))")
    }
    reader.forEachPod {
        let record = $0.record()
        lines.append(
            "pod \(record.namespace) \(record.name) \(record.uid) \(record.nodeName) \(text(record.addresses)) "
                + "\(record.isHostNetwork ? 1 : 0) \(record.isReady ? 1 : 0) \(text(record.labels))")
    }
    print(lines.sorted().joined(separator: "\n"))
}
