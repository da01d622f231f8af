import Logging
import Synchronization
import TestSupport
import Testing

@testable import DeltaStream

/// A collector repeats its last two samples of a node for whoever subscribes anew; which of them are news depends on what has come before.
@Suite("Samples that are repeated", .timeLimit(.minutes(1)))
struct RepeatedSampleTests {
    private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// What the handler was given, in order.
    private final class Heard: Sendable {
        let times = Mutex<[Int64]>([])
        let beats = Mutex<[CollectorBeat]>([])
    }

    /// A publisher's socket without the publisher, so that a test says what comes.
    private func send(_ sample: NodeSample, _ position: SamplePosition?, on socket: borrowing ZeroMQSocket) {
        var topic = ZeroMQFrame()
        var body = ZeroMQFrame()
        topic.fill(sample.topic.utf8)
        sample.encode(into: &body, at: position)
        socket.send(&topic, more: true)
        socket.send(&body, more: false)
    }

    private func sample(_ time: Int64) -> NodeSample { NodeSample(node: "n", collector: "c", scrapedAt: time) }

    /// What is taken as new of samples that come in this order.
    private func taken(_ samples: [(time: Int64, position: SamplePosition?)]) async throws -> [Int64] {
        let folder = try TemporaryFolder()
        let endpoint = "ipc://\(folder.path("samples"))"
        let context = try ZeroMQContext()
        let socket = try ZeroMQSocket(.publishSeeingSubscriptions, in: context)
        try socket.bind(endpoint, as: "collector")
        let heard = Heard()
        let subscriber = try SampleSubscriber(endpoints: [endpoint], logger: Self.silent) { sample in
            heard.times.withLock { $0.append(sample.scrapedAt) }
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await subscriber.run() }
            var topic = ZeroMQFrame()
            try await eventually("it has subscribed") { socket.receive(into: &topic) }
            for (time, position) in samples { send(sample(time), position, on: socket) }
            // The last is always news.
            send(sample(.max), nil, on: socket)
            try await eventually("all have come") { heard.times.withLock { $0.last == .max } }
            group.cancelAll()
            return heard.times.withLock { Array($0.dropLast()) }
        }
    }

    private func position(_ sequence: UInt64, run: UInt64 = 1) -> SamplePosition { SamplePosition(run: run, sequence: sequence) }

    @Test("a sample that was lost and is repeated behind its successor is no news")
    func lost() async throws {
        let all: [(Int64, SamplePosition?)] = [
            (10, position(1)), (30, position(3)), (20, position(2)), (30, position(3)), (40, position(4)),
        ]
        #expect(try await taken(all) == [10, 30, 40])
    }

    @Test("a sample that was lost is news while its successor has not come")
    func lostLast() async throws {
        #expect(try await taken([(10, position(1)), (10, position(1)), (20, position(2))]) == [10, 20])
    }

    @Test("of a clock that was set back samples are news all the same")
    func setBack() async throws {
        #expect(try await taken([(10, position(1)), (30, position(2)), (5, position(3)), (5, position(3))]) == [10, 30, 5])
    }

    @Test("the next process of the same name counts anew; what is still on its way of the one before is no news any more")
    func nextRun() async throws {
        let all: [(Int64, SamplePosition?)] = [
            (10, position(7)), (20, position(1, run: 2)), (15, position(8)), (30, position(2, run: 2)), (40, position(1, run: 3)),
        ]
        #expect(try await taken(all) == [10, 20, 30, 40])
    }

    @Test("of collectors that do not count, the last two are known by their times")
    func uncounted() async throws {
        #expect(try await taken([(10, nil), (20, nil), (10, nil), (20, nil), (30, nil)]) == [10, 20, 30])
    }

    @Test("a publisher's samples have their positions, with a summary or without, and are whole without it")
    func positions() throws {
        var whole = sample(1)
        whole.summary = NodeSummary(failure: "answered 404")
        for sample in [sample(1), whole] {
            var frame = ZeroMQFrame()
            sample.encode(into: &frame, at: position(.max, run: .max))
            var found: SamplePosition?
            #expect(try unsafe frame.decode { bytes throws(EnvelopeError) in try unsafe NodeSample(bytes, position: &found) } == sample)
            #expect(found == position(.max, run: .max))
            let size = frame.count
            sample.encode(into: &frame)
            #expect(size - frame.count == SamplePosition.encodedSize)
        }
    }

    @Test("who subscribes late gets the last two samples, the older without its summary, and the last beat first of all")
    func late() async throws {
        let folder = try TemporaryFolder()
        let publisher = try SamplePublisher("ipc://\(folder.path("samples"))", logger: Self.silent)
        let heard = Heard()
        let samples = Mutex<[NodeSample]>([])
        func whole(_ time: Int64) -> NodeSample {
            var sample = sample(time)
            sample.usage = Reading(cpuSecondsTotal: 1)
            sample.summary = NodeSummary(failure: "answered 404")
            return sample
        }
        for time in Int64(1)...3 { publisher.publish(whole(time)) }
        let beat = CollectorBeat(collector: "c", interval: 500, resolution: 60_000, nodeSelector: "zone=a")
        publisher.publish(beat)
        let order = Mutex<[String]>([])
        let subscriber = try SampleSubscriber(
            endpoints: [publisher.endpoint], logger: Self.silent,
            beats: { beat in
                heard.beats.withLock { $0.append(beat) }
                order.withLock { $0.append("beat") }
            }
        ) { sample in
            samples.withLock { $0.append(sample) }
            order.withLock { $0.append("sample") }
        }
        let plain = try SampleSubscriber(endpoints: [publisher.endpoint], logger: Self.silent) { sample in
            heard.times.withLock { $0.append(sample.scrapedAt) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await publisher.run() }
            group.addTask { try await subscriber.run() }
            try await eventually("what was missed is repeated") { samples.withLock { $0.count } == 2 }
            #expect(order.withLock { $0 } == ["beat", "sample", "sample"])
            var expected = beat
            expected.run = publisher.run
            #expect(heard.beats.withLock { $0 } == [expected])
            var bare = whole(2)
            bare.summary = nil
            #expect(samples.withLock { $0 } == [bare, whole(3)])
            // Who does not ask for beats gets none.
            group.addTask { try await plain.run() }
            try await eventually("the other has its samples") { heard.times.withLock { $0 } == [2, 3] }
            publisher.publish(beat)
            publisher.publish(whole(4))
            try await eventually("the next has come to both") {
                heard.times.withLock { $0 } == [2, 3, 4] && samples.withLock { $0.count } == 3
            }
            #expect(plain.statistics.malformed == 0 && heard.beats.withLock { $0.count } == 2)
            group.cancelAll()
        }
    }
}
