import DeltaStream
import Foundation
import KubernetesObjects
import Testing

@testable import Exporter

/// What kubelets' summaries become.
@Suite struct SummaryUsageTests {
    private static let optIn = "--metric-opt-in-list=mizzen_.*"

    private func exporter(_ arguments: [String] = []) throws -> ExporterUnderTest {
        let exporter = try ExporterUnderTest(arguments)
        exporter.upsert(try object(.nodes, #"{"metadata":{"name":"n1","uid":"node-1","resourceVersion":"1"}}"#))
        for name in ["a", "b"] { exporter.upsert(try pod(name)) }
        for resource in [Resource.pods, .nodes] { exporter.feed.joined(resource, synced: true) }
        return exporter
    }

    private static func disk(_ used: UInt64) -> FileSystemReading {
        FileSystemReading(usedBytes: used, availableBytes: 900, capacityBytes: 1000, inodesUsed: used / 10, inodesFree: 90, inodes: 100)
    }

    private static let summary = NodeSummary(
        startTime: 1_795_161_598.5,
        network: NetworkReading(interface: "ens3", receivedBytes: 1, transmittedBytes: 2, receiveErrors: 3, transmitErrors: 4),
        fileSystem: disk(100), imageFileSystem: FileSystemReading(usedBytes: 30),
        pods: [
            PodSummary(
                namespace: "default", pod: "a", startTime: 7, network: NetworkReading(receivedBytes: 5),
                ephemeralStorage: disk(10), containers: [ContainerSummary(container: "c", root: disk(20), logs: disk(30))],
                volumes: [
                    VolumeSummary(name: "data", claim: "data-0", fileSystem: disk(40)),
                    VolumeSummary(name: "tmp", fileSystem: FileSystemReading(usedBytes: 0)),
                ]),
            PodSummary(namespace: "default", pod: "unknown", startTime: 7),
        ])

    private func sample(_ seconds: Int64 = 10, _ summary: NodeSummary? = summary) -> NodeSample {
        NodeSample(node: "n1", collector: "one", scrapedAt: seconds * 1_000_000_000, summary: summary)
    }

    private func usage(_ exporter: ExporterUnderTest) -> [String] {
        exporter.lines().filter { $0.hasPrefix("mizzen_") && !$0.hasPrefix("mizzen_node_scrape_error") }.sorted()
    }

    private static let podLabels = #"namespace="default",pod="a",uid="uid-a""#
    private static let shown = [
        #"mizzen_container_filesystem_inodes_used{\#(podLabels),container="c",filesystem="logs"} 3"#,
        #"mizzen_container_filesystem_inodes_used{\#(podLabels),container="c",filesystem="rootfs"} 2"#,
        #"mizzen_container_filesystem_used_bytes{\#(podLabels),container="c",filesystem="logs"} 30"#,
        #"mizzen_container_filesystem_used_bytes{\#(podLabels),container="c",filesystem="rootfs"} 20"#,
        #"mizzen_node_filesystem_available_bytes{node="n1",filesystem="nodefs"} 900"#,
        #"mizzen_node_filesystem_capacity_bytes{node="n1",filesystem="nodefs"} 1000"#,
        #"mizzen_node_filesystem_inodes_free{node="n1",filesystem="nodefs"} 90"#,
        #"mizzen_node_filesystem_inodes_used{node="n1",filesystem="nodefs"} 10"#,
        #"mizzen_node_filesystem_inodes{node="n1",filesystem="nodefs"} 100"#,
        #"mizzen_node_filesystem_used_bytes{node="n1",filesystem="imagefs"} 30"#,
        #"mizzen_node_filesystem_used_bytes{node="n1",filesystem="nodefs"} 100"#,
        #"mizzen_node_network_receive_bytes_total{node="n1",interface="ens3"} 1"#,
        #"mizzen_node_network_receive_errors_total{node="n1",interface="ens3"} 3"#,
        #"mizzen_node_network_transmit_bytes_total{node="n1",interface="ens3"} 2"#,
        #"mizzen_node_network_transmit_errors_total{node="n1",interface="ens3"} 4"#,
        #"mizzen_node_start_time_seconds{node="n1"} 1.7951615985e+09"#,
        #"mizzen_node_stats_error{node="n1"} 0"#,
        #"mizzen_pod_ephemeral_storage_inodes_used{\#(podLabels)} 1"#,
        #"mizzen_pod_ephemeral_storage_used_bytes{\#(podLabels)} 10"#,
        #"mizzen_pod_network_receive_bytes_total{\#(podLabels)} 5"#,
        #"mizzen_pod_start_time_seconds{\#(podLabels)} 7"#,
        #"mizzen_pod_volume_available_bytes{\#(podLabels),volume="data",persistentvolumeclaim="data-0"} 900"#,
        #"mizzen_pod_volume_capacity_bytes{\#(podLabels),volume="data",persistentvolumeclaim="data-0"} 1000"#,
        #"mizzen_pod_volume_inodes_free{\#(podLabels),volume="data",persistentvolumeclaim="data-0"} 90"#,
        #"mizzen_pod_volume_inodes_used{\#(podLabels),volume="data",persistentvolumeclaim="data-0"} 4"#,
        #"mizzen_pod_volume_inodes{\#(podLabels),volume="data",persistentvolumeclaim="data-0"} 100"#,
        #"mizzen_pod_volume_used_bytes{\#(podLabels),volume="data",persistentvolumeclaim="data-0"} 40"#,
        #"mizzen_pod_volume_used_bytes{\#(podLabels),volume="tmp",persistentvolumeclaim=""} 0"#,
    ].sorted()

    @Test("a summary shows node, pods, containers and volumes under the labels of their objects")
    func shown() throws {
        let exporter = try exporter()
        exporter.feed.take(sample())
        #expect(usage(exporter) == Self.shown)
        for name in ["mizzen_node_network_receive_bytes_total", "mizzen_pod_network_transmit_errors_total"] {
            #expect(exporter.exposition().contains("# TYPE \(name) counter\n"))
        }
        #expect(exporter.exposition().contains("# TYPE mizzen_pod_volume_used_bytes gauge\n"))
    }

    @Test("what is the node's and would be repeated for each of its containers is shown on request")
    func shared() throws {
        let exporter = try exporter([Self.optIn])
        exporter.feed.take(sample())
        let more = Set(usage(exporter)).subtracting(Self.shown)
        #expect(more.count == 4 + 8 && Set(Self.shown).isSubset(of: usage(exporter)))
        #expect(more.contains(#"mizzen_pod_ephemeral_storage_available_bytes{\#(Self.podLabels)} 900"#))
        #expect(more.contains(#"mizzen_container_filesystem_capacity_bytes{\#(Self.podLabels),container="c",filesystem="logs"} 1000"#))
    }

    @Test("a summary that could not be had is reported, and what it said before goes; the rest of the sample stays")
    func failure() throws {
        let exporter = try exporter()
        exporter.feed.take(sample())
        var next = sample(20, NodeSummary(failure: "answered 404"))
        next.usage = Reading(swapUsageBytes: 3)
        exporter.feed.take(next)
        #expect(usage(exporter) == [#"mizzen_node_stats_error{node="n1"} 1"#, #"mizzen_node_swap_usage_bytes{node="n1"} 3"#])
        exporter.feed.take(sample(30, nil))
        #expect(usage(exporter).isEmpty)
    }

    @Test("what a summary said ends with its sample's age")
    func ended() throws {
        let exporter = try exporter()
        exporter.clock.pass(10)
        exporter.feed.take(sample())
        exporter.clock.pass(UsageBook.lifetime / 1_000_000_000)
        exporter.feed.expireUsage()
        #expect(usage(exporter) == Self.shown)
        exporter.clock.pass(1)
        exporter.feed.expireUsage()
        #expect(usage(exporter).isEmpty)
    }
}
