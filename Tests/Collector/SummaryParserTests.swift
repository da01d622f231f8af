import DeltaStream
import KubernetesObjects
import Testing

@testable import Collector

@Suite("Kubelet summaries")
struct SummaryParserTests {
    /// As a kubelet 1.34 writes it, shortened.
    private static let real = #"""
        {
         "node": {
          "nodeName": "worker-1",
          "systemContainers": [{"name": "kubelet", "startTime": "2026-11-20T08:00:00Z", "cpu": {"time": "2026-11-27T00:00:01Z"}}],
          "startTime": "2026-11-20T07:59:58Z",
          "cpu": {"time": "2026-11-27T00:00:01Z", "usageNanoCores": 731062500, "usageCoreNanoSeconds": 4893250000000, "psi": {"full": {"total": 0}}},
          "network": {"time": "2026-11-27T00:00:01.250Z", "name": "ens3", "rxBytes": 18446744073709551615, "rxErrors": 0, "txBytes": 77, "txErrors": 2,
           "interfaces": [{"name": "ens3", "rxBytes": 1, "txBytes": 2}, {"name": "cali0", "rxBytes": 3}]},
          "fs": {"time": "2026-11-27T00:00:01Z", "availableBytes": 60, "capacityBytes": 100, "usedBytes": 40, "inodesFree": 6, "inodes": 10, "inodesUsed": 4},
          "runtime": {"imageFs": {"time": "2026-11-27T00:00:01Z", "usedBytes": 30}, "containerFs": {"time": "2026-11-27T00:00:01Z", "usedBytes": 5}},
          "rlimit": {"time": "2026-11-27T00:00:01Z", "maxpid": 4194304, "curproc": 900}
         },
         "pods": [
          {
           "startTime": "2026-11-26T23:00:00Z",
           "containers": [
            {"name": "app", "startTime": "2026-11-26T23:00:02Z", "cpu": {"usageNanoCores": 1}, "memory": {"workingSetBytes": 4096},
             "rootfs": {"availableBytes": 60, "usedBytes": 8192, "inodesUsed": 3}, "logs": {"usedBytes": 4096}, "userDefinedMetrics": null},
            {"name": "sidecar", "startTime": null, "logs": {"time": "2026-11-27T00:00:01Z"}}
           ],
           "cpu": {"usageNanoCores": 1},
           "network": {"time": "2026-11-27T00:00:02Z", "name": "eth0", "rxBytes": 1000, "rxErrors": 1, "txBytes": 2000, "txErrors": 0},
           "volume": [
            {"time": "2026-11-27T00:00:00Z", "availableBytes": 90, "capacityBytes": 100, "usedBytes": 10, "inodesFree": 9, "inodes": 10, "inodesUsed": 1,
             "name": "data", "pvcRef": {"name": "data-shop-0", "namespace": "shop"}},
            {"usedBytes": 12, "name": "kube-api-access-x7x2k"}
           ],
           "ephemeral-storage": {"usedBytes": 12300, "capacityBytes": 100},
           "process_stats": {"process_count": 3},
           "podRef": {"name": "shop-0", "namespace": "shop", "uid": "1-2-3"}
          },
          {"podRef": {"name": "on-host", "namespace": "kube-system"}, "startTime": "0001-01-01T00:00:00Z", "network": {"time": "2026-11-27T00:00:02Z", "name": ""}}
         ]
        }
        """#

    private func parse(_ text: String) throws -> SummaryParser { try SummaryParser(Array(text.utf8)) }

    @Test("what a kubelet says is kept, whatever the order of its members")
    func real() throws {
        let parser = try parse(Self.real)
        // The empty name of an interface.
        #expect(parser.badValues == 1)
        let shop = PodSummary(
            namespace: "shop", pod: "shop-0", startTime: 1_795_734_000,
            network: NetworkReading(
                time: 1_795_737_602_000, interface: "eth0", receivedBytes: 1000, transmittedBytes: 2000, receiveErrors: 1, transmitErrors: 0
            ),
            ephemeralStorage: FileSystemReading(usedBytes: 12300, capacityBytes: 100),
            containers: [
                ContainerSummary(
                    container: "app", root: FileSystemReading(usedBytes: 8192, availableBytes: 60, inodesUsed: 3),
                    logs: FileSystemReading(usedBytes: 4096)),
                ContainerSummary(container: "sidecar"),
            ],
            volumes: [
                VolumeSummary(
                    name: "data", claim: "data-shop-0",
                    fileSystem: FileSystemReading(
                        usedBytes: 10, availableBytes: 90, capacityBytes: 100, inodesUsed: 1, inodesFree: 9, inodes: 10)),
                VolumeSummary(name: "kube-api-access-x7x2k", fileSystem: FileSystemReading(usedBytes: 12)),
            ])
        #expect(
            parser.summary
                == NodeSummary(
                    startTime: 1_795_161_598,
                    network: NetworkReading(
                        time: 1_795_737_601_250, interface: "ens3", receivedBytes: .max, transmittedBytes: 77, receiveErrors: 0,
                        transmitErrors: 2),
                    fileSystem: FileSystemReading(
                        usedBytes: 40, availableBytes: 60, capacityBytes: 100, inodesUsed: 4, inodesFree: 6, inodes: 10),
                    imageFileSystem: FileSystemReading(usedBytes: 30), containerFileSystem: FileSystemReading(usedBytes: 5),
                    pods: [shop, PodSummary(namespace: "kube-system", pod: "on-host")]))
    }

    @Test(
        "a value that is none harms only itself",
        arguments: [
            #""rxBytes": -1"#, #""rxBytes": 1.5"#, #""rxBytes": 1e3"#, #""rxBytes": "12""#, #""rxBytes": 18446744073709551616"#,
            #""rxBytes": [1]"#, #""rxBytes": {"a": {"b": []}}"#, #""rxBytes": true"#, #""time": "yesterday""#, #""time": 5"#, #""name": 5"#,
            #""name": "a\u0000b""#, #""name": """#,
        ])
    func badValue(member: String) throws {
        let parser = try parse(#"{"node": {"network": {\#(member), "txBytes": 7}, "fs": {"usedBytes": 1}}}"#)
        #expect(parser.badValues == 1)
        #expect(parser.summary.network == NetworkReading(transmittedBytes: 7))
        #expect(parser.summary.fileSystem == FileSystemReading(usedBytes: 1))
    }

    @Test(
        "a thing that is none, has no name or comes twice harms only itself",
        arguments: [
            #"5"#, #""pod""#, #"[]"#, #"{}"#, #"{"podRef": {"name": "p"}}"#, #"{"podRef": {"namespace": "n"}}"#, #"{"podRef": "n/p"}"#,
            #"{"podRef": {"namespace": "n", "name": "good"}, "startTime": "2026-11-26T23:00:00Z"}"#,
            #"{"podRef": {"namespace": "n", "name": "\#(String(repeating: "p", count: 254))"}}"#,
        ])
    func badPod(pod: String) throws {
        let good = #"{"podRef": {"namespace": "n", "name": "good"}}"#
        let parser = try parse(#"{"pods": [\#(good), \#(pod)]}"#)
        #expect(parser.summary.pods == [PodSummary(namespace: "n", pod: "good")])
        #expect(parser.badValues >= 1)
    }

    @Test("containers and volumes without a name, or with one of another, are left out")
    func badParts() throws {
        let parts = #"[{"name": "a", "usedBytes": 1}, {"name": "a", "usedBytes": 2}, {"usedBytes": 3}, 4, {"name": "b"}]"#
        let parser = try parse(#"{"pods": [{"podRef": {"namespace": "n", "name": "p"}, "containers": \#(parts), "volume": \#(parts)}]}"#)
        let pod = try #require(parser.summary.pods.first)
        #expect(pod.containers == [ContainerSummary(container: "a"), ContainerSummary(container: "b")])
        #expect(pod.volumes.map(\.name) == ["a", "b"] && pod.volumes.first?.fileSystem.usedBytes == 1)
        #expect(parser.badValues == 6)
    }

    @Test("null is nothing at all")
    func nulls() throws {
        let parser = try parse(#"{"node": null, "pods": null}"#)
        #expect(parser.summary == NodeSummary() && parser.badValues == 0)
        #expect(try parse(#"{"node": {"network": null, "fs": {"usedBytes": null}, "startTime": null}}"#).badValues == 0)
    }

    @Test(
        "what is no summary is refused with the place",
        arguments: [
            ("", "ends too early"), ("[]", "an object was expected"), ("{}", "neither 'node' nor 'pods'"),
            (#"{"kind": "Status"}"#, "neither"),
            (#"{"node": {}} x"#, "text after the end"), ("404 page not found", "an object was expected"),
            (#"{"pods": [{"podRef": {"name": "p", "name"#, "ends too early"), (#"{"node": {"fs": {"usedBytes": 01}}}"#, "leading zero"),
            (#"{"node": "# + String(repeating: "[", count: 200), "nested too deep"),
        ])
    func refused(text: String, reason: String) {
        let error = #expect(throws: ObjectDecodingError.self) { try parse(text) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test("more pods, containers and volumes than any node has are left out and counted")
    func limits() throws {
        let pods = (0..<SummaryParser.podLimit + 3).map { #"{"podRef":{"namespace":"n","name":"p\#($0)"}}"# }
        let many = try parse(#"{"pods": [\#(pods.joined(separator: ","))]}"#)
        #expect(many.summary.pods.count == SummaryParser.podLimit && many.badValues == 3)
        let volumes = (0..<200).map { #"{"name":"v\#($0)"}"# }.joined(separator: ",")
        let full = (0..<SummaryParser.partLimit / 200 + 1).map { #"{"podRef":{"namespace":"n","name":"p\#($0)"},"volume":[\#(volumes)]}"# }
        let crowded = try parse(#"{"pods": [\#(full.joined(separator: ","))]}"#)
        #expect(crowded.summary.pods.map(\.volumes.count).reduce(0, +) == SummaryParser.partLimit && crowded.badValues == 200)
        #expect(crowded.summary.pods.last?.volumes.isEmpty == true)
    }
}
