import DeltaStream
import KubernetesObjects
import Testing

@testable import Exporter

@Suite("Least, average and most of containers")
struct UsageHistoryTests {
    private func reading(_ seconds: Double, cpu: Double?, memory: Double? = 100, start: Double? = 1) -> Reading {
        let time = Int64(seconds * 1000)
        return Reading(cpuSecondsTotal: cpu, cpuTime: time, memoryWorkingSetBytes: memory, memoryTime: time, startTime: start)
    }

    private func history(_ readings: [Reading]) -> UsageHistory {
        var history = UsageHistory()
        for reading in readings { history.note(reading) }
        return history
    }

    @Test("windows end with the newest measurement, and take the measurements' own times")
    func windows() {
        // Every 20 s for six minutes: half a core, but for two cores from 100 s to 120 s and one from 320 s to 340 s.
        var cpu = 0.0
        let readings = (0...18).map { index -> Reading in
            let seconds = Double(index) * 20
            if index > 0 { cpu += 20 * (index == 6 ? 2 : index == 17 ? 1 : 0.5) }
            return reading(seconds, cpu: cpu, memory: seconds)
        }
        let history = history(readings)
        let minute = history.spread(over: .minute)
        #expect(minute.cpu == Spread(least: 0.5, average: 2.0 / 3, most: 1))
        #expect(minute.memory == Spread(least: 320, average: 340, most: 360))
        let five = history.spread(over: .fiveMinutes)
        #expect(five.cpu == Spread(least: 0.5, average: (0.5 * 13 + 2 + 1) / 15, most: 2))
        #expect(five.memory == Spread(least: 80, average: 220, most: 360))
        #expect(history.count == 16)
    }

    @Test("measurements once a minute, give or take, make one a minute", arguments: [-0.5, 0, 0.5, 0.875])
    func minutes(jitter: Double) {
        let times = [0, 60, 120, 180, 240, 300, 360, 420].enumerated().map { $1 + ($0 % 2 == 0 ? 0 : jitter) }
        let history = history(times.enumerated().map { reading($1, cpu: Double($0 * $0), memory: Double($0)) })
        let minute = history.spread(over: .minute)
        let rate = 13 / (times[7] - times[6])
        #expect(minute.cpu == Spread(least: rate, average: rate, most: rate))
        #expect(minute.memory == Spread(least: 7, average: 7, most: 7))
        let five = history.spread(over: .fiveMinutes)
        #expect(five.memory == Spread(least: 3, average: 5, most: 7))
        #expect(five.cpu.map { abs($0.average - 45 / (times[7] - times[2])) < 1e-9 } == true)
    }

    @Test("a window finer than the measurements has no CPU, and the newest memory")
    func coarse() {
        let history = history([reading(0, cpu: 0, memory: 1), reading(600, cpu: 60, memory: 2)])
        #expect(history.spread(over: .minute) == (nil, Spread(least: 2, average: 2, most: 2)))
        #expect(history.spread(over: .fiveMinutes).cpu == Spread(least: 0.1, average: 0.1, most: 0.1))
    }

    @Test("a restart begins CPU anew and leaves memory as it was", arguments: [1.0, 1.5, nil])
    func restart(start: Double?) {
        var history = history([reading(0, cpu: 90, memory: 1), reading(10, cpu: 91, memory: 2)])
        // With another start, or with a counter that has fallen.
        history.note(reading(20, cpu: start == 1.5 ? 95 : 0, memory: 3, start: start))
        #expect(history.spread(over: .minute) == (nil, Spread(least: 2, average: 2.5, most: 3)))
        history.note(reading(30, cpu: start == 1.5 ? 97 : 2, memory: 4, start: start))
        #expect(history.spread(over: .minute).cpu == Spread(least: 0.2, average: 0.2, most: 0.2))
    }

    @Test("the same measurement again and one out of order change nothing; a clock that was set back begins anew")
    func order() {
        var history = history([reading(1000, cpu: 0), reading(1010, cpu: 1), reading(1020, cpu: 2)])
        let before = history.spread(over: .minute)
        history.note(reading(1020, cpu: 50, memory: 9))
        history.note(reading(1005, cpu: 50, memory: 9))
        history.note(Reading(cpuSecondsTotal: 9))
        #expect(history.spread(over: .minute) == before)
        history.note(reading(10, cpu: 3))
        #expect(history.count == 1 && history.spread(over: .minute).cpu == nil)
        history.note(reading(20, cpu: 4))
        #expect(history.spread(over: .minute).cpu?.average == 0.1)
    }

    @Test("values that are no numbers and times at the ends of time harm nothing")
    func extremes() {
        for time in [Int64.min, .min + 1, -1, 0, .max - 1, .max] {
            for other in [Int64.min, 0, 5, .max] {
                var history = UsageHistory()
                for time in [time, other, time] {
                    history.note(Reading(cpuSecondsTotal: .infinity, cpuTime: time, memoryWorkingSetBytes: .nan))
                    history.note(Reading(cpuSecondsTotal: -.greatestFiniteMagnitude, memoryWorkingSetBytes: 5, memoryTime: time))
                    _ = UsageWindow.allCases.map { history.spread(over: $0) }
                }
            }
        }
        let history = history([reading(0, cpu: .nan, memory: .infinity), reading(10, cpu: 1, memory: nil)])
        #expect(history.spread(over: .minute) == (nil, nil))
    }

    @Test("a container takes a bounded room, however often it is measured", arguments: [0.1, 1, 5, 8.9, 9, 10, 15, 60])
    func bound(interval: Double) {
        var history = UsageHistory()
        var most = 0
        for index in 0..<Int(2000 / interval) {
            history.note(reading(Double(index) * interval, cpu: Double(index) * interval / 2))
            most = max(most, history.count)
        }
        #expect(most <= UsageHistory.mostPoints && UsageHistory.mostPoints * 24 < 900)
        let five = history.spread(over: .fiveMinutes).cpu
        #expect(five.map { abs($0.least - 0.5) < 1e-3 && abs($0.most - 0.5) < 1e-3 } == true)
    }

    // MARK: As families

    private static let families = "--metric-opt-in-list=mizzen_container_(cpu|memory)_.*_(min|avg|max)_.*"

    private func exporter(_ arguments: [String] = [families]) throws -> ExporterUnderTest {
        let exporter = try ExporterUnderTest(arguments)
        exporter.upsert(try object(.nodes, #"{"metadata":{"name":"n1","uid":"node-1","resourceVersion":"1"}}"#))
        exporter.upsert(try pod("a"))
        for resource in [Resource.pods, .nodes] { exporter.feed.joined(resource, synced: true) }
        return exporter
    }

    private func take(
        _ exporter: ExporterUnderTest, _ seconds: Int64, cpu: Double, memory: Double, failure: String? = nil, pods: [String] = ["a"]
    ) {
        let containers = pods.map {
            ContainerReading(namespace: "default", pod: $0, container: "c", reading: reading(Double(seconds), cpu: cpu, memory: memory))
        }
        exporter.feed.take(
            NodeSample(
                node: "n1", collector: "one", scrapedAt: seconds * 1_000_000_000, failure: failure,
                containers: failure == nil ? containers : []))
    }

    private func spreads(_ exporter: ExporterUnderTest) -> [String] {
        exporter.lines().filter { $0.wholeMatch(of: /mizzen_container_.*_(min|avg|max)_(cores|bytes)\{.*/) != nil }
            .map { $0.replacing(#"namespace="default",pod="a",uid="uid-a",container="c","#, with: "") }.sorted()
    }

    @Test("they are families on request")
    func families() throws {
        let exporter = try exporter()
        take(exporter, 1000, cpu: 10, memory: 100)
        take(exporter, 1060, cpu: 16, memory: 300)
        take(exporter, 1120, cpu: 40, memory: 200)
        #expect(
            spreads(exporter) == [
                #"mizzen_container_cpu_usage_avg_cores{window="1m"} 0.4"#, #"mizzen_container_cpu_usage_avg_cores{window="5m"} 0.25"#,
                #"mizzen_container_cpu_usage_max_cores{window="1m"} 0.4"#, #"mizzen_container_cpu_usage_max_cores{window="5m"} 0.4"#,
                #"mizzen_container_cpu_usage_min_cores{window="1m"} 0.4"#, #"mizzen_container_cpu_usage_min_cores{window="5m"} 0.1"#,
                #"mizzen_container_memory_working_set_avg_bytes{window="1m"} 200"#,
                #"mizzen_container_memory_working_set_avg_bytes{window="5m"} 250"#,
                #"mizzen_container_memory_working_set_max_bytes{window="1m"} 200"#,
                #"mizzen_container_memory_working_set_max_bytes{window="5m"} 300"#,
                #"mizzen_container_memory_working_set_min_bytes{window="1m"} 200"#,
                #"mizzen_container_memory_working_set_min_bytes{window="5m"} 200"#,
            ])
        let other = try self.exporter([])
        take(other, 1000, cpu: 10, memory: 100)
        #expect(spreads(other).isEmpty && other.lines().contains { $0.hasPrefix("mizzen_container_cpu_usage_seconds_total{") })
    }

    @Test("measurements outlive a scrape that failed, and go with the container, the pod and the node")
    func lives() throws {
        let exporter = try exporter()
        let average = {
            self.spreads(exporter).first { $0.hasPrefix(#"mizzen_container_cpu_usage_avg_cores{window="5m"}"#) }?.split(separator: " ").last
        }
        take(exporter, 1000, cpu: 10, memory: 100)
        take(exporter, 1060, cpu: 10, memory: 100, failure: "timeout")
        #expect(spreads(exporter).isEmpty)
        take(exporter, 1120, cpu: 22, memory: 100)
        #expect(average() == "0.1")
        // The pod is not on the node any more, and comes back.
        take(exporter, 1180, cpu: 30, memory: 100, pods: ["b"])
        take(exporter, 1240, cpu: 40, memory: 100)
        #expect(average() == nil && spreads(exporter).contains { $0.contains("memory") })
        take(exporter, 1300, cpu: 52, memory: 100)
        #expect(average() == "0.2")
        // Another pod of the name.
        exporter.delete(try pod("a"))
        exporter.upsert(try pod("a", uid: "uid-b"))
        take(exporter, 1360, cpu: 58, memory: 100)
        #expect(!exporter.lines().contains { $0.contains("cpu_usage_avg_cores{") })
    }
}
