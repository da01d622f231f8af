import DeltaStream
import MizzenSystem
import ProcessRuntime
import Synchronization
import Testing

@testable import Collector

private let second: Int64 = 1_000_000_000

@Suite("When nodes are scraped")
struct ScrapePlanTests {
    /// Scrapes that take no time, in order: node and second.
    private struct Scrape: Hashable {
        var node: String
        var at: Double
        var isEarly: Bool
    }

    /// Runs a plan on a clock of its own until some moment; every scrape takes `took`.
    private func run(
        _ plan: inout ScrapePlan, from start: Int64 = 0, to end: Int64, took: Int64 = 0, atMost limit: Int = .max
    ) -> [Scrape] {
        var now = start
        var scrapes: [Scrape] = []
        var ends: [(time: Int64, node: String)] = []
        while true {
            ends.sort { $0.time < $1.time }
            let next = [ends.count < limit ? plan.next : nil, ends.first?.time].compactMap { $0 }.min() ?? .max
            now = max(now, next)
            guard now <= end else { return scrapes }
            while let first = ends.first, first.time <= now {
                plan.ended(first.node)
                ends.removeFirst()
            }
            for turn in plan.take(at: now, atMost: limit - ends.count) {
                scrapes.append(Scrape(node: turn.node, at: Double(now) / 1e9, isEarly: turn.isEarly))
                ends.append((now + took, turn.node))
            }
        }
    }

    private func plan(_ interval: Int64 = 60 * second) -> ScrapePlan { ScrapePlan(.init(interval: interval)) }

    @Test("each node has its own moment, spread over the interval where there are many, and keeps it")
    func rhythm() {
        for count in [1, 54, 5000] {
            var plan = plan()
            var random = SeededRandom(seed: 1)
            for number in 0..<count {
                plan.add("n\(number)", held: nil, share: Double.random(in: 0..<1, using: &random), of: count, at: 0)
            }
            let scrapes = run(&plan, to: 240 * second - 1, took: second)
            #expect(scrapes.count == 4 * count)
            let spread = min(60, 0.008 * Double(count))
            #expect(scrapes.prefix(count).allSatisfy { $0.at < spread })
            for (node, moments) in Dictionary(grouping: scrapes, by: \.node) {
                #expect(zip(moments.map(\.at), moments.dropFirst().map(\.at)).allSatisfy { abs($1 - $0 - 60) < 1e-6 }, "\(node)")
            }
            // No second has much more than its share.
            let busiest = Dictionary(grouping: scrapes, by: { Int($0.at) }).values.map(\.count).max() ?? 0
            #expect(Double(busiest) <= Double(count) / max(1, spread) * 1.6 + 1, "\(count): \(busiest)")
        }
    }

    @Test("after a restart the rhythm goes on; what has become due meanwhile is spread anew")
    func heldSamples() {
        var plan = plan()
        plan.add("fresh", held: 90 * second, share: 0.5, of: 1000, at: 100 * second)
        plan.add("late", held: 10 * second, share: 0.5, of: 1000, at: 100 * second)
        #expect(
            run(&plan, from: 100 * second, to: 200 * second).map { "\($0.node) \($0.at)" } == ["late 104.0", "fresh 150.0", "late 164.0"])
    }

    @Test("a scrape that takes longer than the interval is followed by the next, and not caught up with")
    func slow() {
        var plan = plan(10 * second)
        plan.add("n", held: nil, share: 0, of: 1, at: 0)
        #expect(run(&plan, to: 60 * second, took: 25 * second).map(\.at) == [0, 25, 50])
        plan.ended("n")
        #expect(run(&plan, from: 75 * second, to: 100 * second).map(\.at) == [75, 85, 95])
    }

    @Test("never more scrapes at a time than may be; the others come in their order, each once")
    func limit() {
        var plan = plan()
        for number in 0..<100 { plan.add("n\(number)", held: nil, share: Double(number) / 100, of: 100, at: 0) }
        let scrapes = run(&plan, to: 59 * second, took: 2 * second, atMost: 10)
        #expect(scrapes.map(\.node) == (0..<100).map { "n\($0)" })
        let busiest = scrapes.map { scrape in scrapes.count { (scrape.at..<scrape.at + 1.999).contains($0.at) } }.max()
        #expect(busiest == 10)
    }

    @Test("what is removed is not scraped; what comes back is taken up anew")
    func removed() {
        var plan = plan()
        plan.add("n", held: nil, share: 0, of: 1, at: 0)
        #expect(plan.take(at: 0, atMost: 9).count == 1)
        plan.remove("n")
        plan.ended("n")
        #expect(plan.next == nil && plan.take(at: 100 * second, atMost: 9).isEmpty)
        plan.add("n", held: nil, share: 0, of: 1, at: 100 * second)
        #expect(plan.take(at: 100 * second, atMost: 9).count == 1)
    }

    // MARK: New pods

    @Test("a node with a new pod is scraped once more when that can tell of it, and its rhythm stays")
    func early() {
        var plan = plan()
        plan.add("n", held: nil, share: 0, of: 1, at: 0)
        _ = run(&plan, to: 5 * second)
        plan.want("n", from: 25 * second)
        plan.want("n", from: 28 * second)
        #expect(
            run(&plan, from: 5 * second, to: 130 * second).map { "\($0.at) \($0.isEarly)" } == ["25.0 true", "60.0 false", "120.0 false"])
    }

    @Test("scrapes of a node are ten seconds apart at least; one that would come just before the regular one is left to it")
    func apart() {
        var random = SeededRandom(seed: 7)
        var plan = plan()
        plan.add("n", held: nil, share: 0, of: 1, at: 0)
        var scrapes: [Scrape] = []
        for step in 0..<2000 {
            let now = Int64(step) * second
            plan.want("n", from: now + Int64.random(in: -5...30, using: &random) * second)
            scrapes += run(&plan, from: now, to: now + second - 1)
        }
        #expect(zip(scrapes, scrapes.dropFirst()).allSatisfy { $1.at - $0.at >= 10 - 1e-6 })
        #expect(scrapes.filter { !$0.isEarly }.count == 2000 / 60 + 1)
        // One node may have two more an interval: the least that all nodes share.
        #expect(scrapes.count { $0.isEarly } <= 2 * 2000 / 60 + 2)
    }

    @Test("where the interval leaves no room, nothing is early")
    func noRoom() {
        var plan = plan(15 * second)
        plan.add("n", held: nil, share: 0, of: 1, at: 0)
        _ = run(&plan, to: 0)
        for moment in Int64(1)...14 { plan.want("n", from: moment * second) }
        #expect(run(&plan, from: 1, to: 100 * second).allSatisfy { !$0.isEarly })
    }

    @Test("a rollout of thousands of pods costs half as many scrapes more, and delays no regular one")
    func rollout() {
        var plan = plan()
        for number in 0..<1000 { plan.add("n\(number)", held: nil, share: Double(number) / 1000, of: 1000, at: 0) }
        var scrapes: [Scrape] = []
        for step in 0..<600 {
            let now = Int64(step) * second
            // Twenty pods start every second, all over the cluster.
            for number in 0..<20 { plan.want("n\((step * 379 + number * 31) % 1000)", from: now + 20 * second) }
            scrapes += run(&plan, from: now, to: now + second - 1)
        }
        let early = scrapes.count { $0.isEarly }
        #expect(early > 4500 && early <= 10 * 500 + 500, "\(early)")
        #expect(scrapes.count - early == 10 * 1000)
        for (node, moments) in Dictionary(grouping: scrapes.filter { !$0.isEarly }, by: \.node) {
            #expect(zip(moments.map(\.at), moments.dropFirst().map(\.at)).allSatisfy { abs($1 - $0 - 60) < 1e-6 }, "\(node)")
        }
    }

    /// A kubelet that measures its containers every so many seconds, each at its own moment, and answers with the last measurement.
    private struct Kubelet {
        var refresh: Double
        var phase: Double

        func lastMeasurement(_ now: Double) -> Double { ((now - phase) / refresh).rounded(.down) * refresh + phase }
    }

    /// Seconds from a container's start to its pod's first usage, for 200 pods that start one by one all over ten nodes.
    private func firstUsages(early: Bool, refresh: Double) -> (times: [Double], scrapes: Int) {
        let clock = SampleTestClock()
        let interval = 60 * second
        let store = UsageStore(resolution: interval, lifetime: 90 * second, now: { clock.moment })
        let newPods = NewPods(interval: interval)
        let board = ScrapeBoard(
            .init(interval: interval), newPods: newPods, scrapesEarly: early, held: { store.sampleTime(of: $0) },
            isMeasured: { store.isMeasured($0, on: $1) }, random: { 0.4 }, now: { clock.moment })
        var random = SeededRandom(seed: 3)
        let nodes = (0..<10).map { "n\($0)" }
        let kubelets = nodes.map { _ in Kubelet(refresh: refresh, phase: Double.random(in: 0..<refresh, using: &random)) }
        var pods: [(name: String, node: Int, start: Double)] = []
        var times: [String: Double] = [:]
        var scrapes = 0
        clock.set(wall: 0, boot: 0)
        _ = board.takeUp([nodes[0]])
        // A pod every twenty seconds or so: fewer than what may be early. In quarters of a second.
        var nextStart = 100.0
        for step in 0..<(4 * 4600) {
            let now = 100_000 + Double(step) / 4
            clock.set(nanoseconds: Int64(now * 1e9))
            // The nodes are taken up one by one, so that their rhythms differ.
            if step % 24 == 0, step / 24 < nodes.count { _ = board.takeUp([nodes[step / 24]]) }
            if Double(step) / 4 >= nextStart, pods.count < 200 {
                // The API server tells a second later.
                let pod = (name: "p\(pods.count)", node: Int.random(in: 0..<10, using: &random), start: (now - 1).rounded(.down))
                pods.append(pod)
                board.started(PodStart(pod: .init(namespace: "ns", name: pod.name), node: nodes[pod.node], at: Int64(pod.start * 1e9)))
                nextStart += Double.random(in: 10..<30, using: &random)
            }
            for turn in board.take() {
                scrapes += 1
                let node = nodes.firstIndex(of: turn.node) ?? 0
                let measured = kubelets[node].lastMeasurement(now)
                let containers = pods.filter { $0.node == node && $0.start < measured }.map { pod in
                    ContainerReading(
                        namespace: "ns", pod: pod.name, container: "c",
                        reading: Reading(
                            cpuSecondsTotal: measured - pod.start, cpuTime: Int64(measured * 1000), memoryWorkingSetBytes: 1,
                            memoryTime: Int64(measured * 1000), startTime: pod.start))
                }
                let sample = NodeSample(node: turn.node, collector: "c", scrapedAt: Int64(now * 1e9), usage: nil, containers: containers)
                store.apply(sample)
                board.sampled(sample)
                board.ended(turn.node)
                for pod in pods
                where times[pod.name] == nil && pod.node == node && store.isMeasured(.init(namespace: "ns", name: pod.name), on: turn.node)
                {
                    times[pod.name] = now - pod.start
                }
            }
        }
        #expect(times.count == 200 && newPods.count == 0)
        return (times.values.sorted(), scrapes)
    }

    @Test("a new pod has usage after half the time, and in a third of it where that takes longest", arguments: [1.0, 10, 15])
    func firstUsage(refresh: Double) {
        let plain = firstUsages(early: false, refresh: refresh)
        let early = firstUsages(early: true, refresh: refresh)
        func text(_ figures: (times: [Double], scrapes: Int)) -> String {
            let mean = figures.times.reduce(0, +) / Double(figures.times.count)
            return "mean \(mean), 95 % \(figures.times[189]), last \(figures.times[199]), \(figures.scrapes) scrapes"
        }
        print("kubelets measure every \(refresh) s: plain \(text(plain)); early \(text(early))")
        #expect(early.times.reduce(0, +) < plain.times.reduce(0, +) * 0.66)
        #expect(early.times[199] <= 46 && plain.times[199] > 60)
        #expect(early.scrapes <= plain.scrapes * 3 / 2 + 10)
    }
}

extension SampleTestClock {
    func set(nanoseconds: Int64) { set(SampleMoment(wall: nanoseconds, boot: nanoseconds)) }
}
