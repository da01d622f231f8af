import DeltaStream
import KubernetesObjects
import MizzenSystem
import Synchronization
import Testing

@testable import Collector

/// Both clocks by which samples grow old, set by a test in seconds.
final class SampleTestClock: Sendable {
    private let value = Mutex(SampleMoment(wall: 0, boot: 0))

    var moment: SampleMoment { value.withLock { $0 } }

    func set(wall: Int64, boot: Int64) { set(SampleMoment(wall: wall * 1_000_000_000, boot: boot * 1_000_000_000)) }

    func set(_ moment: SampleMoment) { value.withLock { $0 = moment } }
}

@Suite("Usage of nodes and pods")
struct UsageStoreTests {
    private static let second: Int64 = 1_000_000_000

    private func reading(cpu: Double?, memory: Double? = 1024, at seconds: Int64, start: Double? = 1) -> Reading {
        Reading(
            cpuSecondsTotal: cpu, cpuTime: seconds * 1000, memoryWorkingSetBytes: memory, memoryTime: seconds * 1000,
            startTime: start)
    }

    private func sample(
        _ seconds: Int64, node: String = "n", collector: String = "c", failure: String? = nil, _ containers: [(String, Reading)] = []
    ) -> NodeSample {
        NodeSample(
            node: node, collector: collector, scrapedAt: seconds * Self.second, failure: failure,
            usage: failure == nil ? reading(cpu: Double(seconds), at: seconds, start: nil) : nil,
            containers: containers.map { ContainerReading(namespace: "ns", pod: "p", container: $0.0, reading: $0.1) })
    }

    private func node(_ store: UsageStore) -> MetricsItem? {
        let node = CatalogNode(uid: "", name: "n", labels: [:], addresses: [], kubeletPort: 0, isReady: true)
        return store.items(of: [node]).first
    }

    private func pod(_ store: UsageStore) -> MetricsItem? {
        store.items(of: [CatalogPod(uid: "u", namespace: "ns", name: "p", labels: [:])]).first
    }

    private func containers(_ item: MetricsItem?) -> [String] {
        guard case .pod(let containers)? = item?.usage else { return [] }
        return containers.map { "\($0.name) \($0.usage.cpuText) \($0.usage.memoryText)" }
    }

    /// Stands at 1970 unless a test sets it: samples are then from the future, and as old as their arrival.
    private let clock = SampleTestClock()
    private let store: UsageStore

    init() {
        let clock = clock
        store = UsageStore(resolution: 60 * Self.second, lifetime: 90 * Self.second, now: { clock.moment })
    }

    @Test("needs two measurements, and is the difference over the time between them")
    func twoMeasurements() {
        store.apply(sample(1000, [("a", reading(cpu: 10, at: 1000))]))
        #expect(node(store) == nil && pod(store) == nil && store.counts == .init())
        store.apply(sample(1060, [("a", reading(cpu: 25, memory: 1000, at: 1060))]))
        #expect(node(store)?.window == MeasuredWindow(end: 1060 * Self.second, length: 60 * Self.second))
        #expect(node(store)?.total == ResourceUsage(cpuNanos: 1_000_000_000, memoryBytes: 1024))
        #expect(containers(pod(store)) == ["a 250m 1k"])
        #expect(store.counts == .init(nodes: 1, containers: 1))
    }

    @Test("figures that no kubelet means are left out and end nothing")
    func extremes() {
        let times = [Int64.min, -1, 0, 1, 1000, Int64.max / 1_000_000, .max]
        let starts: [Double?] = [nil, -9.3e9, -1e300, 0, 1, 9.2e9, 1e300, .nan, -.infinity]
        let counters = [1e-9, 1, 1.8e10, 1e300, .nan, .infinity]
        for time in times {
            for start in starts {
                for counter in counters {
                    let reading = Reading(
                        cpuSecondsTotal: counter, cpuTime: time, memoryWorkingSetBytes: counter * 1e9, memoryTime: time, startTime: start)
                    let containers = [ContainerReading(namespace: "ns", pod: "p", container: "a", reading: reading)]
                    store.apply(NodeSample(node: "n", collector: "c", scrapedAt: .max, usage: reading, containers: containers))
                    for item in [node(store), pod(store)].compactMap({ $0 }) { #expect(item.window.end > 0 && item.window.length > 0) }
                }
            }
        }
    }

    @Test("a counter that grows by more than can be said in its window has no usage")
    func impossibleRate() {
        func reading(_ cpu: Double, at milliseconds: Int64) -> Reading {
            Reading(cpuSecondsTotal: cpu, cpuTime: milliseconds, memoryWorkingSetBytes: 1, memoryTime: milliseconds, startTime: nil)
        }
        store.apply(NodeSample(node: "n", collector: "c", scrapedAt: 1, usage: reading(1, at: 1000)))
        store.apply(NodeSample(node: "n", collector: "c", scrapedAt: 2, usage: reading(1.8e10, at: 1001)))
        #expect(node(store) == nil)
    }

    @Test("stays as it is while a kubelet repeats a measurement")
    func repeated() {
        for (round, at) in [Int64(1000), 1060, 1060, 1060].enumerated() {
            var next = sample(at, [("a", reading(cpu: Double(at), at: at))])
            next.scrapedAt += Int64(round)
            store.apply(next)
        }
        #expect(pod(store)?.window.length == 60 * Self.second)
    }

    @Test("starts anew after a failed scrape")
    func failedScrape() {
        for at in [Int64(1000), 1060] { store.apply(sample(at, [("a", reading(cpu: Double(at), at: at))])) }
        store.apply(sample(1120, failure: "connection refused"))
        #expect(node(store) == nil && pod(store) == nil && store.counts == .init())
        store.apply(sample(1180, [("a", reading(cpu: 1180, at: 1180))]))
        #expect(node(store) == nil && pod(store) == nil)
        store.apply(sample(1240, [("a", reading(cpu: 1240, at: 1240))]))
        #expect(node(store) != nil && pod(store) != nil)
    }

    @Test("of a pod waits for its youngest container")
    func lateContainer() {
        store.apply(sample(1000, [("a", reading(cpu: 10, at: 1000))]))
        store.apply(sample(1060, [("a", reading(cpu: 20, at: 1060)), ("b", reading(cpu: 1, at: 1060))]))
        #expect(pod(store) == nil && node(store) != nil)
        store.apply(sample(1120, [("a", reading(cpu: 30, at: 1120)), ("b", reading(cpu: 7, at: 1121))]))
        #expect(pod(store)?.window.end == 1120 * Self.second, "the earliest end of its containers")
        #expect(containers(pod(store)).count == 2)
    }

    @Test("of a container younger than the resolution counts from its start")
    func youngContainer() {
        store.apply(sample(1000, [("a", reading(cpu: 4, at: 1000, start: 980))]))
        #expect(containers(pod(store)) == ["a 200m 1Ki"])
        #expect(pod(store)?.window.length == 20 * Self.second)
    }

    @Test("of a container younger than ten seconds is not known yet")
    func newbornContainer() {
        store.apply(sample(1000, [("a", reading(cpu: 4, at: 1000, start: 995))]))
        #expect(pod(store) == nil)
    }

    @Test("starts anew when a container restarted")
    func restart() {
        store.apply(sample(1000, [("a", reading(cpu: 100, at: 1000))]))
        store.apply(sample(1100, [("a", reading(cpu: 3, at: 1100, start: 1020))]))
        #expect(pod(store) == nil)
        store.apply(sample(1200, [("a", reading(cpu: 13, at: 1200, start: 1020))]))
        #expect(containers(pod(store)) == ["a 100m 1Ki"])
    }

    @Test("leaves out a pod with an incomplete container", arguments: [nil, 0.0])
    func incomplete(cpu: Double?) {
        for at in [Int64(1000), 1060] {
            store.apply(
                sample(at, [("a", reading(cpu: Double(at), at: at)), ("b", reading(cpu: cpu, at: at))]))
        }
        #expect(pod(store) == nil)
    }

    @Test("forgets a pod that its kubelet does not name any more, and all of a node that left")
    func gone() {
        for at in [Int64(1000), 1060] { store.apply(sample(at, [("a", reading(cpu: Double(at), at: at))])) }
        store.apply(sample(1120))
        #expect(pod(store) == nil && node(store) != nil)
        store.forget(node: "n")
        #expect(node(store) == nil && store.counts == .init())
    }

    @Test("ignores samples that come late")
    func lateSample() {
        for at in [Int64(1000), 1060] { store.apply(sample(at, [("a", reading(cpu: Double(at), at: at))])) }
        store.apply(sample(1000, collector: "other", [("a", reading(cpu: 1000, at: 1000))]))
        #expect(pod(store)?.window == MeasuredWindow(end: 1060 * Self.second, length: 60 * Self.second))
    }

    @Test("ends with its sample's age, whoever sent it, and takes up again with the next sample")
    func age() {
        clock.set(wall: 1060, boot: 500)
        for at in [Int64(1000), 1060] { store.apply(sample(at, collector: "peer", [("a", reading(cpu: Double(at), at: at))])) }
        clock.set(wall: 1150, boot: 590)
        #expect(node(store) != nil && pod(store) != nil && store.counts == .init(nodes: 1, containers: 1))
        clock.set(wall: 1151, boot: 591)
        #expect(node(store) == nil && pod(store) == nil && store.counts == .init())
        store.apply(sample(1150, collector: "peer", [("a", reading(cpu: 1150, at: 1150))]))
        #expect(node(store)?.window.length == 90 * Self.second && pod(store) != nil)
        clock.set(wall: 1331, boot: 771)
        store.apply(sample(1331, collector: "peer", [("a", reading(cpu: 1330, at: 1330))]))
        #expect(node(store) == nil && pod(store) == nil, "after two lifetimes nothing is left to make a rate with")
    }

    @Test("is not shown when its samples are old on arrival, as a dead collector's last ones are")
    func oldOnArrival() {
        clock.set(wall: 1151, boot: 500)
        for at in [Int64(1000), 1060] { store.apply(sample(at, collector: "peer", [("a", reading(cpu: Double(at), at: at))])) }
        #expect(node(store) == nil && pod(store) == nil && store.counts == .init())
    }

    @Test("neither ends nor lives on because somebody sets a clock", arguments: [-86_400, 86_400] as [Int64])
    func clockSet(by seconds: Int64) {
        clock.set(wall: 200_060, boot: 500)
        for at in [Int64(200_000), 200_060] { store.apply(sample(at, [("a", reading(cpu: Double(at), at: at))])) }
        clock.set(wall: 200_060 + seconds, boot: 501)
        #expect(node(store) != nil && pod(store) != nil)
        // What the next scrape says, by the clock that was set; kubelets keep their own.
        clock.set(wall: 200_120 + seconds, boot: 560)
        var next = sample(200_120, [("a", reading(cpu: 200_200, at: 200_120))])
        next.scrapedAt += seconds * Self.second
        store.apply(next)
        #expect(node(store)?.window.end == 200_120 * Self.second && pod(store) != nil)
        clock.set(wall: 200_060 + seconds, boot: 651)
        #expect(node(store) == nil && pod(store) == nil && store.counts == .init())
    }

    @Test("of a pod that moved comes from its new node")
    func moved() {
        for at in [Int64(1000), 1060] {
            store.apply(sample(at, node: "old", [("a", reading(cpu: Double(at), at: at))]))
        }
        store.apply(sample(1100, node: "new", [("a", reading(cpu: 1, at: 1100, start: 1090.5))]))
        store.apply(sample(1120, node: "old"))
        store.apply(sample(1160, node: "new", [("a", reading(cpu: 7, at: 1160, start: 1090.5))]))
        #expect(containers(pod(store)) == ["a 100m 1Ki"])
    }

    @Test(
        "is the same in whatever order kubelets name pods and containers, as pods come, go and move",
        arguments: 1...20 as ClosedRange<UInt64>)
    func anyOrder(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let other = UsageStore(resolution: 60 * Self.second, lifetime: 90 * Self.second, now: { [clock] in clock.moment })
        let keys = (0..<12).map { UsageStore.PodKey(namespace: "ns\($0 % 2)", name: "p\($0)") }
        var there = ["a": Set(keys[..<6]), "b": Set(keys[6...])]
        // Who has a pod, by the plainest of rules: the last who named it whole and has not left it out since.
        var owners: [UsageStore.PodKey: String] = [:]
        for round in 0..<120 {
            let node = Bool.random(using: &random) ? "a" : "b"
            if Int.random(in: 0..<3, using: &random) == 0, let key = keys.randomElement(using: &random) {
                there[node, default: []].formSymmetricDifference([key])
            }
            var sample = sample(Int64(1000 + 10 * round), node: node)
            owners = owners.filter { $0.value != node }
            for key in keys where there[node, default: []].contains(key) {
                let isWhole = Int.random(in: 0..<8, using: &random) > 0
                for container in ["x", "y", "z"] {
                    let cpu = isWhole || container != "y" ? Double(round + 1) : nil
                    sample.containers.append(
                        .init(
                            namespace: key.namespace, pod: key.name, container: container,
                            reading: reading(cpu: cpu, at: Int64(1000 + 10 * round))))
                }
                if isWhole { owners[key] = node }
            }
            store.apply(sample)
            switch round % 3 {
            case 0: sample.containers.shuffle(using: &random)
            case 1: sample.containers.reverse()
            default: break
            }
            other.apply(sample)
            let (ordered, shuffled) = (store.usage(ofPods: keys), other.usage(ofPods: keys))
            #expect(ordered.map { $0?.node } == keys.map { owners[$0] })
            #expect(shuffled.map { $0?.node } == ordered.map { $0?.node })
            #expect(shuffled.map { $0?.containers } == ordered.map { $0?.containers })
            #expect(store.counts == other.counts)
            #expect(store.counts.containers == ordered.reduce(0) { $0 + ($1?.containers.count { $0.points.previous != nil } ?? 0) })
        }
    }

    @Test("numbers that no counter can have are no measurements", arguments: [Double.nan, -1, .infinity, 1e30])
    func impossible(cpu: Double) {
        for at in [Int64(1000), 1060] { store.apply(sample(at, [("a", reading(cpu: cpu, at: at))])) }
        #expect(pod(store) == nil)
    }

    @Test("a container without data hides its pod, unless pods may be partial; then it leaves out itself")
    func partial() throws {
        for isPartial in [false, true] {
            let clock = clock
            let store = UsageStore(
                resolution: 60 * Self.second, lifetime: 90 * Self.second, isPartial: isPartial, now: { clock.moment })
            let whole = [("a", reading(cpu: 1, at: 100)), ("b", reading(cpu: 1, at: 100))]
            store.apply(sample(100, whole))
            // One container has no memory in the second round, and another is new.
            store.apply(sample(160, [("a", reading(cpu: 61, at: 160)), ("b", reading(cpu: 61, memory: nil, at: 160))]))
            #expect(containers(pod(store)) == (isPartial ? ["a 1 1Ki"] : []))
            store.apply(sample(220, [("a", reading(cpu: 121, at: 220)), ("b", reading(cpu: 121, at: 220))]))
            #expect(containers(pod(store)) == (isPartial ? ["a 1 1Ki"] : []))
            store.apply(sample(280, [("a", reading(cpu: 181, at: 280)), ("b", reading(cpu: 181, at: 280))]))
            #expect(containers(pod(store)) == ["a 1 1Ki", "b 1 1Ki"])
        }
    }

    @Test("a kubelet that has measured nothing new leaves all as it is, the same object")
    func sameReading() {
        let key = UsageStore.PodKey(namespace: "ns", name: "p")
        store.apply(sample(100, [("a", reading(cpu: 1, at: 100))]))
        store.apply(sample(160, [("a", reading(cpu: 61, at: 160))]))
        let usage = store.usage(ofPods: [key])[0]
        store.apply(sample(220, [("a", reading(cpu: 61, at: 160))]))
        #expect(usage != nil && store.usage(ofPods: [key])[0] === usage)
        store.apply(sample(280, [("a", reading(cpu: 181, at: 280))]))
        #expect(store.usage(ofPods: [key])[0] !== usage)
        #expect(containers(pod(store)) == ["a 1 1Ki"])
    }
}
