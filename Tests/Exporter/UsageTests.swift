import DeltaStream
import KubernetesObjects
import Testing

@testable import Exporter

@Suite struct UsageTests {
    private static let second: Int64 = 1_000_000_000

    private func sample(
        at seconds: Int64, pods: [String] = ["a"], failure: String? = nil, collector: String = "one"
    ) -> NodeSample {
        let reading = Reading(cpuSecondsTotal: Double(seconds) + 0.5, memoryWorkingSetBytes: 4096, startTime: 5, swapUsageBytes: 0)
        return NodeSample(
            node: "n1", collector: collector, scrapedAt: seconds * Self.second, failure: failure,
            usage: failure == nil ? reading : nil,
            containers: failure == nil
                ? pods.map { ContainerReading(namespace: "default", pod: $0, container: "c", reading: reading) } : [],
            pods: failure == nil ? pods.map { PodReading(namespace: "default", pod: $0, reading: reading) } : [])
    }

    private func exporter(_ arguments: [String] = [], joined: Bool = true) throws -> ExporterUnderTest {
        let exporter = try ExporterUnderTest(arguments)
        exporter.upsert(try object(.nodes, #"{"metadata":{"name":"n1","uid":"node-1","resourceVersion":"1"}}"#))
        for name in ["a", "b"] { exporter.upsert(try pod(name)) }
        if joined { for resource in [Resource.pods, .nodes] { exporter.feed.joined(resource, synced: true) } }
        return exporter
    }

    private func usage(_ exporter: ExporterUnderTest) -> [String] {
        exporter.lines().filter { $0.hasPrefix("mizzen_") }.sorted()
    }

    private static let shown = [
        #"mizzen_container_cpu_usage_seconds_total{namespace="default",pod="a",uid="uid-a",container="c"} 10.5"#,
        #"mizzen_container_memory_working_set_bytes{namespace="default",pod="a",uid="uid-a",container="c"} 4096"#,
        #"mizzen_container_start_time_seconds{namespace="default",pod="a",uid="uid-a",container="c"} 5"#,
        #"mizzen_container_swap_usage_bytes{namespace="default",pod="a",uid="uid-a",container="c"} 0"#,
        #"mizzen_node_cpu_usage_seconds_total{node="n1"} 10.5"#,
        #"mizzen_node_memory_working_set_bytes{node="n1"} 4096"#,
        #"mizzen_node_scrape_error{node="n1"} 0"#,
        #"mizzen_node_swap_usage_bytes{node="n1"} 0"#,
        #"mizzen_pod_cpu_usage_seconds_total{namespace="default",pod="a",uid="uid-a"} 10.5"#,
        #"mizzen_pod_memory_working_set_bytes{namespace="default",pod="a",uid="uid-a"} 4096"#,
        #"mizzen_pod_swap_usage_bytes{namespace="default",pod="a",uid="uid-a"} 0"#,
    ]

    @Test("a sample from the end of time stays, one from its beginning goes")
    func extremeTimes() throws {
        for (time, isShown) in [(Int64.max, true), (.min, false)] {
            let exporter = try exporter()
            exporter.clock.set(1_800_000_000)
            var sample = sample(at: 10)
            sample.scrapedAt = time
            exporter.feed.take(sample)
            exporter.feed.expireUsage()
            #expect(usage(exporter).isEmpty != isShown)
        }
    }

    @Test("a sample shows node, pods and containers under the labels of their objects")
    func shown() throws {
        let exporter = try exporter()
        exporter.feed.take(sample(at: 10))
        #expect(usage(exporter) == Self.shown)
        #expect(exporter.exposition().contains("# TYPE mizzen_node_cpu_usage_seconds_total counter\n"))
    }

    @Test("usage has the chosen labels of its objects, at once when these or those of a namespace change")
    func labels() throws {
        let exporter = try exporter(["--metric-labels-on=mizzen_(pod_cpu|node_memory).*=[team,namespace:team]"], joined: false)
        func teams() -> [String] { usage(exporter).filter { $0.contains("team") } }
        exporter.upsert(
            try object(.pods, #"{"metadata":{"name":"a","namespace":"default","uid":"uid-a","resourceVersion":"2","labels":{"team":"x"}}}"#)
        )
        for resource in [Resource.pods, .nodes, .namespaces] { exporter.feed.joined(resource, synced: true) }
        exporter.feed.take(sample(at: 10))
        let name = "mizzen_pod_cpu_usage_seconds_total{namespace=\"default\",pod=\"a\",uid=\"uid-a\""
        #expect(teams() == [name + ",label_team=\"x\"} 10.5"])
        exporter.upsert(try object(.namespaces, #"{"metadata":{"name":"default","uid":"n","resourceVersion":"1","labels":{"team":"y"}}}"#))
        #expect(teams() == [name + ",label_team=\"x\",namespace_label_team=\"y\"} 10.5"])
        exporter.upsert(
            try object(.pods, #"{"metadata":{"name":"a","namespace":"default","uid":"uid-a","resourceVersion":"3","labels":{"team":"z"}}}"#)
        )
        exporter.upsert(
            try object(.nodes, #"{"metadata":{"name":"n1","uid":"node-1","resourceVersion":"2","labels":{"team":"n"}}}"#))
        #expect(
            teams() == [
                "mizzen_node_memory_working_set_bytes{node=\"n1\",label_team=\"n\"} 4096",
                name + ",label_team=\"z\",namespace_label_team=\"y\"} 10.5",
            ])
        exporter.feed.take(sample(at: 20))
        #expect(teams().contains(name + ",label_team=\"z\",namespace_label_team=\"y\"} 20.5"))
    }

    @Test("a sample that comes before its objects waits for them")
    func early() throws {
        let exporter = try exporter(joined: false)
        exporter.feed.take(sample(at: 10))
        #expect(usage(exporter).isEmpty)
        exporter.feed.joined(.pods, synced: true)
        #expect(usage(exporter).isEmpty)
        exporter.feed.joined(.nodes, synced: true)
        #expect(usage(exporter) == Self.shown)
    }

    @Test("a pod that a newer sample lacks has no usage any more; an older sample changes nothing")
    func goneFromSamples() throws {
        let exporter = try exporter()
        exporter.feed.take(sample(at: 10, pods: ["a", "b"]))
        #expect(usage(exporter).contains { $0.contains(#"pod="b""#) })
        exporter.feed.take(sample(at: 20, pods: ["b"]))
        #expect(!usage(exporter).contains { $0.contains(#"pod="a""#) })
        exporter.feed.take(sample(at: 15, pods: ["a"], collector: "two"))
        #expect(!usage(exporter).contains { $0.contains(#"pod="a""#) })
    }

    @Test("a pod or node that is deleted has no usage any more, whatever later samples say")
    func goneFromStream() throws {
        let exporter = try exporter()
        exporter.feed.take(sample(at: 10))
        exporter.delete(try pod("a"))
        #expect(!usage(exporter).contains { $0.contains(#"pod="a""#) })
        exporter.feed.take(sample(at: 20))
        #expect(!usage(exporter).contains { $0.contains(#"pod="a""#) })
        exporter.delete(try object(.nodes, #"{"metadata":{"name":"n1","uid":"node-1","resourceVersion":"1"}}"#))
        #expect(usage(exporter).isEmpty)
    }

    @Test("a failed scrape is reported, and the node's readings go")
    func failure() throws {
        let exporter = try exporter()
        exporter.feed.take(sample(at: 10))
        exporter.feed.take(sample(at: 20, failure: "kubelet answered 500"))
        #expect(usage(exporter) == [#"mizzen_node_scrape_error{node="n1"} 1"#])
    }

    @Test("usage goes when samples stop coming")
    func expiry() throws {
        let exporter = try exporter()
        exporter.clock.pass(10)
        exporter.feed.take(sample(at: 10))
        exporter.clock.pass(UsageBook.lifetime / Self.second)
        exporter.feed.expireUsage()
        #expect(usage(exporter) == Self.shown)
        exporter.clock.pass(1)
        exporter.feed.expireUsage()
        #expect(usage(exporter).isEmpty)
    }

    @Test("usage that a dead collector left behind is not taken up: a sample is as old as it says")
    func oldSample() throws {
        let exporter = try exporter()
        exporter.clock.pass(10 + UsageBook.lifetime / Self.second + 1)
        exporter.feed.take(sample(at: 10))
        #expect(usage(exporter).isEmpty)
    }

    @Test("a clock that is set ends no usage, and prolongs none", arguments: [-86_400, 86_400] as [Int64])
    func clockSet(by seconds: Int64) throws {
        let exporter = try exporter()
        exporter.clock.pass(200_000)
        exporter.feed.take(sample(at: 200_000, pods: ["b"]))
        exporter.clock.set(200_000 + seconds)
        exporter.feed.expireUsage()
        #expect(usage(exporter).contains { $0.contains(#"pod="b""#) })
        // The collector's clock is set with this one: its next sample is from before or long after the last.
        exporter.clock.pass(60)
        exporter.feed.take(sample(at: 200_060 + seconds))
        #expect(usage(exporter).contains { $0.contains(#"pod="a""#) })
        exporter.clock.pass(UsageBook.lifetime / Self.second + 1)
        exporter.feed.expireUsage()
        #expect(usage(exporter).isEmpty)
    }

    @Test("usage obeys the lists of metrics and of resources")
    func lists() throws {
        let denied = try exporter(["--metric-denylist=mizzen_"])
        denied.feed.take(sample(at: 10))
        #expect(usage(denied).isEmpty)
        let nodesOnly = try ExporterUnderTest(["--resources=nodes"])
        nodesOnly.upsert(try object(.nodes, #"{"metadata":{"name":"n1","uid":"node-1","resourceVersion":"1"}}"#))
        nodesOnly.feed.joined(.nodes, synced: true)
        nodesOnly.feed.take(sample(at: 10))
        #expect(usage(nodesOnly) == Self.shown.filter { $0.hasPrefix("mizzen_node") })
    }
}
