import Foundation
import TestSupport
import Testing

/// What kubelets say, through collector, stream and exporter into a scrape; all of them processes.
@Suite("Usage beside state, in separate processes", .serialized)
struct UsageProcessTests {
    /// Pods with a claim and without, one of them with the node's network.
    private static let manifest = """
        apiVersion: v1
        kind: Node
        metadata: {name: n1}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: shop-0, namespace: shop}
        spec:
          nodeName: n1
          containers: [{name: app, image: a}, {name: sidecar, image: b}]
          volumes: [{name: data, persistentVolumeClaim: {claimName: data-shop-0}}, {name: tmp, emptyDir: {}}]
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: on-host, namespace: shop}
        spec: {nodeName: n1, hostNetwork: true, containers: [{name: agent, image: c}]}

        """

    /// The processes, in a folder and on ports of their own.
    private final class System {
        let folder: TemporaryFolder
        let cluster: RunningProcess
        private let apiPort = freePort()
        private let exporterPort = freePort()
        private let collectorPort = freePort()
        private let healthPort = freePort()

        init(faults: String? = nil) async throws {
            folder = try TemporaryFolder()
            try folder.write(Array(UsageProcessTests.manifest.utf8), to: "cluster.yaml")
            var arguments = [
                "--load", folder.path("cluster.yaml"), "--http", "127.0.0.1:\(apiPort)", "--https", "127.0.0.1:0", "--kubeconfig",
                folder.path("kubeconfig"),
            ]
            if let faults {
                try folder.write(Array("faults: [\(faults)]\n".utf8), to: "faults.yaml")
                arguments += ["--faults", folder.path("faults.yaml")]
            }
            let cluster = try RunningProcess("cluster-simulator", arguments, in: folder)
            self.cluster = cluster
            try await eventually("the cluster is ready") { cluster.output.contains("ready") }
        }

        var streams: [String] { ["--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))"] }
        var samples: [String] { ["--samples", "ipc://\(folder.path("samples"))"] }

        func start(collector: [String] = [], exporter: [String] = []) throws -> [RunningProcess] {
            [
                try RunningProcess(
                    "mizzen-watcher",
                    ["--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http", "127.0.0.1:0"] + streams,
                    in: folder),
                try RunningProcess(
                    "mizzen-collector",
                    streams + samples + [
                        "--bind-address", "127.0.0.1", "--secure-port", "\(collectorPort)", "--cert-dir", folder.path("certificates"),
                        "--kubeconfig", folder.path("kubeconfig"), "--kubelet-insecure-tls", "--kubelet-use-node-status-port",
                        "--kubelet-preferred-address-types", "InternalIP", "--metric-resolution", "1s", "--http", "127.0.0.1:\(healthPort)",
                        "--samples-table", folder.path("kept-samples"),
                    ] + collector, in: folder),
                try RunningProcess(
                    "mizzen-exporter",
                    streams + samples + [
                        "--host", "127.0.0.1", "--port", "\(exporterPort)", "--telemetry-host", "127.0.0.1", "--telemetry-port", "0",
                        "--resources", "nodes,pods",
                    ] + exporter, in: folder),
            ]
        }

        func exposition() async throws -> String { try await fetch("http://127.0.0.1:\(exporterPort)/metrics") }

        func collectorMetrics() async throws -> String { try await fetch("http://127.0.0.1:\(healthPort)/metrics") }

        /// The samples of the scrape by name and labels.
        func scrape() async throws -> [String: Double] {
            var samples: [String: Double] = [:]
            for line in try await exposition().split(separator: "\n") where line.hasPrefix("mizzen_") {
                let end = try #require(line.lastIndex(of: " "))
                samples[String(line[..<end])] = Double(line[line.index(after: end)...])
            }
            return samples
        }

        /// What the kubelet says when it is asked without a collector.
        func kubelet(_ path: String) async throws -> String {
            let shown = try bearer()
            let node = try await fetch("http://127.0.0.1:\(apiPort)/api/v1/nodes/n1", shown)
            let port = try #require(node.firstMatch(of: /"Port":\s*(\d+)/))
            return try await fetch("https://127.0.0.1:\(port.1)\(path)", shown)
        }

        /// Options that show the bearer token which the cluster put into its kubeconfig.
        private func bearer() throws -> [String] {
            let token = try #require(
                String(contentsOfFile: folder.path("kubeconfig"), encoding: .utf8).firstMatch(of: /token"?\s*:\s*"?([^"\s,}]+)/))
            return ["--header", "Authorization: Bearer \(token.1)"]
        }

        /// How often kubelets were asked for their summary.
        func summaryRequests() async throws -> Int {
            let report = try await fetch("http://127.0.0.1:\(apiPort)/simulator/faults", bearer())
            return try #require(report.firstMatch(of: /"path":"\/stats\/summary","count":(\d+)/).flatMap { Int($0.1) })
        }
    }

    /// What the kubelet says as the exporter has to say it. Numbers of `/stats/summary` are members of objects; of the rest a sample each.
    private struct Spoken {
        var samples: [String: Double] = [:]

        init(summary: String, metrics: String, uids: [String: String]) throws {
            let root = try #require(try JSONSerialization.jsonObject(with: Data(summary.utf8)) as? [String: Any])
            let node = try #require(root["node"] as? [String: Any])
            add("mizzen_node_network", #"node="n1",interface="eth0""#, network: node["network"])
            add("mizzen_node_filesystem", #"node="n1",filesystem="nodefs""#, disk: node["fs"])
            let runtime = node["runtime"] as? [String: Any]
            add("mizzen_node_filesystem", #"node="n1",filesystem="imagefs""#, disk: runtime?["imageFs"])
            add("mizzen_node_filesystem", #"node="n1",filesystem="containerfs""#, disk: runtime?["containerFs"])
            for pod in root["pods"] as? [[String: Any]] ?? [] {
                let name = try #require((pod["podRef"] as? [String: Any])?["name"] as? String)
                let labels = #"namespace="shop",pod="\#(name)",uid="\#(uids[name] ?? "")""#
                add("mizzen_pod_network", labels + #",interface="eth0""#, network: pod["network"])
                add("mizzen_pod_ephemeral_storage", labels, disk: pod["ephemeral-storage"])
                for container in pod["containers"] as? [[String: Any]] ?? [] {
                    let own = labels + #",container="\#(container["name"] ?? "")""#
                    add("mizzen_container_filesystem", own + #",filesystem="rootfs""#, disk: container["rootfs"])
                    add("mizzen_container_filesystem", own + #",filesystem="logs""#, disk: container["logs"])
                }
                for volume in pod["volume"] as? [[String: Any]] ?? [] {
                    let claim = (volume["pvcRef"] as? [String: Any])?["name"] ?? ""
                    add(
                        "mizzen_pod_volume", labels + #",volume="\#(volume["name"] ?? "")",persistentvolumeclaim="\#(claim)""#, disk: volume
                    )
                }
            }
            for line in metrics.split(separator: "\n") {
                guard let match = line.firstMatch(of: /^(node|pod|container)(_[a-z_]+)(?:\{(.*)\})? (\S+)/) else { continue }
                let labels = (match.3 ?? "").split(separator: ",").reduce(into: [:]) { $0[$1.prefix { $0 != "=" }] = $1 }
                let pod = labels["pod"].map { String($0.dropFirst(5).dropLast()) } ?? ""
                let parts = [labels["namespace"], labels["pod"]].compactMap { $0 }.map(String.init)
                let all = parts + ["uid=\"\(uids[pod] ?? "")\""] + (labels["container"].map { [String($0)] } ?? [])
                samples["mizzen_\(match.1)\(match.2){\(match.1 == "node" ? #"node="n1""# : all.joined(separator: ","))}"] = Double(match.4)
            }
        }

        private mutating func add(_ prefix: String, _ labels: String, network: Any?) {
            let names = [
                "rxBytes": "receive_bytes", "txBytes": "transmit_bytes", "rxErrors": "receive_errors", "txErrors": "transmit_errors",
            ]
            for (member, name) in names { samples["\(prefix)_\(name)_total{\(labels)}"] = number(network, member) }
        }

        private mutating func add(_ prefix: String, _ labels: String, disk: Any?) {
            let names = [
                "usedBytes": "used_bytes", "availableBytes": "available_bytes", "capacityBytes": "capacity_bytes",
                "inodesUsed": "inodes_used",
                "inodesFree": "inodes_free", "inodes": "inodes",
            ]
            for (member, name) in names { samples["\(prefix)_\(name){\(labels)}"] = number(disk, member) }
        }

        private func number(_ value: Any?, _ member: String) -> Double? { ((value as? [String: Any])?[member] as? NSNumber)?.doubleValue }
    }

    private func uids(_ exposition: String) -> [String: String] {
        exposition.matches(of: /kube_pod_info\{namespace="shop",pod="([^"]+)",uid="([^"]+)"/).reduce(into: [:]) {
            $0[String($1.1)] = String($1.2)
        }
    }

    @Test("every figure of a kubelet arrives in the scrape as it was said")
    func figures() async throws {
        let system = try await System()
        let processes = try system.start(collector: ["--summary"], exporter: ["--metric-opt-in-list=mizzen_.*"])
        try await eventually("the exporter has volumes and the usage of a minute") {
            let text = try await system.exposition()
            return text.contains(#"persistentvolumeclaim="data-shop-0""#) && text.contains("mizzen_container_cpu_usage_avg_cores{")
        }
        let uids = uids(try await system.exposition())
        #expect(uids.count == 2)
        func asked() async throws -> [String: Double] {
            try await Spoken(summary: system.kubelet("/stats/summary"), metrics: system.kubelet("/metrics/resource"), uids: uids).samples
        }
        // What grows stands between what the kubelet said before the scrape that it came from and what it says now: the samples of the
        // exporter are as new as `before` once they have all grown beyond it.
        let before = try await asked()
        let grown = "mizzen_node_cpu_usage_seconds_total{node=\"n1\"}"
        try await eventually("a scrape after the kubelet was asked") {
            let now = try await system.scrape()
            return try #require(now[grown]) > #require(before[grown])
        }
        let shown = try await system.scrape()
        let after = try await asked()
        #expect(before.count > 60 && before.keys.sorted() == after.keys.sorted())
        for (name, least) in before {
            let (value, most) = (shown[name] ?? .nan, after[name] ?? .nan)
            // Memory swings within a tenth.
            let slack = name.contains("memory") ? least / 10 + 1 : 0
            #expect((least - slack...max(least, most) + slack).contains(value), "\(name): \(least), \(value), \(most)")
        }
        // The node's network is not the pod's.
        #expect(!shown.keys.contains { $0.hasPrefix("mizzen_pod_network") && $0.contains("on-host") })
        #expect(
            shown.keys.contains { $0.hasPrefix("mizzen_pod_start_time_seconds{") } && shown["mizzen_node_stats_error{node=\"n1\"}"] == 0)
        try await Self.checkWithPromtool(try await system.exposition(), in: system.folder)
        for process in processes { #expect(try await process.stop() == 0, "\(process.name): \(process.output.suffix(500))") }
    }

    private static func checkWithPromtool(_ text: String, in folder: TemporaryFolder) async throws {
        let own =
            text.split(separator: "\n", omittingEmptySubsequences: false).filter { $0.contains("mizzen_") }.joined(separator: "\n") + "\n"
        try folder.write(Array(own.utf8), to: "exposition")
        let promtool = try RunningProcess("/bin/sh", ["-c", "promtool check metrics <\(folder.path("exposition"))"], in: folder)
        #expect(try await promtool.exitCode(within: .seconds(20)) == 0, "\(promtool.output)")
        #expect(promtool.output.isEmpty)
    }

    @Test(
        "a kubelet without summary has its CPU and memory served, is counted and told once",
        arguments: [
            ("{kind: status, code: 404, kubelet: summary}", "answered 404 Not Found"),
            ("{kind: hang, kubelet: summary}", "the kubelet did not answer in time"),
            ("{kind: garbage, kubelet: summary}", "answered what is no summary"),
        ])
    func without(fault: String, reason: String) async throws {
        let system = try await System(faults: fault)
        let processes = try system.start(collector: ["--summary", "--kubelet-request-timeout", "500ms"])
        try await eventually("three scrapes without a summary") {
            try await system.collectorMetrics().contains(/mizzen_collector_stats_requests_total\{success="false"\} ([3-9]|\d\d)/)
        }
        try await eventually("the exporter has usage") {
            let shown = try await system.scrape()
            return shown[#"mizzen_node_stats_error{node="n1"}"#] == 1 && shown[#"mizzen_node_scrape_error{node="n1"}"#] == 0
                && shown[#"mizzen_node_swap_usage_bytes{node="n1"}"#] != nil
        }
        #expect(processes[1].output.matches(of: /no summary;/).count == 1, "\(processes[1].output)")
        #expect(processes[1].output.contains(reason), "\(processes[1].output)")
        for process in processes { #expect(try await process.stop() == 0, "\(process.name): \(process.output.suffix(500))") }
    }

    @Test("kubelets are asked for no summary unless that is wanted")
    func off() async throws {
        let system = try await System()
        let processes = try system.start()
        try await eventually("the exporter has usage") {
            try await system.scrape().keys.contains { $0.hasPrefix("mizzen_container_swap_usage_bytes{") }
        }
        #expect(try await system.summaryRequests() == 0)
        let shown = try await system.scrape()
        #expect(!shown.keys.contains { $0.contains("filesystem") || $0.contains("network") || $0.contains("summary") })
        for process in processes { #expect(try await process.stop() == 0, "\(process.name): \(process.output.suffix(500))") }
    }
}
