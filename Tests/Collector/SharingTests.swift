import DeltaStream
import Logging
import MizzenSystem
import Synchronization
import TestSupport
import Testing

@testable import Collector

private let second: Int64 = 1_000_000_000

@Suite("Who shares the nodes")
struct MembershipTests {
    private func member(_ name: String, at now: Int64 = 0) -> Membership { Membership(name: name, run: 1, beat: second, at: now) }

    private func beat(_ name: String, run: UInt64 = 1, interval: UInt64 = 1000, isLeaving: Bool = false) -> CollectorBeat {
        CollectorBeat(collector: name, run: run, interval: interval, resolution: 15_000, nodeSelector: "", isLeaving: isLeaving)
    }

    @Test("a beat is a fifteenth of the resolution, within bounds")
    func beats() {
        #expect(Membership.beat(resolution: second) == second / 10)
        #expect(Membership.beat(resolution: 15 * second) == second)
        #expect(Membership.beat(resolution: 60 * second) == 2 * second)
    }

    @Test("a member listens for two beats, then comes first for every node while it is alone")
    func alone() {
        var one = member("a")
        #expect(one.rank(of: "n", at: 0) == nil && one.rank(of: "n", at: 2 * second - 1) == nil)
        #expect(!one.tick(at: second) && one.tick(at: 2 * second) && !one.tick(at: 3 * second))
        #expect(one.rank(of: "n", at: 2 * second) == 0)
    }

    @Test("members agree on the order of each node, and each gets a fair share")
    func order() {
        let names = ["a/1", "b/2", "c/3", "d/4"]
        var members = names.map { member($0) }
        for index in members.indices { for name in names { _ = members[index].heard(beat(name), at: 0) } }
        var firsts: [Int: Int] = [:]
        for number in 0..<2000 {
            let ranks = members.map { $0.rank(of: "node-\(number).example.org", at: 2 * second) ?? -1 }
            #expect(ranks.sorted() == [0, 1, 2, 3])
            firsts[ranks.firstIndex(of: 0) ?? -1, default: 0] += 1
        }
        #expect(firsts.count == 4 && firsts.values.allSatisfy { (420...580).contains($0) }, "\(firsts)")
    }

    @Test("who comes or goes moves only the nodes that it gets or had")
    func minimal() {
        var one = member("a")
        _ = one.heard(beat("b"), at: 0)
        let before = (0..<500).map { one.rank(of: "n\($0)", at: 2 * second) }
        _ = one.heard(beat("c"), at: 0)
        var gone = one
        _ = gone.heard(beat("c", isLeaving: true), at: 0)
        #expect((0..<500).map { gone.rank(of: "n\($0)", at: 2 * second) } == before)
        for number in 0..<500 {
            let (old, new) = (before[number] ?? -1, one.rank(of: "n\(number)", at: 2 * second) ?? -1)
            #expect(new == old || new == old + 1)
        }
    }

    @Test("silent for four of its beats a member is gone; one that leaves is gone at once, but not by the word of its former run")
    func gone() {
        var one = member("a")
        #expect(one.heard(beat("slow", interval: 5000), at: 0) == .changed && one.heard(beat("b"), at: 0) == .changed)
        for moment in 1...4 { _ = one.tick(at: Int64(moment) * second) }
        #expect(one.names == ["a", "b", "slow"])
        #expect(one.tick(at: 4 * second + 1) && one.names == ["a", "slow"])
        #expect(one.heard(beat("b", run: 2), at: 5 * second) == .changed)
        #expect(one.heard(beat("b", run: 1, isLeaving: true), at: 5 * second) == .known && one.contains("b"))
        #expect(one.heard(beat("b", run: 2, isLeaving: true), at: 5 * second) == .changed && !one.contains("b"))
    }

    @Test("its own beats mean nothing, those of a namesake are told")
    func namesake() {
        var one = member("a")
        #expect(one.heard(beat("a", run: 1), at: 0) == .known && one.heard(beat("a", run: 2), at: 0) == .sameName && one.names == ["a"])
    }

    @Test("one that stood still listens again before it scrapes, and does not take the others for gone")
    func stoodStill() {
        var one = member("a")
        _ = one.heard(beat("b"), at: 0)
        for moment in 1...3 { _ = one.tick(at: Int64(moment) * second) }
        #expect(one.isSettled(at: 3 * second))
        #expect(one.tick(at: 100 * second) && !one.isSettled(at: 101 * second) && one.contains("b"))
        #expect(!one.tick(at: 101 * second) && one.tick(at: 102 * second) && one.isSettled(at: 102 * second))
        for moment in 103...105 { _ = one.tick(at: Int64(moment) * second) }
        #expect(!one.contains("b"))
    }

    @Test("what a stranger says of its beats cannot keep it for ever, nor end this process")
    func extremes() {
        var one = member("a")
        for interval in [0, 1, UInt64.max, UInt64(Int64.max)] { _ = one.heard(beat("b\(interval)", interval: interval), at: 0) }
        _ = one.tick(at: 3 * second)
        _ = one.tick(at: 6 * second)
        #expect(one.names.count == 3)
    }
}

/// Collectors on one clock of a test's own, whose messages take their time: what boards and stores decide, without sockets.
private final class SharedCluster {
    /// A scrape that a kubelet has seen.
    struct Scrape: Hashable {
        var node: String
        var at: Int64
        var by: String
    }

    enum Message {
        case beat(CollectorBeat)
        case sample(NodeSample)
    }

    final class Collector {
        let name: String
        let board: ScrapeBoard
        let store: UsageStore
        let beat: CollectorBeat
        var isStopped = false
        var nextBeat: Int64
        var inbox: [(at: Int64, message: Message)] = []
        var recent: [String: NodeSample] = [:]
        /// Scrapes that will be over.
        var running: [(at: Int64, sample: NodeSample)] = []

        init(_ name: String, run: UInt64, interval: Int64, clock: SampleTestClock) {
            self.name = name
            let store = UsageStore(resolution: interval, lifetime: interval * 3 / 2, now: { clock.moment })
            self.store = store
            board = ScrapeBoard(.init(interval: interval), held: { store.sampleTime(of: $0) }, now: { clock.moment })
            let beat = Membership.beat(resolution: interval)
            self.beat = CollectorBeat(
                collector: name, run: run, interval: UInt64(beat / 1_000_000), resolution: UInt64(interval / 1_000_000), nodeSelector: "")
            board.share(as: Membership(name: name, run: run, beat: beat, at: clock.moment.boot))
            nextBeat = clock.moment.boot
        }
    }

    let interval: Int64
    let nodes: [String]
    let clock = SampleTestClock()
    var random: SeededRandom
    var now = 1000 * second
    var collectors: [Collector] = []
    var scrapes: [Scrape] = []
    private var runs: UInt64 = 0
    private let step: Int64 = 20_000_000

    init(interval: Int64, nodes: Int, seed: UInt64) {
        self.interval = interval
        self.nodes = (0..<nodes).map { "n\($0)" }
        random = SeededRandom(seed: seed)
        clock.set(nanoseconds: now)
    }

    func start(_ name: String) {
        runs += 1
        let collector = Collector(name, run: runs, interval: interval, clock: clock)
        _ = collector.board.takeUp(nodes)
        // A new subscription hears last beats and samples, after a connection has been made.
        for other in collectors where !other.isStopped { connect(from: other, to: collector) }
        for other in collectors { connect(from: collector, to: other) }
        collectors.append(collector)
    }

    private func connect(from sender: Collector, to receiver: Collector) {
        let at = now + Int64.random(in: 5...150, using: &random) * 1_000_000
        receiver.inbox.append((at, .beat(sender.beat)))
        for sample in sender.recent.values { receiver.inbox.append((at + 1, .sample(sample))) }
    }

    /// kill -9, or an end that is told.
    func end(_ name: String, telling: Bool) {
        guard let index = collectors.firstIndex(where: { $0.name == name }) else { return }
        let gone = collectors.remove(at: index)
        guard telling else { return }
        var last = gone.beat
        last.isLeaving = true
        send(.beat(last), from: gone)
    }

    private func send(_ message: Message, from sender: Collector) {
        for other in collectors where other !== sender {
            other.inbox.append((now + Int64.random(in: 1...40, using: &random) * 1_000_000, message))
        }
    }

    func run(for time: Int64) {
        let end = now + time
        while now < end {
            now += step
            clock.set(nanoseconds: now)
            for collector in collectors where !collector.isStopped { act(collector) }
        }
    }

    private func act(_ collector: Collector) {
        // A process that goes on finds what it does in any order.
        let scrapesFirst = Bool.random(using: &random)
        if scrapesFirst { scrape(collector) }
        collector.inbox.sort { $0.at < $1.at }
        while let first = collector.inbox.first, first.at <= now {
            collector.inbox.removeFirst()
            switch first.message {
            case .beat(let beat): _ = collector.board.heard(beat)
            case .sample(let sample):
                collector.store.apply(sample)
                collector.board.sampled(sample)
            }
        }
        if now >= collector.nextBeat {
            collector.nextBeat = now + Int64(collector.beat.interval) * 1_000_000
            send(.beat(collector.beat), from: collector)
            collector.board.tick()
        }
        if !scrapesFirst { scrape(collector) }
        collector.running.removeAll { ended in
            guard ended.at <= now else { return false }
            collector.store.apply(ended.sample)
            collector.board.sampled(ended.sample)
            collector.board.ended(ended.sample.node)
            collector.recent[ended.sample.node] = ended.sample
            send(.sample(ended.sample), from: collector)
            return true
        }
    }

    private func scrape(_ collector: Collector) {
        for turn in collector.board.take() {
            scrapes.append(Scrape(node: turn.node, at: now, by: collector.name))
            let sample = NodeSample(
                node: turn.node, collector: collector.name, scrapedAt: now,
                usage: Reading(
                    cpuSecondsTotal: Double(now) / 1e9, cpuTime: now / 1_000_000, memoryWorkingSetBytes: 1, memoryTime: now / 1_000_000))
            collector.running.append((now + Int64.random(in: 5...200, using: &random) * 1_000_000, sample))
        }
    }

    /// The times at which each node was scraped, from some moment on.
    func times(since start: Int64) -> [String: [Int64]] {
        Dictionary(grouping: scrapes.filter { $0.at >= start }, by: \.node).mapValues { $0.map(\.at).sorted() }
    }
}

@Suite("Collectors that share the nodes")
struct SharingTests {
    /// Every node is scraped once an interval, to within what messages and scrapes take.
    private func expectOnce(_ cluster: SharedCluster, for rounds: Int, _ what: String) {
        let start = cluster.now
        cluster.run(for: Int64(rounds) * cluster.interval)
        let times = cluster.times(since: start)
        for node in cluster.nodes {
            let own = times[node] ?? []
            #expect((rounds - 1...rounds + 1).contains(own.count), "\(what): \(node) was scraped \(own.count) times in \(rounds) rounds")
            #expect(
                zip(own, own.dropFirst()).allSatisfy { abs($1 - $0 - cluster.interval) < cluster.interval / 20 },
                "\(what): \(node) \(zip(own, own.dropFirst()).map { Double($1 - $0) / 1e9 })")
        }
    }

    @Test("each node is scraped by one, and each collector answers for all", arguments: [1, 2, 3, 5])
    func steady(members: Int) {
        let cluster = SharedCluster(interval: 15 * second, nodes: 60, seed: 1)
        for number in 0..<members { cluster.start("c\(number)") }
        cluster.run(for: 30 * second)
        expectOnce(cluster, for: 10, "\(members) members")
        for collector in cluster.collectors { #expect(collector.store.counts.nodes == 60) }
        let shares = Dictionary(grouping: cluster.scrapes, by: \.by).mapValues(\.count)
        #expect(shares.count == members)
    }

    @Test(
        "in any order of starts, kills, ends and stops no node waits for longer than its samples are answered, and few are scraped twice",
        arguments: 0..<(isSoak ? 200 : 12))
    func churn(seed: Int) {
        let interval = [15, 60][seed % 2] * second
        let cluster = SharedCluster(interval: interval, nodes: 40, seed: UInt64(seed))
        let names = ["c0", "c1", "c2", "c3"]
        cluster.start("c0")
        cluster.start("c1")
        cluster.run(for: 2 * interval)
        let start = cluster.now
        var changes = 0
        for _ in 0..<30 {
            let name = names[Int.random(in: 0..<4, using: &cluster.random)]
            let running = cluster.collectors.filter { !$0.isStopped }
            if let collector = cluster.collectors.first(where: { $0.name == name }) {
                switch Int.random(in: 0...3, using: &cluster.random) {
                case 0 where running.count > 1 || collector.isStopped: cluster.end(name, telling: false)
                case 1 where running.count > 1 && !collector.isStopped: cluster.end(name, telling: true)
                case 2 where running.count > 1: collector.isStopped = true
                default: collector.isStopped = false
                }
            } else {
                cluster.start(name)
            }
            changes += 1
            // One change after another, sometimes before the last has been noticed.
            cluster.run(for: Int64.random(in: 1...Int64(2 * interval / second), using: &cluster.random) * second)
        }
        for collector in cluster.collectors { collector.isStopped = false }
        cluster.run(for: interval * 2)
        let times = cluster.times(since: start)
        var twice = 0
        for node in cluster.nodes {
            let own = times[node] ?? []
            let gaps = zip(own, own.dropFirst()).map { $1 - $0 }
            #expect(
                (gaps.max() ?? .max) <= interval * 3 / 2,
                "seed \(seed): \(node) waited \(Double(gaps.max() ?? 0) / 1e9) s of \(interval / second)")
            twice += gaps.count { $0 < interval * 2 / 3 }
        }
        // A change moves about a third of the nodes, and of those few are due while it is not yet known.
        #expect(twice <= changes * cluster.nodes.count / 10, "seed \(seed): \(twice) scrapes too many in \(changes) changes")
        expectOnce(cluster, for: 5, "seed \(seed), at the end")
    }

    @Test("a member that is killed is taken over within an interval, though it says nothing")
    func killed() {
        let cluster = SharedCluster(interval: 15 * second, nodes: 60, seed: 5)
        for name in ["a", "b", "c"] { cluster.start(name) }
        cluster.run(for: 60 * second)
        let start = cluster.now - 15 * second
        cluster.end("b", telling: false)
        cluster.run(for: 60 * second)
        for (node, times) in cluster.times(since: start) {
            // A round, and the four beats after which it is missed.
            #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 <= 20 * second }, "\(node) \(times)")
        }
        expectOnce(cluster, for: 5, "after the kill")
    }

    @Test("one that stood still scrapes nothing that others have scraped meanwhile", arguments: 0..<6)
    func stoodStill(seed: Int) {
        let cluster = SharedCluster(interval: 15 * second, nodes: 60, seed: UInt64(seed))
        for name in ["a", "b", "c"] { cluster.start(name) }
        cluster.run(for: 60 * second)
        cluster.collectors[1].isStopped = true
        cluster.run(for: 50 * second)
        let start = cluster.now - 15 * second
        cluster.collectors[1].isStopped = false
        cluster.run(for: 40 * second)
        let twice = cluster.times(since: start).values.flatMap { times in zip(times, times.dropFirst()).filter { $1 - $0 < 10 * second } }
        // What it was in the middle of is over; a third of the nodes were its own.
        #expect(twice.count <= 1, "seed \(seed): \(twice.count)")
        expectOnce(cluster, for: 5, "seed \(seed), afterwards")
    }

    @Test("who ends with a word leaves no gap, and who comes causes none")
    func rolling() {
        let cluster = SharedCluster(interval: 60 * second, nodes: 60, seed: 6)
        for name in ["a", "b", "c"] { cluster.start(name) }
        cluster.run(for: 150 * second)
        let start = cluster.now - 60 * second
        // A rolling update: one after the other is replaced.
        for (old, new) in [("a", "d"), ("b", "e"), ("c", "f")] {
            cluster.start(new)
            cluster.run(for: 25 * second)
            cluster.end(old, telling: true)
            cluster.run(for: 25 * second)
        }
        cluster.run(for: 60 * second)
        for (node, times) in cluster.times(since: start) {
            let gaps = zip(times, times.dropFirst()).map { Double($1 - $0) / 1e9 }
            // Two beats are four seconds here, and a scrape starts over a moment later than it was seen to begin.
            #expect(gaps.allSatisfy { (59...65).contains($0) }, "\(node) \(gaps)")
        }
    }

    @Test("a collector that hears others, but is not heard, leaves nothing out: who stands by scrapes what nobody does")
    func deaf() {
        let clock = SampleTestClock()
        clock.set(nanoseconds: 1000 * second)
        let interval = 60 * second
        let collector = SharedCluster.Collector("a", run: 1, interval: interval, clock: clock)
        _ = collector.board.takeUp(["n0", "n1", "n2", "n3", "n4", "n5"])
        let ghost = CollectorBeat(collector: "ghost", run: 9, interval: 2000, resolution: 60_000, nodeSelector: "")
        var times: [String: [Int64]] = [:]
        for moment in 1000..<1600 {
            clock.set(nanoseconds: Int64(moment) * second)
            _ = collector.board.heard(ghost)
            collector.board.tick()
            for turn in collector.board.take() {
                times[turn.node, default: []].append(Int64(moment))
                collector.board.ended(turn.node)
            }
        }
        #expect(times.count == 6)
        for (node, times) in times {
            #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 <= 76 } && (times.first ?? .max) < 1080, "\(node) \(times)")
        }
    }
}
