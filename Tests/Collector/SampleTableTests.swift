import DeltaStream
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
