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
        ("System", "MizzenSystem", []),
        ("RegularExpressions", "RegularExpressions", []),
        ("NetworkErrors", "NetworkErrors", ["NIOCore", "NIOPosix", "NIOSSL"]),
        (
            "Process", "ProcessRuntime",
            [
                "ArgumentParser", "ArgumentParserToolInfo", "Logging", "ServiceLifecycle", "UnixSignals", "Hummingbird",
                "HummingbirdCore", "HummingbirdTLS", "HTTPTypes", "NIOHTTPTypes", "NIOCore", "NIOPosix", "NIOSSL",
            ]
        ),
        ("RecordTable", "RecordTable", []),
        ("RecordTableWriter", "RecordTableWriter", []),
        ("SharedCounters", "SharedCounters", []),
        ("KubernetesObjects", "KubernetesObjects", ["Yams"]),
        (
            "KubernetesClient", "KubernetesClient",
            ["AsyncHTTPClient", "NIOCore", "NIOPosix", "NIOSSL", "NIOHTTP1", "NIOHTTP2", "NIOFoundationCompat", "Logging", "Yams"]
        ),
        (
            "EncryptedServing", "EncryptedServing",
            ["Hummingbird", "HummingbirdCore", "HummingbirdHTTP2", "Logging", "NIOCore", "NIOHTTP2", "NIOSSL", "NIOTLS"]
        ),
        ("AccessReview", "AccessReview", ["Crypto", "Logging", "ServiceLifecycle", "SwiftASN1", "X509"]),
        ("DeltaStream", "DeltaStream", ["Logging"]),
        ("StreamCommandLine", "StreamCommandLine", ["ArgumentParser", "ServiceLifecycle"]),
    ]

    private static let c: [String: Set<String>] = [
        "MizzenSystem": ["CMizzenSystem"], "ProcessRuntime": ["CMizzenSystem"], "RecordTable": ["CMizzenSystem"],
        "RecordTableWriter": ["CMizzenSystem"], "SharedCounters": ["CMizzenSystem"], "KubernetesObjects": ["CProtobufC", "CSchemas"],
        "RegularExpressions": ["CRE2"],
        "DeltaStream": ["CMizzenSystem", "CZeroMQ", "CProtobufC", "CSchemas"],
    ]

    /// What only some processes may import: who is not named beside a module has no way to what the module does.
    private static let reserved: [(module: String, processes: Set<String>)] = [
        // The first fact: the watcher reads objects; the collector asks who a caller is.
        ("KubernetesClient", ["Watcher", "Collector"]),
        // Who asks who a caller is needs no more of the API server than that: this module offers nothing else.
        ("AccessReview", ["Collector", "Exporter"]), ("EncryptedServing", ["Collector", "Exporter"]),
        ("AsyncHTTPClient", []),
        // One process writes the table; the collector keeps its samples in one of its own (`KeptTable`), which has no readers.
        ("RecordTableWriter", ["Watcher", "Collector"]),
        // Frontends answer for one another; the others are scraped each for itself.
        ("SharedCounters", ["Frontend"]),
        // The second: a frontend knows the table and nothing else.
        ("KubernetesObjects", ["Watcher", "Collector", "Exporter"]), ("DeltaStream", ["Watcher", "Collector", "Exporter"]),
        ("StreamCommandLine", ["Watcher", "Collector", "Exporter"]), ("RecordTable", ["Watcher", "Frontend", "Collector"]),
        // Patterns are compiled and matched in one place, whose time is in proportion to the text.
        ("RegularExpressions", ["Frontend", "Exporter"]), ("CRE2", []),
        ("CZeroMQ", []), ("CZlib", ["Exporter"]), ("CCrypt", ["Exporter"]), ("CSchemas", ["Collector"]), ("CProtobufC", ["Collector"]),
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

    @Test("only the processes that need a module may import it", arguments: Self.reserved.indices)
    func reservations(index: Int) throws {
        let (module, allowed) = Self.reserved[index]
        for process in ["Watcher", "Frontend", "Collector", "Exporter"] where !allowed.contains(process) {
            for (file, imported) in try imports(in: "Sources/\(process)") {
                #expect(imported != module, "\(file) imports \(imported)")
            }
        }
    }

    @Test("the stream and what subscribers need know neither the API client nor the table")
    func subscribers() throws {
        let forbidden: Set<String> = ["KubernetesClient", "RecordTable", "RecordTableWriter", "AsyncHTTPClient"]
        for folder in ["Sources/Shared/DeltaStream", "Sources/Shared/KubernetesObjects"] {
            for (file, imported) in try imports(in: folder) { #expect(!forbidden.contains(imported), "\(file) imports \(imported)") }
        }
    }

    @Test("the manifest gives each module only what these lists allow")
    func manifest() throws {
        let text = try String(contentsOf: Self.root.appending(path: "Package.swift"), encoding: .utf8)
        let block = /process\(\s*"(?<name>\w+)", executable: "[^"]+",\s*\[(?<list>[^\]]*)\]/
        let processes = text.matches(of: block)
        try #require(processes.count == 4, "the manifest does not look as this test expects")
        for process in processes {
            for (module, allowed) in Self.reserved where !allowed.contains(String(process.name)) {
                #expect(!process.list.contains("\"\(module)\""), "\(process.name) depends on \(module)")
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
