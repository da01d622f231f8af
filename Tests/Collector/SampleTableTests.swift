import DeltaStream
import Foundation
import KubernetesObjects
import Logging
import MizzenSystem
import ProcessRuntime
import TestSupport
import Testing

@testable import Collector

@Suite("What a collector keeps for the next one")
struct SampleTableTests {
    private static let second: Int64 = 1_000_000_000

    private let folder: TemporaryFolder
    private let clock = SampleTestClock()

    init() throws { folder = try TemporaryFolder() }

    private func table(followed: String = "one") throws -> SampleTable {
        try SampleTable(
            path: folder.path("samples"), collector: "c", followed: followed, registry: MetricsRegistry(), logger: CapturedCluster.silent)
    }

    private func store(_ table: SampleTable?) -> UsageStore {
        let clock = clock
        return UsageStore(resolution: 60 * Self.second, lifetime: 90 * Self.second, kept: table, now: { clock.moment })
    }

    // MARK: Usage

    /// A cluster of some nodes and pods that does what kubelets and clocks do to a collector, drawn from a seed.
    private struct Course {
        var random: SeededRandom
        var wall: Int64 = 10_000
        var boot: Int64 = 10_000
        var counters: [String: Double] = [:]

        mutating func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

        mutating func pass(_ clock: SampleTestClock) {
            let seconds = Int64(draw(0...9) == 0 ? draw(60...200) : draw(1...20))
            boot += seconds
            // Somebody sets the clock now and then.
            wall += seconds + (draw(0...19) == 0 ? Int64(draw(-300...300)) : 0)
            clock.set(wall: wall, boot: boot)
        }

        private mutating func reading(_ name: String) -> Reading {
            if draw(0...19) == 0 { counters[name] = nil }
            counters[name, default: 0] += Double(draw(0...20))
            let lacks = draw(0...14) == 0
            let time = (wall - Int64(draw(0...12))) * 1000
            return Reading(
                cpuSecondsTotal: lacks ? nil : counters[name], cpuTime: time, memoryWorkingSetBytes: Double(draw(1...1_000_000)),
                memoryTime: time, startTime: draw(0...3) == 0 ? Double(wall - Int64(draw(0...100))) : 1000)
        }

        mutating func sample() -> NodeSample {
            let node = "n\(draw(0...3))"
            var sample = NodeSample(
                node: node, collector: "c\(draw(0...1))",
                scrapedAt: (wall - Int64(draw(0...9) == 0 ? draw(0...200) : 0)) * SampleTableTests.second)
            if draw(0...9) == 0 {
                sample.failure = "connection refused"
                return sample
            }
            sample.usage = draw(0...9) == 0 ? nil : reading(node)
            // Pods are on any node, so that some move, and some are on two for a while.
            for pod in 0..<draw(0...6) {
                for container in 0...draw(0...2) {
                    sample.containers.append(
                        ContainerReading(
                            namespace: "ns", pod: "p\(pod)", container: "c\(container)", reading: reading("p\(pod)/\(container)")))
                }
            }
            return sample
        }
    }

    private struct Answer: Equatable {
        var items: [MetricsItem]
        var counts: UsageStore.Counts
        var isEmpty: Bool

        init(_ store: UsageStore) {
            items =
                store.items(
                    of: (0...3).map { CatalogNode(uid: "", name: "n\($0)", labels: [:], addresses: [], kubeletPort: 0, isReady: true) })
                + store.items(of: (0...6).map { CatalogPod(uid: "", namespace: "ns", name: "p\($0)", labels: [:]) })
            (counts, isEmpty) = (store.counts, store.isEmpty)
        }
    }

    @Test("the same samples give the same answers, wherever the process is replaced by another", arguments: 0..<(isSoak ? 400 : 24))
    func restarts(seed: Int) throws {
        var course = Course(random: SeededRandom(seed: UInt64(seed)))
        let steady = store(nil)
        var replaced = store(try table())
        for step in 0..<250 {
            course.pass(clock)
            switch course.draw(0...19) {
            case 0:
                let node = "n\(course.draw(0...3))"
                steady.forget(node: node)
                replaced.forget(node: node)
            case 1...4:
                // The lock goes with the store.
                replaced = store(nil)
                replaced = store(try table())
            default:
                let sample = course.sample()
                steady.apply(sample)
                replaced.apply(sample)
            }
            try #require(Answer(steady) == Answer(replaced), "step \(step) of seed \(seed)")
        }
    }

    @Test("to keep a round of 54 nodes takes less than a third of the time in which it is read")
    func cost() throws {
        let texts = (0..<54).map { node in
            let pods = (0..<96).flatMap { pod in
                (0..<2).flatMap { container in
                    let labels =
                        #"{container="container-\#(container)",namespace="team-\#(pod % 7)",pod="service-\#(node)-7d4b9c6f5d-\#(pod)"}"#
                    return [
                        "container_cpu_usage_seconds_total\(labels) \(node * pod + 1).25 1795405061000",
                        "container_memory_working_set_bytes\(labels) 5.2015005e+07 1795405061000",
                        "container_start_time_seconds\(labels) 1.795404e+09",
                    ]
                }
            }
            return Array((pods.joined(separator: "\n") + "\nnode_cpu_usage_seconds_total 12.5 1795405061000\n").utf8)
        }
        let (plain, keeping) = (store(nil), store(try table()))
        // The fastest of some rounds: others use the machine too.
        var (read, applied, kept) = (Duration.seconds(60), Duration.seconds(60), Duration.seconds(60))
        let stopwatch = ContinuousClock()
        for round in 1...5 {
            clock.set(wall: 1_795_405_061 + Int64(round), boot: Int64(round))
            var samples: [NodeSample] = []
            read = min(
                read,
                try stopwatch.measure {
                    for (node, text) in texts.enumerated() {
                        samples.append(try CapturedCluster.sample("n\(node)", text, at: (1_795_405_061 + Int64(round)) * Self.second))
                    }
                })
            #expect(samples.allSatisfy { $0.containers.count == 192 })
            applied = min(applied, stopwatch.measure { for sample in samples { plain.apply(sample) } })
            kept = min(kept, stopwatch.measure { for sample in samples { keeping.apply(sample) } })
        }
        print("a round: read in \(read), applied in \(applied), applied and kept in \(kept)")
        #expect(kept - applied < read / 3)
        #expect(Answer(plain) == Answer(keeping))
    }

    @Test("what has ended by the time of the next process is not answered, nor kept any longer than it is remembered")
    func ended() throws {
        clock.set(wall: 1000, boot: 500)
        do {
            let first = store(try table())
            for at in [Int64(940), 1000] {
                first.apply(
                    NodeSample(
                        node: "n0", collector: "c", scrapedAt: at * Self.second,
                        usage: Reading(cpuSecondsTotal: Double(at), cpuTime: at * 1000, memoryWorkingSetBytes: 1, memoryTime: at * 1000)))
            }
            #expect(Answer(first).items.count == 1)
        }
        clock.set(wall: 10, boot: 590)
        #expect(Answer(store(try table())).items.count == 1, "the wall clock was set back")
        clock.set(wall: 1000, boot: 591)
        let late = Answer(store(try table()))
        #expect(late.items.isEmpty && !late.isEmpty)
        clock.set(wall: 1000, boot: 400)
        #expect(Answer(store(try table())).isEmpty, "by a clock of another boot it is of the future")
        #expect(try table().usages().isEmpty)
    }

    @Test("bytes that are no record are refused, wherever they are cut or changed")
    func malformed() throws {
        let point = MetricsPoint(Reading(cpuSecondsTotal: 1, memoryWorkingSetBytes: 2, memoryTime: 3, startTime: 4))
        let last = try #require(point)
        let usage = KeptUsage(
            node: "n", number: 1, sample: .init(scrapedAt: -1, collector: "c", madeAt: .max), points: PointPair(last: last, previous: nil),
            pods: ["a", "b"].map { name in
                .init(
                    key: .init(namespace: "ns", name: name),
                    containers: [
                        .init(name: "x", points: PointPair(last: last, previous: last)),
                        .init(name: "y", points: PointPair(last: last, previous: nil)),
                    ])
            })
        let node = CatalogNode(
            uid: "u", name: "n", labels: ["a": "b", "": ""], addresses: [.init(type: "InternalIP", address: "::1")], kubeletPort: 70_000,
            metricsPath: "/m", isReady: true)
        let pod = CatalogPod(uid: "u", namespace: "ns", name: "p", labels: ["a": "é"])
        func bytes(of encode: (inout RecordEncoder) -> Void) -> [UInt8] {
            var encoder = RecordEncoder()
            encode(&encoder)
            return encoder.bytes
        }
        func again(_ record: [UInt8], _ kind: Int) throws(HistoryFault) -> [UInt8] {
            var record = RecordDecoder(record)
            switch kind {
            case 0:
                let usage = try KeptUsage("n", &record)
                return bytes(of: usage.encode)
            case 1:
                let node = try CatalogNode("u", &record)
                return bytes(of: node.encode)
            default:
                let pod = try CatalogPod("u", &record)
                return bytes(of: pod.encode)
            }
        }
        var random = SeededRandom(seed: 5)
        for (kind, whole) in [bytes(of: usage.encode), bytes(of: node.encode), bytes(of: pod.encode)].enumerated() {
            #expect(try again(whole, kind) == whole)
            for length in 0..<whole.count {
                // What is cut between two of its parts is a shorter record; anything else is none.
                if let shorter = try? again(Array(whole.prefix(length)), kind) { #expect(shorter == Array(whole.prefix(length))) }
            }
            for _ in 0..<2000 {
                var changed = whole
                changed[Int.random(in: changed.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
                // Whatever it is taken for can be kept again.
                if let taken = try? again(changed, kind) { #expect(try again(taken, kind) == taken) }
            }
        }
    }

    // MARK: Names

    private func object(_ json: String, _ resource: Resource, _ name: String, uid: String, change: Change = .modified) -> Delta {
        Delta(
            streamID: 1, sequence: 1, change: change, resource: resource,
            identity: ObjectIdentity(namespace: resource == .pods ? "ns" : "", name: name, uid: uid, resourceVersion: "1"), commitTime: 0,
            object: EncodedObject(encoding: .json, bytes: Array(json.utf8)))
    }

    private func pod(_ name: String, uid: String, phase: String = "Running", label: String = "x", change: Change = .modified) -> Delta {
        object(
            #"{"metadata":{"name":"\#(name)","namespace":"ns","uid":"\#(uid)","labels":{"app":"\#(label)"}},"status":{"phase":"\#(phase)"}}"#,
            .pods, name, uid: uid, change: change)
    }

    private func node(_ name: String, uid: String, change: Change = .modified) -> Delta {
        object(
            #"""
            {"metadata":{"name":"\#(name)","uid":"\#(uid)","labels":{"zone":"a"},"annotations":{"metrics.k8s.io/resource-metrics-path":"/m"}},
            "status":{"addresses":[{"type":"InternalIP","address":"127.0.0.1"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":10250}},
            "conditions":[{"type":"Ready","status":"True"}]}}
            """#, .nodes, name, uid: uid, change: change)
    }

    private func names(_ catalog: ClusterCatalog) -> [String] {
        catalog.nodes().map(\.name) + pods(catalog).map { "\($0.name)=\($0.labels["app"] ?? "")" }
    }

    /// By namespaces and names.
    private func pods(_ catalog: ClusterCatalog) -> [CatalogPod] { catalog.listedPods(namespace: nil).flatMap { $0.map(\.object) } }

    @Test("names, labels and addresses are those that the process before knew, until the stream says better")
    func catalog() throws {
        let before: [CatalogNode]
        do {
            let catalog = ClusterCatalog(kept: try table())
            for delta in [
                node("n1", uid: "1"), node("n2", uid: "2"), pod("a", uid: "3"), pod("b", uid: "4"), pod("c", uid: "5"), pod("d", uid: "6"),
            ] {
                catalog.apply(delta)
            }
            // Changed, deleted, ended, and another one under the name of the one before.
            for delta in [
                pod("a", uid: "3", label: "y"), pod("b", uid: "4", change: .deleted), pod("c", uid: "5", phase: "Succeeded"),
                pod("d", uid: "7"),
                pod("d", uid: "6", change: .deleted), node("n2", uid: "2", change: .deleted),
            ] { catalog.apply(delta) }
            before = catalog.nodes()
            #expect(names(catalog) == ["n1", "a=y", "d=x"] && !catalog.isKnown(.nodes))
        }
        let table = try table()
        let catalog = ClusterCatalog(kept: table)
        #expect(names(catalog) == ["n1", "a=y", "d=x"] && catalog.nodes() == before && before.first?.metricsPath == "/m")
        #expect(catalog.isKnown(.nodes) && catalog.isKnown(.pods) && !catalog.isSynced)
        #expect(pods(catalog).count == 2 && catalog.pod(namespace: "ns", name: "d")?.uid == "7")
        // A snapshot brings every bucket, also those that have become empty.
        for bucket in UInt8.min...UInt8.max {
            catalog.replaceBucket(.nodes, bucket: bucket, objects: Topic.bucket(ofUID: "8") == bucket ? [node("n3", uid: "8")] : [])
            catalog.replaceBucket(
                .pods, bucket: bucket, objects: Topic.bucket(ofUID: "3") == bucket ? [pod("a", uid: "3", label: "z")] : [])
        }
        #expect(names(catalog) == ["n3", "a=z"])
        #expect(table.nodes() == catalog.nodes() && table.pods() == pods(catalog))
    }

    @Test("a pod that begins to run, or one of its containers that does anew, is told once; what has run for long is not")
    func starts() async throws {
        let catalog = ClusterCatalog()
        let now = WallClock.nanoseconds() / Self.second
        func pod(_ uid: String, _ starts: [Int64], phase: String = "Running") -> Delta {
            let statuses = starts.map { start in
                let text = Date(timeIntervalSince1970: Double(start)).formatted(.iso8601)
                return #"{"name":"c\#(start)","state":{"running":{"startedAt":"\#(text)"}}}"#
            }
            return object(
                """
                {"metadata":{"name":"p\(uid)","namespace":"ns","uid":"\(uid)"},"spec":{"nodeName":"n1"},
                "status":{"phase":"\(phase)","containerStatuses":[\(statuses.joined(separator: ","))]}}
                """, .pods, "p\(uid)", uid: uid)
        }
        catalog.apply(pod("1", [], phase: "Pending"))
        catalog.apply(pod("1", [now - 20, now - 5]))
        // The same again, as any change of the pod brings it, also in a snapshot.
        catalog.apply(pod("1", [now - 20, now - 5]))
        catalog.replaceBucket(.pods, bucket: Topic.bucket(ofUID: "1"), objects: [pod("1", [now - 20, now - 5])])
        catalog.apply(pod("2", [now - 3600]))
        catalog.apply(pod("1", [now - 1, now - 5]))
        catalog.apply(pod("3", [now]))
        var told: [PodStart] = []
        for await start in catalog.podStarts {
            told.append(start)
            if start.pod.name == "p3" { break }
        }
        #expect(told.map { "\($0.pod.name) \($0.node) \($0.at / Self.second - now)" } == ["p1 n1 -5", "p1 n1 -1", "p3 n1 0"])
    }

    @Test("what was kept of another stream is not gone on with")
    func otherStream() throws {
        ClusterCatalog(kept: try table()).apply(node("n1", uid: "1"))
        #expect(try table(followed: "two").nodes().isEmpty)
    }

    @Test("a place that cannot be used is a warning that says what to do, and nothing more")
    func unusable() throws {
        try folder.write(Array("important".utf8), to: "samples")
        let log = RecordedLog()
        let places = [folder.path("samples"), "/proc/mizzen/samples", "/nowhere/at/all"]
        for place in places {
            #expect(SampleTable.open(place, collector: "c", followed: "one", MetricsRegistry(), log.logger) == nil)
        }
        #expect(SampleTable.open("", collector: "c", followed: "one", MetricsRegistry(), log.logger) == nil)
        #expect(try folder.read("samples") == Array("important".utf8))
        #expect(log.lines.count == places.count && log.lines.allSatisfy { $0.contains("--samples-table") }, "\(log.lines)")
    }

    @Test("two collectors never share one: the second goes on without, and says who has it")
    func shared() throws {
        let first = try table()
        let log = RecordedLog()
        #expect(SampleTable.open(first.path, collector: "d", followed: "one", MetricsRegistry(), log.logger) == nil)
        #expect(log.lines.first?.contains("process \(ProcessIdentity.current)") == true, "\(log.lines)")
        let store = store(first)
        store.apply(NodeSample(node: "n0", collector: "c", scrapedAt: 1, usage: nil))
        #expect(first.usages().map(\.node) == ["n0"])
    }
}
