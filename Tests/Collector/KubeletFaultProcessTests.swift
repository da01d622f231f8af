import ClusterSimulator
import Foundation
import KubernetesObjects
import NIOSSL
import TestSupport
import Testing

@testable import Collector

/// A real watcher and a real collector beside kubelets that do everything wrong that kubelets can do, one thing each, and some that do nothing
/// wrong.
@Suite("Kubelets with every fault", .serialized)
struct KubeletFaultProcessTests {
    /// What a node's kubelet does, and what is to come of it.
    private struct Row {
        var node: String
        /// Nil for one that is to be well.
        var expected: KubeletFault?
        var faults: [Fault] = []
        var certificate: KubeletCertificate?
        /// Whether each figure of it is to be right at every look, not only where there is one.
        var isAlwaysRight = false
        var isStopped = false
        /// In place of the kubelet's.
        var addresses: [(type: String, address: String)]?

        init(
            _ node: String, _ expected: KubeletFault?, _ kind: Fault.Kind? = nil, code: Int = 500, offset: Int = 0, count: Int? = nil,
            skip: Int = 0,
            certificate: KubeletCertificate? = nil, isAlwaysRight: Bool = false, isStopped: Bool = false,
            addresses: [(type: String, address: String)]? = nil
        ) {
            (self.node, self.expected, self.certificate) = (node, expected, certificate)
            (self.isAlwaysRight, self.isStopped, self.addresses) = (isAlwaysRight, isStopped, addresses)
            if let kind { faults = [Fault(kind, count: count, skip: skip, code: code, kubelet: .metrics, node: node, offset: offset)] }
        }
    }

    private static let rows = answers + certificates + clocks

    /// What comes of a request, or does not.
    private static let answers: [Row] = [
        Row("well-1", nil, isAlwaysRight: true), Row("well-2", nil, isAlwaysRight: true), Row("well-3", nil, isAlwaysRight: true),
        Row("hangs", .timeout, .hang), Row("drips", .timeout, .drip), Row("slow-handshake", .timeout, .slowHandshake, offset: 30),
        Row("cuts", .closed, .cut), Row("disconnects", .closed, .disconnect), Row("garbles", .badBody, .garbage),
        Row("floods", .tooLarge, .huge), Row("s401", .unauthorized, .status, code: 401), Row("s403", .forbidden, .status, code: 403),
        Row("s404", .notFound, .status, code: 404), Row("s418", .otherStatus, .status, code: 418),
        Row("s429", .tooManyRequests, .status, code: 429), Row("s500", .serverError, .status, code: 500),
        Row("s503", .serverError, .status, code: 503), Row("down", .refused, isStopped: true), Row("nowhere", .noAddress, addresses: []),
        Row("unnamed", .dns, addresses: [("Hostname", "no-such-host.invalid")]),
        Row("storm", nil, .storm, isAlwaysRight: true), Row("odd", nil, .odd, isAlwaysRight: true),
    ]

    private static let certificates: [Row] = [
        Row("expired", .tlsExpired, certificate: .expired), Row("early", .tlsNotYetValid, certificate: .notYetValid),
        Row("mistaken", .tlsNameMismatch, certificate: .named(["another.example.org", "192.0.2.1"])),
        Row("nameless", .tlsNameMismatch, certificate: .named([])),
        Row("by-name", nil, certificate: .named(["by-name"]), isAlwaysRight: true),
        Row("ending", nil, certificate: .expiring(days: 12), isAlwaysRight: true),
        Row("self-signed", .tlsUnknownAuthority, certificate: .foreign(["self-signed", "127.0.0.1"])),
        Row("choosy", .clientCertificateRefused, certificate: .strangersOnly), Row("pinned", nil, isAlwaysRight: true),
        Row("renewed", .tlsPin), Row("own-authority", nil, isAlwaysRight: true),
        Row("unreadable-entry", .credentials),
    ]

    private static let clocks: [Row] = [
        Row("ahead", nil, .skew, offset: 3600, isAlwaysRight: true), Row("behind", nil, .skew, offset: -3600, isAlwaysRight: true),
        Row("resets", nil, .reset, count: 1, skip: 3), Row("repeats", nil, .duplicate),
        Row("reorders", nil, .reorder),
    ]

    /// The simulated cluster, in this process, and the processes on it.
    private final class Bench {
        let folder: TemporaryFolder
        let cluster: ClusterSimulator
        let watcher: RunningProcess
        let collector: RunningProcess
        private let port = freePort()
        private let healthPort = freePort()

        init(_ rows: [Row]) async throws {
            folder = try TemporaryFolder()
            cluster = ClusterSimulator(.init(kubelets: .simulated))
            try await cluster.start()
            for row in rows { try cluster.apply(yaml: Self.manifest(row.node)) }
            let cluster = cluster
            try await eventually("all kubelets listen") { try rows.allSatisfy { try cluster.kubeletPort(ofNode: $0.node) != nil } }
            try await Self.prepare(rows, cluster, folder)
            let streams = ["--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))"]
            watcher = try RunningProcess(
                "mizzen-watcher",
                ["--kubeconfig", cluster.kubeconfigPath, "--table", folder.path("table"), "--http", "127.0.0.1:0"] + streams, in: folder)
            kubelets =
                streams + [
                    "--kubeconfig", cluster.kubeconfigPath, "--kubelet-use-node-status-port", "--kubelet-preferred-address-types",
                    "InternalIP,Hostname", "--kubelet-request-timeout", "4s", "--kubelet-node-trust", folder.path("nodes"),
                ]
            collector = try RunningProcess(
                "mizzen-collector",
                kubelets + [
                    "--samples-table", "", "--samples", "ipc://\(folder.path("samples"))", "--bind-address", "127.0.0.1", "--secure-port",
                    "\(port)", "--cert-dir",
                    folder.path("certificates"), "--insecure-skip-authorization", "--metric-resolution", "1s", "--http",
                    "127.0.0.1:\(healthPort)",
                ], in: folder)
        }

        /// What collector and `diagnose` are told of kubelets.
        let kubelets: [String]

        private static func manifest(_ node: String) -> String {
            let pods = (0..<2).map { number in
                """
                apiVersion: v1
                kind: Pod
                metadata: {name: \(node)-\(number), namespace: load}
                spec:
                  nodeName: \(node)
                  containers: [{name: app, image: a}, {name: sidecar, image: b}]

                """
            }
            return (["apiVersion: v1\nkind: Node\nmetadata: {name: \(node)}\n"] + pods).joined(separator: "---\n")
        }

        private static func prepare(_ rows: [Row], _ cluster: ClusterSimulator, _ folder: TemporaryFolder) async throws {
            for row in rows {
                cluster.switchboard.switchOn(row.faults)
                if let certificate = row.certificate { try cluster.setKubeletCertificate(certificate, ofNode: row.node) }
                if row.isStopped { await cluster.stopKubelet(ofNode: row.node) }
                if let addresses = row.addresses { try cluster.setAddresses(addresses, ofNode: row.node) }
            }
            let own = try await AuthorityFiles("own")
            for (name, names) in [("pinned", "DNS:elsewhere"), ("renewed", "DNS:elsewhere"), ("own-authority", "DNS:own-authority")] {
                try await own.issue(name, names: names)
                try cluster.setKubeletCertificate(
                    .given(certificate: text(own.folder.read("\(name).crt")), key: text(own.folder.read("\(name).key"))), ofNode: name)
            }
            let pin = try #require(
                try NIOSSLCertificate.fromPEMBytes(own.folder.read("pinned.crt")).first.flatMap {
                    CertificateCheck.pin(of: try $0.toDERBytes())
                })
            try FileManager.default.createDirectory(atPath: folder.path("nodes"), withIntermediateDirectories: true)
            try folder.write(Array("# the key of its certificate\n\(CertificateCheck.text(pin))\n".utf8), to: "nodes/pinned.pin")
            // The key of another.
            try folder.write(Array("\(CertificateCheck.text(pin))\n".utf8), to: "nodes/renewed.pin")
            try folder.write(own.folder.read("own.crt"), to: "nodes/own-authority.pem")
            try folder.write(Array("no certificate".utf8), to: "nodes/unreadable-entry.pem")
        }

        private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

        func metrics() async throws -> [String: Double] {
            var samples: [String: Double] = [:]
            for line in try await fetch("http://127.0.0.1:\(healthPort)/metrics").split(separator: "\n") where !line.hasPrefix("#") {
                let end = try #require(line.lastIndex(of: " "))
                samples[String(line[..<end])] = Double(line[line.index(after: end)...])
            }
            return samples
        }

        func readiness() async throws -> String { try await fetch("http://127.0.0.1:\(healthPort)/readyz") }

        /// Items of `metrics.k8s.io` by name.
        func items(_ path: String) async throws -> [String: [String: Any]] {
            let text = try await fetch("https://127.0.0.1:\(port)/apis/metrics.k8s.io/v1beta1\(path)", ["--insecure"])
            let root = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            var items: [String: [String: Any]] = [:]
            for item in try #require(root["items"] as? [[String: Any]]) {
                items[try #require((item["metadata"] as? [String: Any])?["name"] as? String)] = item
            }
            return items
        }

        var descriptors: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(collector.identifier)/fd").count) ?? 0 }

        func stop() async throws {
            for process in [collector, watcher] { #expect(try await process.stop() == 0, "\(process.output.suffix(2000))") }
            await cluster.stop()
        }
    }

    /// Checks every figure that the collector answers now.
    /// - Returns: the nodes whose pods all have some.
    private func checkFigures(_ bench: Bench) async throws -> Set<String> {
        var seen: [String: Int] = [:]
        for (name, item) in try await bench.items("/namespaces/load/pods") {
            let window = try #require((item["window"] as? String).flatMap { goSeconds($0) })
            // From two scrapes in a row to half a minute (`reorders`), never backwards.
            #expect(window > 0 && window < 60, "\(name): \(item["window"] ?? "")")
            let expected = try bench.cluster.millicores(namespace: "load", pod: name)
            let containers = try #require(item["containers"] as? [[String: Any]])
            for container in containers {
                let used = try #require(((container["usage"] as? [String: String])?["cpu"]).flatMap { Quantity($0) })
                let right = Double(try #require(expected[container["name"] as? String ?? ""]))
                // Counters come in thousandths of a second.
                let slack = 2 / window + 1
                #expect(abs(Double(used.nanos) / 1e6 - right) <= slack, "\(name): \(used) where \(right)m is right, over \(window) s")
            }
            if containers.count == 2 { seen[String(name.dropLast(2)), default: 0] += 1 }
        }
        for (name, item) in try await bench.items("/nodes") {
            #expect(try #require((item["window"] as? String).flatMap { goSeconds($0) }) > 0, "\(name)")
        }
        return Set(seen.filter { $0.value == 2 }.keys)
    }

    @Test("each is named in metrics, log and diagnosis; nothing else suffers")
    func everyFault() async throws {
        let bench = try await Bench(Self.rows)
        let faulty = Self.rows.filter { $0.expected != nil }
        let right = Set(Self.rows.filter(\.isAlwaysRight).map(\.node))
        let counts = Dictionary(grouping: faulty, by: { $0.expected ?? .other }).mapValues(\.count)
        try await eventually("the nodes that are well have usage", within: .seconds(60)) {
            let (nodes, pods) = (Set(try await bench.items("/nodes").keys), try await checkFigures(bench))
            let missing = right.subtracting(nodes.intersection(pods))
            guard missing.isEmpty else { throw DidNotHappen(description: "missing: \(missing.sorted())") }
            return true
        }
        var memory: [Int] = []
        try await eventually("each fault has been met three times", within: .seconds(600)) {
            let seen = try await checkFigures(bench)
            #expect(seen.isSuperset(of: right), "without figures: \(right.subtracting(seen).sorted())")
            #expect(try await bench.readiness() == "ok")
            #expect(bench.descriptors < 60 + 3 * Self.rows.count)
            memory.append(bench.collector.residentBytes)
            let metrics = try await bench.metrics()
            return counts.allSatisfy { fault, count in
                metrics[#"mizzen_collector_scrape_failures_total{fault="\#(fault.rawValue)"}"#] ?? 0 >= Double(3 * count)
            }
        }
        let metrics = try await bench.metrics()
        for fault in KubeletFault.allCases {
            let failing = metrics[#"mizzen_collector_failing_nodes{fault="\#(fault.rawValue)"}"#]
            #expect(failing == Double(counts[fault] ?? 0), "\(fault): \(failing ?? -1)")
        }
        // 50 MiB come with each scrape of one node; none of them stay.
        let grown = (memory.max() ?? 0) - (memory.min() ?? 0)
        #expect(grown < 64 << 20, "\(memory)")
        // The simulator sees the end of a connection only once the handshake has begun.
        for row in Self.rows where row.node != "slow-handshake" {
            #expect(bench.cluster.switchboard.mostConnections(ofKubelet: row.node) <= 4, "\(row.node)")
        }
        try await checkDiagnosis(bench)
        // However often they failed, each is told once: alone, or with those that have the same.
        let lines = bench.collector.output.split(separator: "\n").filter { $0.contains("scrape failed") }
        #expect(lines.count <= faulty.count && lines.count >= counts.count, "\(lines.joined(separator: "\n"))")
        #expect(lines.allSatisfy { $0.contains("remedy=") && $0.contains("fault=") })

        bench.cluster.switchboard.clear()
        for row in faulty where row.certificate != nil { try bench.cluster.setKubeletCertificate(.usual, ofNode: row.node) }
        for file in ["renewed.pin", "unreadable-entry.pem"] {
            try FileManager.default.removeItem(atPath: bench.folder.path("nodes/\(file)"))
        }
        try bench.cluster.setKubeletCertificate(.usual, ofNode: "renewed")
        let lost: Set = ["down", "nowhere", "unnamed"]
        try await eventually("all that can be are well again", within: .seconds(60)) {
            let metrics = try await bench.metrics()
            let failing = KubeletFault.allCases.reduce(0.0) { sum, fault in
                sum + (metrics[#"mizzen_collector_failing_nodes{fault="\#(fault.rawValue)"}"#] ?? 0)
            }
            return failing == Double(lost.count)
        }
        let all = Set(Self.rows.map(\.node)).subtracting(lost)
        try await eventually("all of them have usage", within: .seconds(60)) { try await checkFigures(bench) == all }
        try await bench.stop()
    }

    private func checkDiagnosis(_ bench: Bench) async throws {
        let diagnose = try RunningProcess("mizzen-collector", ["diagnose", "--output", "json"] + bench.kubelets, in: bench.folder)
        #expect(try await diagnose.exitCode(within: .seconds(60)) == 1)
        let root = try #require(try JSONSerialization.jsonObject(with: Data(diagnose.output.utf8)) as? [String: Any], "\(diagnose.output)")
        var findings: [String: [String: Any]] = [:]
        for finding in try #require(root["nodes"] as? [[String: Any]]) { findings[finding["node"] as? String ?? ""] = finding }
        #expect(Set(findings.keys) == Set(Self.rows.map(\.node)))
        for row in Self.rows {
            let finding = try #require(findings[row.node])
            #expect(finding["fault"] as? String == row.expected?.rawValue, "\(row.node): \(finding)")
            #expect((finding["remedy"] != nil) == (row.expected != nil) && (finding["reason"] != nil) == (row.expected != nil))
            if row.expected?.isOfCertificate == true {
                let certificate = try #require(finding["certificate"] as? [String: Any], "\(row.node)")
                #expect(certificate["notAfter"] is Int && certificate["issuer"] is String && certificate["names"] is [String])
            }
        }
        let warnings = { (node: String) in (findings[node]?["warnings"] as? [String] ?? []).joined() }
        #expect(warnings("ending").contains("ends in 11 days") && warnings("well-1").isEmpty)
        #expect(warnings("ahead").contains("s in the future") && warnings("behind").contains("s in the past"))

        let few = try RunningProcess("mizzen-collector", ["diagnose", "well-1", "by-name"] + bench.kubelets, in: bench.folder)
        #expect(try await few.exitCode(within: .seconds(60)) == 0, "\(few.output)")
        #expect(few.output.contains("2 nodes: 2 well, 0 not"))
        let text = try RunningProcess("mizzen-collector", ["diagnose", "self-signed"] + bench.kubelets, in: bench.folder)
        #expect(try await text.exitCode(within: .seconds(60)) == 1)
        #expect(
            text.output.contains("names: self-signed, 127.0.0.1") && text.output.contains("self-signed-ca@1700000000")
                && text.output.contains(KubeletFault.tlsUnknownAuthority.remedy), "\(text.output)")
        let none = try RunningProcess("mizzen-collector", ["diagnose", "no-such-node"] + bench.kubelets, in: bench.folder)
        #expect(try await none.exitCode(within: .seconds(60)) == 64)
    }

    @Test("certificates that change while kubelets are asked, and all connections ended each time, cost no scrape")
    func rotation() async throws {
        let rows = (0..<4).map { Row("node-\($0)", nil, .storm, isAlwaysRight: true) }
        let bench = try await Bench(rows)
        let names = Set(rows.map(\.node))
        try await eventually("all have usage", within: .seconds(60)) { try await checkFigures(bench) == names }
        for _ in 0..<6 {
            let before = bench.cluster.switchboard.kubeletConnections
            for name in names { try bench.cluster.setKubeletCertificate(.named([name]), ofNode: name) }
            try await eventually("new connections") { bench.cluster.switchboard.kubeletConnections >= before + 2 * names.count }
            #expect(try await checkFigures(bench) == names)
        }
        let metrics = try await bench.metrics()
        #expect(metrics[#"metrics_server_kubelet_request_total{success="false"}"#] == 0)
        try await bench.stop()
    }
}

/// Seconds of what Go writes for a duration: `1.003s`, `1m0.2s`.
private func goSeconds(_ text: String) -> Double? {
    guard let parts = text.wholeMatch(of: /(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?/) else {
        return text.hasSuffix("ms") ? Double(text.dropLast(2)).map { $0 / 1000 } : nil
    }
    return (parts.1.flatMap { Double($0) } ?? 0) * 3600 + (parts.2.flatMap { Double($0) } ?? 0) * 60 + (parts.3.flatMap { Double($0) } ?? 0)
}
