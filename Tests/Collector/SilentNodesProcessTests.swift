import DeltaStream
import Foundation
import KubernetesObjects
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Collector

/// A real collector beside more nodes than it has descriptors at first, all of which fail at once.
@Suite("5,000 nodes that fail at once", .serialized)
struct SilentNodesProcessTests {
    private static let count = 5000

    /// Takes connections and says nothing.
    private static func silence() async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private func node(_ number: Int, port: Int) throws -> WatchedObject {
        let json = """
            {"apiVersion":"v1","kind":"Node","metadata":{"name":"node-\(number)","uid":"uid-\(number)"},"status":{
            "addresses":[{"type":"InternalIP","address":"127.0.0.1"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":\(port)}},
            "conditions":[{"type":"Ready","status":"True"}]}}
            """
        let object = EncodedObject(encoding: .json, bytes: Array(json.utf8))
        return WatchedObject(resource: .nodes, identity: try ObjectIdentity(object), object: object)
    }

    @Test("are a few lines, counted, with bounded memory and descriptors; and told as well, when they are")
    func silent() async throws {
        let folder = try TemporaryFolder()
        let endpoint = { (name: String) in "ipc://\(folder.path(name))" }
        let listener = try await Self.silence()
        let publisher = try Publisher(
            deltas: endpoint("deltas"), snapshots: endpoint("snapshots"), store: StreamStore(streamID: 1), logger: CapturedCluster.silent)
        let kubelets = try #require(listener.localAddress?.port)
        for number in 0..<Self.count { publisher.upsert(try node(number, port: kubelets)) }
        publisher.markSynced(.nodes, resourceVersion: "1")
        publisher.markSynced(.pods, resourceVersion: "1")
        let (port, health) = (freePort(), freePort())
        let options = [
            "--samples-table", "", "--deltas", endpoint("deltas"), "--snapshots", endpoint("snapshots"), "--samples", endpoint("samples"),
            "--bind-address",
            "127.0.0.1", "--secure-port", "\(port)", "--cert-dir", folder.path("certificates"), "--insecure-skip-authorization",
            "--kubelet-use-node-status-port", "--kubelet-preferred-address-types", "InternalIP", "--metric-resolution", "20s",
            "--kubelet-request-timeout", "3s", "--http", "127.0.0.1:\(health)",
        ]
        // As supervisors start it: with few descriptors, and leave to take more.
        let collector = try RunningProcess(
            "/bin/sh",
            [
                "-c", "ulimit -Sn 300 && exec \"$0\" \"$@\"", RunningProcess.folder.appending(path: "mizzen-collector").path,
            ] + options, in: folder)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await publisher.run() }
            let metrics = { try await fetch("http://127.0.0.1:\(health)/metrics") }
            var (descriptors, memory) = (0, 0)
            try await eventually("all of them have failed", within: .seconds(120)) {
                descriptors = max(
                    descriptors, try FileManager.default.contentsOfDirectory(atPath: "/proc/\(collector.identifier)/fd").count)
                memory = max(memory, collector.residentBytes)
                return try await metrics().contains(#"mizzen_collector_failing_nodes{fault="timeout"} \#(Self.count)"# + "\n")
            }
            let text = try await metrics()
            for fault in KubeletFault.allCases where fault != .timeout {
                #expect(text.contains(#"mizzen_collector_failing_nodes{fault="\#(fault.rawValue)"} 0"#), "\(fault)")
            }
            // 250 nodes a second, of three seconds each; more than it had at first.
            #expect((301...2500).contains(descriptors), "\(descriptors)")
            // Of a debug build: some 320 MiB, most of it of the 750 handshakes that wait at a time.
            #expect(memory < 420 << 20, "\(memory >> 20) MiB")
            if isSoak {
                var later = 0
                try await eventually("five rounds have failed", within: .seconds(300)) {
                    later = max(later, collector.residentBytes)
                    let failures = try await metrics().firstMatch(of: /mizzen_collector_scrape_failures_total\{fault="timeout"\} (\d+)/)
                    return try #require(failures.flatMap { Int($0.1) }) >= 5 * Self.count
                }
                #expect(later < memory + memory / 5, "\(later >> 20) MiB where \(memory >> 20) MiB were")
            }
            let lines = collector.output.split(separator: "\n").filter { $0.contains("scrape failed") }
            #expect((1...5).contains(lines.count), "\(lines)")
            #expect(lines.dropFirst().allSatisfy { $0.contains(" more") && $0.contains("count=") }, "\(lines)")
            #expect(try await fetch("http://127.0.0.1:\(health)/livez") == "ok")

            // Nodes that leave take what is told of them along.
            for number in 0..<Self.count where number % 10 != 0 {
                publisher.delete(try node(number, port: kubelets))
            }
            try await eventually("those that left are counted no more", within: .seconds(120)) {
                try await metrics().contains(#"mizzen_collector_failing_nodes{fault="timeout"} \#(Self.count / 10)"# + "\n")
            }
            group.cancelAll()
        }
        #expect(try await collector.stop() == 0, "\(collector.output.suffix(1000))")
        try await listener.close().get()
    }
}
