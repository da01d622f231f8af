import Names
import RecordTable
import RecordTableWriter
import TestSupport

@testable import Frontend

/// A small cluster for one test, and a handler over it as a Corefile block describes.
struct SketchedCluster {
    private let temporary: TemporaryFolder
    private let writer: TableWriter
    let table: TableReader
    /// The table's file, for a frontend.
    let path: String

    /// The resources that a table may hold, as the watcher names them.
    static let resources = ["namespaces", "services", "endpointslices", "pods"]

    /// - Parameter unsynced: the resources whose list has not ended, whatever `fill` writes of them.
    init(unsynced: Set<String> = [], sizing capacity: Int = 1 << 20, _ fill: (TableWriter) throws(TableError) -> Void) throws {
        temporary = try TemporaryFolder()
        path = temporary.path("table")
        writer = try TableWriter(path: path, identity: "test", now: 1, sizing: .init(bucketCount: 64, capacity: capacity))
        try fill(writer)
        for resource in Self.resources where !unsynced.contains(resource) {
            writer.setStatus(resource: resource, resourceVersion: "1", isSynced: true, now: 1)
        }
        writer.beat(now: 1)
        table = try TableReader(path: path)
    }

    /// A worker whose handler has these options, one a line.
    func worker(
        _ options: String = "", zones: String = "cluster.local in-addr.arpa ip6.arpa", local: [IPAddress] = [],
        upstream: @escaping (String, RecordType) -> [UInt8]? = { _, _ in nil }
    ) throws -> TestWorker {
        TestWorker(try Self.handler(options, zones: zones, local: local), table, upstream: upstream)
    }

    static func handler(
        _ options: String, zones: String = "cluster.local in-addr.arpa ip6.arpa", local: [IPAddress] = []
    ) throws -> KubernetesHandler {
        let text = ".:1053 {\n kubernetes \(zones) {\n\(options)\n}\n}\n"
        let configuration = try FrontendConfiguration.parse(Array(text.utf8), file: "Corefile")
        return try KubernetesHandler(settings: configuration.blocks[0].kubernetes[0], localAddresses: local)
    }
}

extension TestWorker {
    /// The answer's code and records: answer, then authority's owner and type, then additional.
    mutating func ask(_ name: String, _ type: RecordType) throws -> MessageText? {
        switch ask(try TestPacket.query(name, type, advertisedSize: 4096), .udp) {
        case .message(let octets): try MessageText(octets)
        case .silence, .passedOn: nil
        }
    }

    /// The answer section's records without the owner, or the code where it is empty.
    mutating func data(_ name: String, _ type: RecordType) throws -> [String] {
        guard let message = try ask(name, type) else { return ["passed on"] }
        if message.answer.isEmpty { return [message.code == "NOERROR" ? "NODATA" : message.code] }
        return message.answer.map { $0.split(separator: " ").dropFirst(3).joined(separator: " ") }
    }
}
