import Foundation
import Testing

/// SwiftPM lets a target import what its dependencies import; these lists say what a module may import, and nothing else.
@Suite("Borders between modules")
struct BordersTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Ours in the order in which they may import one another, and the libraries that each may use.
    private static let shared: [(folder: String, module: String, libraries: Set<String>)] = [
        ("Names", "Names", []),
        (
            "Process", "ProcessRuntime",
            [
                "ArgumentParser", "ArgumentParserToolInfo", "Logging", "ServiceLifecycle", "UnixSignals", "Hummingbird",
                "HummingbirdCore", "HummingbirdTLS", "HTTPTypes", "NIOCore", "NIOPosix", "NIOSSL",
            ]
        ),
        ("RecordTable", "RecordTable", []),
        (
            "Kubernetes", "Kubernetes",
            ["AsyncHTTPClient", "NIOCore", "NIOPosix", "NIOSSL", "NIOHTTP1", "NIOFoundationCompat", "Logging", "Yams"]
        ),
        ("DeltaStream", "DeltaStream", ["Logging"]),
    ]

    private static let c: [String: Set<String>] = [
        "Names": [], "ProcessRuntime": ["CMizzenSystem"], "RecordTable": ["CMizzenSystem"],
        "Kubernetes": ["CProtobufC", "CSchemas"], "DeltaStream": ["CMizzenSystem", "CZeroMQ", "CProtobufC", "CSchemas"],
    ]

    private static let toolchain: Set<String> = ["Foundation", "FoundationEssentials", "Glibc", "Synchronization", "Dispatch"]

    @Test("Sources holds the four processes and Shared")
    func folders() throws {
        let found = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "Sources").path)
        #expect(Set(found.filter { !$0.hasPrefix(".") }) == ["Watcher", "Frontend", "Collector", "Exporter", "Shared"])
    }

    @Test("a shared module imports only those before it, and its own libraries", arguments: Self.shared.indices)
    func sharedOrder(index: Int) throws {
        let (folder, module, libraries) = Self.shared[index]
        let before = Set(Self.shared[..<index].map(\.module))
        let allowed = Self.toolchain.union(libraries).union(before).union(Self.c[module] ?? [])
        for (file, imported) in try imports(in: "Sources/Shared/\(folder)") {
            #expect(allowed.contains(imported), "\(file) imports \(imported)")
        }
    }

    @Test("no process imports another", arguments: ["Watcher", "Frontend", "Collector", "Exporter"])
    func processes(name: String) throws {
        let others = Set(["Watcher", "Frontend", "Collector", "Exporter"]).subtracting([name])
        for (file, imported) in try imports(in: "Sources/\(name)") {
            #expect(!others.contains(imported), "\(file) imports \(imported)")
        }
    }

    @Test("a frontend knows nothing of Kubernetes' API, of the stream, or of an HTTP client")
    func frontend() throws {
        let forbidden: Set<String> = ["Kubernetes", "DeltaStream", "AsyncHTTPClient", "CZeroMQ", "CProtobufC", "CSchemas"]
        for (file, imported) in try imports(in: "Sources/Frontend") {
            #expect(!forbidden.contains(imported), "\(file) imports \(imported)")
        }
    }

    @Test("only the watcher and the collector hold an API client")
    func credentials() throws {
        for folder in ["Sources/Frontend", "Sources/Exporter"] {
            for (file, text) in try sources(in: folder) {
                #expect(!text.contains("APIClient("), "\(file) makes an API client")
            }
        }
    }

    private func sources(in folder: String) throws -> [(file: String, text: String)] {
        let base = Self.root.appending(path: folder)
        let files = try #require(FileManager.default.enumerator(atPath: base.path))
        let found = try files.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.map { file in
            ("\(folder)/\(file)", try String(contentsOf: base.appending(path: file), encoding: .utf8))
        }
        try #require(!found.isEmpty, "no Swift file under \(folder): the test would check nothing")
        return found
    }

    private func imports(in folder: String) throws -> [(file: String, module: String)] {
        let line =
            /^(?:@[A-Za-z_]+ )?(?:(?:public|package|internal|fileprivate|private) )?import (?:(?:struct|class|enum|protocol|func|typealias) )?([A-Za-z_0-9]+)/
        return try sources(in: folder).flatMap { file, text in
            text.split(separator: "\n").compactMap { row in
                row.firstMatch(of: line).map { (file, String($0.1)) }
            }
        }
    }
}
