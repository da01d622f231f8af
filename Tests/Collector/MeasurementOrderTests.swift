import DeltaStream
import MizzenSystem
import TestSupport
import Testing

@testable import Collector

/// Every order of what kubelets do to their measurements, judged by what has really been used.
@Suite("Measurements in any order")
struct MeasurementOrderTests {
    private static let second: Int64 = 1_000_000_000
    private static let resolution: Int64 = 60

    /// What a round's scrape brings.
    private enum Event: CaseIterable {
        case measured
        /// The answer of the round before, as it was.
        case repeated
        /// What was measured between the last two rounds, or before all of them that are held.
        case late, ancient
        /// By a clock that is an hour ahead.
        case future
        /// The counter begins anew, and nothing says so.
        case reset
        /// The container has begun anew 5 s, 20 s ago.
        case newborn, young
        /// The pod is not there; nobody answers.
        case absent, failed
    }

    /// A measurement, and what the kubelet knows and does not say.
    private struct Measurement {
        var time: Int64
        /// When it was really made.
        var moment: Int64
        var cpu: Double
        var start: Int64
        /// Changes with each start, and each reset.
        var epoch: Int
    }

    /// The container as it is: it uses more in each round than in the one before.
    private struct World {
        private var epochs: [(from: Int64, start: Int64)] = [(900, 900)]
        private(set) var last: Measurement?

        /// Core seconds used from the beginning on.
        static func used(_ moment: Int64) -> Double {
            let time = Double(moment - 900)
            return time * time / 1000
        }

        private func measurement(at moment: Int64, ahead: Int64 = 0) -> Measurement? {
            guard let epoch = epochs.lastIndex(where: { $0.from < moment }) else { return nil }
            return Measurement(
                time: moment + ahead, moment: moment, cpu: Self.used(moment) - Self.used(epochs[epoch].from), start: epochs[epoch].start,
                epoch: epoch)
        }

        mutating func measurement(_ event: Event, at now: Int64) -> Measurement? {
            switch event {
            case .absent, .failed: return nil
            case .repeated: return last
            case .late: return measurement(at: now - 80)
            case .ancient: return measurement(at: now - 200)
            case .future: last = measurement(at: now, ahead: 3600)
            case .measured: last = measurement(at: now)
            case .reset:
                epochs.append((now - 1, epochs[epochs.count - 1].start))
                last = measurement(at: now)
            case .newborn, .young:
                let start = now - (event == .newborn ? 5 : 20)
                // What has begun later than that goes on.
                if epochs[epochs.count - 1].from < start { epochs.append((start, start)) }
                last = measurement(at: now)
            }
            return last
        }
    }

    private final class Judge {
        private let store: UsageStore
        private var world = World()
        private var came: [Measurement] = []
        private var events: [Event] = []
        private(set) var answers = 0

        init() {
            store = UsageStore(
                resolution: MeasurementOrderTests.resolution * MeasurementOrderTests.second, lifetime: .max / 4,
                now: { SampleMoment(wall: 0, boot: 0) })
        }

        func take(_ event: Event) throws {
            let now = 1000 + Int64(events.count) * resolution
            events.append(event)
            let measured = world.measurement(event, at: now)
            store.apply(
                NodeSample(
                    node: "n", collector: "c", scrapedAt: now * second, failure: event == .failed ? "refused" : nil,
                    containers: measured.map { measured in
                        [
                            ContainerReading(
                                namespace: "ns", pod: "p", container: "a",
                                reading: Reading(
                                    cpuSecondsTotal: measured.cpu, cpuTime: measured.time * 1000, memoryWorkingSetBytes: Double(now),
                                    memoryTime: measured.time * 1000, startTime: Double(measured.start)))
                        ]
                    } ?? []))
            let item = store.items(of: [CatalogPod(uid: "u", namespace: "ns", name: "p", labels: [:])]).first
            guard let measured else {
                try #require(item == nil, "\(events): answered")
                return came.removeAll()
            }
            try judge(item, measured)
            came.append(measured)
        }

        private func judge(_ item: MetricsItem?, _ measured: Measurement) throws {
            let age = measured.time - measured.start
            guard let item, case .pod(let containers) = item.usage else {
                return try #require(!mustAnswer(measured, age: age), "\(events): not answered")
            }
            answers += 1
            let (end, start) = (item.window.end / second, (item.window.end - item.window.length) / second)
            try #require(end == measured.time && item.window.length > 0, "\(events): \(item.window)")
            let rate = Double(containers[0].usage.cpuNanos) / 1e9
            func isRate(_ cpu: Double) -> Bool { abs(rate - (measured.cpu - cpu) / Double(end - start)) < 1e-6 }
            if start == measured.start, (10..<resolution).contains(age) { return try #require(isRate(0), "\(events): \(rate)") }
            let fitting = came.filter { $0.time == start && isRate($0.cpu) }
            try #require(!fitting.isEmpty, "\(events): nothing was measured at \(start) that makes \(rate)")
            try #require(start > measured.start, "\(events): over a restart")
            // Of one process, or of one whose counter was never seen below what it was.
            try #require(
                fitting.contains { $0.epoch == measured.epoch || $0.cpu <= measured.cpu }, "\(events): over a reset")
            let isHonest = measured.time == measured.moment && fitting.contains { $0.time == $0.moment && $0.epoch == measured.epoch }
            if isHonest {
                let truth = (World.used(end) - World.used(start)) / Double(end - start)
                try #require(abs(rate - truth) < 1e-6, "\(events): \(rate), and really \(truth)")
            }
        }

        /// Whether this measurement, as it should be, follows one of the same counter, or one that was of the future and followed such a one.
        private func mustAnswer(_ measured: Measurement, age: Int64) -> Bool {
            guard events.last == .measured else { return false }
            if (10..<resolution).contains(age) { return true }
            guard let before = came.last else { return false }
            if before.time < measured.time { return before.epoch == measured.epoch }
            guard let first = came.dropLast().last else { return false }
            return first.time < measured.time && first.epoch == measured.epoch
        }
    }

    @Test("no window is negative or of another length than its measurements, and what is out of order harms no other")
    func orders() throws {
        let events = Event.allCases
        let length = isSoak ? 5 : 4
        var answers = 0
        let orders = (0..<length).reduce(1) { product, _ in product * events.count }
        for number in 0..<orders {
            let judge = Judge()
            // What comes first changes last, so that all are different.
            var rest = number
            for _ in 0..<length {
                try judge.take(events[rest % events.count])
                rest /= events.count
            }
            answers += judge.answers
        }
        print("\(answers) answers")
        #expect(answers > 10_000)
    }

    @Test("a counter that is repeated beside a new memory has not stood still")
    func memoryAlone() {
        let store = UsageStore(resolution: 60 * Self.second, lifetime: 90 * Self.second, now: { SampleMoment(wall: 0, boot: 0) })
        for (cpu, cpuTime, memory, memoryTime) in [(10.0, 1000, 1.0, 1000), (70, 1060, 2, 1060), (70, 1060, 3, 1120)]
            as [(_, Int64, _, Int64)]
        {
            store.apply(
                NodeSample(
                    node: "n", collector: "c", scrapedAt: memoryTime * Self.second,
                    usage: Reading(
                        cpuSecondsTotal: cpu, cpuTime: cpuTime * 1000, memoryWorkingSetBytes: memory, memoryTime: memoryTime * 1000)))
        }
        let node = CatalogNode(uid: "", name: "n", labels: [:], addresses: [], kubeletPort: 0, isReady: true)
        let item = store.items(of: [node]).first
        #expect(item?.total == ResourceUsage(cpuNanos: 1_000_000_000, memoryBytes: 3))
        #expect(item?.window == MeasuredWindow(end: 1060 * Self.second, length: 60 * Self.second))
    }
}
