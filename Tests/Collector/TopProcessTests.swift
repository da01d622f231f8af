import ClusterSimulator
import Foundation
import TestSupport
import Testing

@testable import Collector

/// `top` beside a real watcher and a real collector, and where they are missing.
@Suite("Usage beside requests, from the streams", .serialized)
struct TopProcessTests {
    private static let manifest = """
        apiVersion: v1
        kind: Node
        metadata: {name: n1, labels: {zone: a}}
        status: {allocatable: {cpu: "2", memory: 4Gi, pods: "10"}}
        ---
        apiVersion: v1
        kind: Node
        metadata: {name: n2, labels: {zone: b}}
        status: {allocatable: {cpu: "1", memory: 2Gi, pods: "10"}}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: default, labels: {app: web}}
        spec:
          nodeName: n1
          containers: [{name: app, image: a, resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {cpu: "1", memory: 2Gi}}}]
          initContainers: [{name: proxy, image: b, restartPolicy: Always, resources: {requests: {cpu: 100m, memory: 64Mi}}}]
          overhead: {cpu: 50m}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: db, namespace: shop, labels: {app: db}}
        spec: {nodeName: n2, containers: [{name: db, image: c, resources: {requests: {memory: 512Mi}}}]}

        """

    private struct Row {
        var cells: [String]
        init(_ line: Substring) {
            cells = line.components(separatedBy: "   ").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        }
    }

    /// Runs `top` to its end.
    private func top(_ words: [String], in folder: TemporaryFolder, status: Int32 = 0) async throws -> String {
        let streams = ["deltas", "snapshots", "samples"].flatMap { ["--\($0)", "ipc://\(folder.path($0))"] }
        let process = try RunningProcess("mizzen-collector", ["top"] + words + streams, in: folder)
        #expect(try await process.exitCode(within: .seconds(60)) == status, "\(words): \(process.output)")
        return process.output
    }

    private func rows(_ text: String) -> [Row] { text.split(separator: "\n").map(Row.init) }

    @Test("nodes, pods and containers, with usage at once although the collector has scraped before")
    func table() async throws {
        let folder = try TemporaryFolder()
        let cluster = ClusterSimulator(.init(kubelets: .simulated))
        try await cluster.start()
        try cluster.apply(yaml: Self.manifest)
        let streams = ["--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))"]
        let watcher = try RunningProcess(
            "mizzen-watcher", ["--kubeconfig", cluster.kubeconfigPath, "--table", folder.path("table"), "--http", "127.0.0.1:0"] + streams,
            in: folder)
        let nobody = try await top(["nodes", "--wait", "1s"], in: folder, status: 69)
        #expect(nobody.contains("no sample has come within") || nobody.contains("no watcher has answered"), "\(nobody)")
        let collector = try RunningProcess(
            "mizzen-collector",
            streams + [
                "--samples-table", "", "--samples", "ipc://\(folder.path("samples"))", "--kubeconfig", cluster.kubeconfigPath,
                "--bind-address", "127.0.0.1",
                "--secure-port", "0", "--cert-dir", folder.path("certificates"), "--kubelet-use-node-status-port",
                "--kubelet-preferred-address-types", "InternalIP", "--metric-resolution", "2s",
            ], in: folder)
        try await eventually("both nodes have been scraped twice", within: .seconds(60)) {
            let text = try await top(["nodes"], in: folder)
            return rows(text).count == 3 && !text.contains("<unknown>")
        }
        let nodes = rows(try await top(["nodes"], in: folder))
        #expect(nodes[0].cells[0...2] == ["NAME", "CPU(cores)", "CPU(%)"])
        // Of usage only the unit is certain; all else is: 500m + 100m + 50m of 2 cores, and so on.
        #expect(nodes[1].cells[0] == "n1" && nodes[1].cells[1].hasSuffix("m") && nodes[1].cells[2].hasSuffix("%"))
        #expect(nodes[1].cells[3...6] == ["650m", "32%", "1050m", "2000m"])
        #expect(nodes[1].cells[9...] == ["1088Mi", "26%", "2048Mi", "4096Mi", "1"], "\(nodes[1].cells)")
        #expect(nodes[2].cells[3...6] == ["-", "-", "-", "1000m"] && nodes[2].cells[9...] == ["512Mi", "25%", "-", "2048Mi", "1"])

        let used = try cluster.millicores(namespace: "default", pod: "web")
        let pods = rows(try await top(["pods", "--no-headers"], in: folder))
        #expect(pods.count == 1 && pods[0].cells[0] == "web")
        let shown = Int64(pods[0].cells[1].dropLast()) ?? -1
        #expect(abs(shown - Int64(used["app"] ?? 0)) <= 3, "\(pods[0].cells), \(used)")
        let all = rows(try await top(["pods", "-A", "--sort-by", "memory"], in: folder))
        #expect(all.count == 3 && Set(all.dropFirst().map { $0.cells[0] }) == ["default", "shop"])
        let mebibytes = all.dropFirst().map { row in row.cells.first { $0.hasSuffix("Mi") }.flatMap { Int($0.dropLast(2)) } ?? -1 }
        #expect(mebibytes == mebibytes.sorted(by: >))
        #expect(rows(try await top(["pods", "-A", "-l", "app=db"], in: folder)).dropFirst().map { $0.cells[1] } == ["db"])
        #expect(rows(try await top(["pod", "db", "-n", "shop", "--no-headers"], in: folder)).count == 1)
        let containers = try await top(["pods", "--containers"], in: folder)
        #expect(rows(containers).filter { $0.cells[0] == "web" }.map { $0.cells[1] } == ["app", "proxy"], "\(containers)")
        #expect(rows(try await top(["no", "-l", "zone=b", "--no-headers"], in: folder)).map { $0.cells[0] } == ["n2"])
        let json = try JSONSerialization.jsonObject(with: Data(try await top(["pods", "-A", "--output", "json"], in: folder).utf8))
        let items = try #require((json as? [String: Any])?["items"] as? [[String: Any]])
        #expect(items.map { $0["name"] as? String } == ["web", "db"])
        #expect((items[0]["requests"] as? [String: Int])?["cpuNanos"] == 650_000_000)
        #expect(try await top(["pod", "missing"], in: folder, status: 1).contains("default/missing"))
        for process in [collector, watcher] { #expect(try await process.stop() == 0, "\(process.output.suffix(1000))") }
        await cluster.stop()
    }

    @Test("without a watcher it says so, and in time")
    func nobody() async throws {
        let folder = try TemporaryFolder()
        let began = ContinuousClock.now
        let text = try await top(["nodes", "--wait", "500ms"], in: folder, status: 69)
        #expect(text.contains("no watcher has answered within") && text.contains(folder.path("snapshots")), "\(text)")
        #expect(ContinuousClock.now - began < .seconds(20))
        let diagnose = try RunningProcess(
            "mizzen-collector",
            [
                "diagnose", "--wait", "500ms", "--deltas", "ipc://\(folder.path("deltas"))", "--snapshots",
                "ipc://\(folder.path("snapshots"))",
            ],
            in: folder)
        #expect(try await diagnose.exitCode(within: .seconds(20)) == 69)
        let unreadable = try RunningProcess(
            "mizzen-collector", ["diagnose", "--kubelet-certificate-authority", folder.path("missing.crt")], in: folder)
        #expect(try await unreadable.exitCode(within: .seconds(20)) == 78)
        #expect(unreadable.output.contains("missing.crt"))
    }
}
