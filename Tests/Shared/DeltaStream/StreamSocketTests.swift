import CZeroMQ
import KubernetesObjects
import Synchronization
import Testing

@testable import DeltaStream

@Suite("The stream over real sockets")
struct StreamSocketTests {
    private let folder = SocketFolder()

    private func begin(
        streamID: UInt64 = .random(in: .min ... .max), options: Publisher.Options = quickPublisher()
    ) throws -> Publisher {
        let publisher = try Publisher(
            deltas: folder.deltas, snapshots: folder.snapshots, store: StreamStore(streamID: streamID),
            options: options, logger: quietLogger)
        publisher.announce([.pods, .nodes])
        return publisher
    }

    private func follower(
        _ consumer: HoldingConsumer, _ filter: [TopicFilter] = [TopicFilter(.pods), TopicFilter(.nodes)]
    ) throws -> Subscriber {
        try Subscriber(
            deltas: folder.deltas, snapshots: folder.snapshots, filter: filter, consumer: consumer,
            options: quickSubscriber(), logger: quietLogger)
    }

    @Test("a late subscriber gets what there is, then what happens")
    func lateJoin() async throws {
        let publisher = try begin()
        for number in 0..<1000 { publisher.upsert(object("p\(number)")) }
        publisher.markSynced(.pods, resourceVersion: "5")
        let consumer = HoldingConsumer()
        let subscriber = try follower(consumer)
        try await with(running: publisher.run) {
            try await with(running: subscriber.run) {
                try await eventually("joined") { consumer.isSynced(.pods) && consumer.isJoined(.nodes) }
                #expect(consumer.contents == contents(of: publisher, [.pods]))
                publisher.delete(object("p7"))
                publisher.upsert(object("p8", version: 2))
                publisher.upsert(object("n", namespace: "", resource: .nodes))
                try await eventually("equal") { consumer.contents == contents(of: publisher, [.pods, .nodes]) }
                #expect(!consumer.isSynced(.nodes))
            }
        }
    }

    @Test("a subscriber that came first waits for its publisher")
    func earlySubscriber() async throws {
        let consumer = HoldingConsumer()
        let subscriber = try follower(consumer, [TopicFilter(.pods)])
        try await with(running: subscriber.run) {
            let publisher = try begin()
            publisher.upsert(object("a"))
            try await with(running: publisher.run) {
                try await eventually("joined") { consumer.isJoined(.pods) }
                #expect(consumer.contents == contents(of: publisher, [.pods]))
            }
        }
    }

    @Test("100,000 deltas past a paused subscriber: it ends with the publisher's state")
    func flood() async throws {
        let publisher = try begin(options: quickPublisher(highWaterMark: 500))
        let consumer = HoldingConsumer()
        let subscriber = try follower(consumer, [TopicFilter(.pods)])
        try await with(running: publisher.run) {
            try await with(running: subscriber.run) {
                try await eventually("joined") { consumer.isJoined(.pods) }
                consumer.gate.withLock { _ in
                    for number in 0..<100_000 {
                        let name = "p\(number % 5000)"
                        if number % 7 == 3 {
                            publisher.delete(object(name))
                        } else {
                            publisher.upsert(object(name, version: number + 1, padding: 100))
                        }
                    }
                }
                try await eventually("equal") {
                    consumer.isJoined(.pods) && consumer.contents == contents(of: publisher, [.pods])
                }
                try await eventually("counted") { subscriber.statistics.gaps > 0 }
            }
        }
    }

    @Test("a publisher that starts anew is followed without dropping what is held")
    func restart() async throws {
        let consumer = HoldingConsumer()
        let subscriber = try follower(consumer, [TopicFilter(.pods)])
        try await with(running: subscriber.run) {
            for generation in 1...3 {
                // The thread of the one before may hold it for a moment longer.
                var begun: Publisher?
                try await eventually("sockets are free") {
                    begun = try? begin()
                    return begun != nil
                }
                let publisher = try #require(begun)
                begun = nil
                for number in 0..<300 { publisher.upsert(object("p\(number)", version: generation)) }
                publisher.upsert(object("only-in-\(generation)"))
                let replaced = consumer.read { $0.replaced }
                try await with(running: publisher.run) {
                    try await eventually("generation \(generation)") {
                        consumer.isJoined(.pods) && consumer.contents == contents(of: publisher, [.pods])
                    }
                }
                #expect(consumer.read { $0.replaced } >= replaced + 256)
                #expect(consumer.read { $0.objects.count } == 301)
            }
        }
        #expect(consumer.read { $0.stale[.pods] ?? 0 } >= 2)
    }

    @Test("a publisher that falls silent makes what is held stale, not gone")
    func silence() async throws {
        let publisher = try begin()
        publisher.upsert(object("a"))
        let consumer = HoldingConsumer()
        let subscriber = try follower(consumer, [TopicFilter(.pods)])
        try await with(running: subscriber.run) {
            try await with(running: publisher.run) {
                try await eventually("joined") { consumer.isJoined(.pods) }
            }
            try await eventually("stale") { consumer.read { $0.stale[.pods] == 1 } }
            #expect(consumer.contents == contents(of: publisher, [.pods]))
        }
    }

    @Test("subscribers of a shard and of a namespace hold their share and receive nothing else")
    func filtered() async throws {
        let publisher = try begin()
        let shard = HoldingConsumer()
        let namespace = HoldingConsumer()
        let buckets = BucketSet.shard(1, of: 4)
        let first = try follower(shard, [TopicFilter(.pods, buckets: buckets)])
        let second = try follower(namespace, [TopicFilter(.pods, namespace: "team")])
        func churn(_ version: Int) {
            for number in 0..<2000 {
                let space = ["team", "team2", "other"][number % 3]
                publisher.upsert(object("p\(number)", namespace: space, version: version))
            }
        }
        churn(1)
        try await with(running: publisher.run) {
            try await with(running: first.run) {
                try await with(running: second.run) {
                    try await eventually("joined") { shard.isJoined(.pods) && namespace.isJoined(.pods) }
                    churn(2)
                    for number in 0..<200 { publisher.delete(object("p\(number * 3)", namespace: "team")) }
                    try await eventually("shard") {
                        shard.contents == contents(of: publisher, [.pods]) { buckets.contains($0.bucket) }
                    }
                    try await eventually("namespace") {
                        namespace.contents == contents(of: publisher, [.pods]) { $0.namespace == "team" }
                    }
                    try await eventually("counted") { second.statistics.deltas > 0 }
                    #expect(first.statistics.unwanted == 0)
                    #expect(first.statistics.gaps == 0 && second.statistics.gaps == 0)
                }
            }
        }
    }

    @Test("snapshots larger than one answer come in parts while objects change")
    func largeSnapshot() async throws {
        var options = quickPublisher()
        options.snapshotBytes = 64 << 10
        let publisher = try begin(options: options)
        for number in 0..<4000 { publisher.upsert(object("p\(number)", padding: 300)) }
        let consumer = HoldingConsumer()
        let subscriber = try follower(consumer, [TopicFilter(.pods)])
        try await with(running: publisher.run) {
            try await with(running: subscriber.run) {
                for number in 0..<4000 { publisher.upsert(object("p\(number)", version: 2, padding: 200)) }
                try await eventually("equal") {
                    consumer.isJoined(.pods) && consumer.contents == contents(of: publisher, [.pods])
                }
                try await eventually("counted") { subscriber.statistics.requests > 10 }
            }
        }
    }

    @Test("a second publisher on the same sockets is refused; on what a dead one left it starts")
    func oneOwner() async throws {
        do {
            let first = try begin()
            let error = #expect(throws: DeltaStreamError.self) { _ = try begin() }
            #expect(error?.message.contains("another watcher") == true)
            #expect(error?.place == folder.deltas)
            first.upsert(object("still alive"))
        }
        _ = try begin()
    }

    @Test("a catalog names the resources of a stream")
    func catalog() async throws {
        let publisher = try begin()
        publisher.markSynced(.nodes, resourceVersion: "3")
        let entries = try await with(running: publisher.run) {
            try await Catalog.fetch(snapshots: folder.snapshots, timeout: .seconds(30), logger: quietLogger)
        }
        #expect(entries.map(\.resource) == [.pods, .nodes] && entries.map(\.synced) == [false, true])
        await #expect(throws: DeltaStreamError.self) {
            try await Catalog.fetch(snapshots: folder.snapshots, timeout: .milliseconds(10), logger: quietLogger)
        }
    }

    @Test("tcp on loopback works, with a port that the system chooses")
    func loopback() async throws {
        let publisher = try Publisher(
            deltas: "tcp://127.0.0.1:*", snapshots: "tcp://127.0.0.1:*", store: StreamStore(streamID: 5),
            options: quickPublisher(), logger: quietLogger)
        publisher.upsert(object("a"))
        let consumer = HoldingConsumer()
        let subscriber = try Subscriber(
            deltas: publisher.deltasEndpoint, snapshots: publisher.snapshotsEndpoint, filter: [TopicFilter(.pods)],
            consumer: consumer, options: quickSubscriber(), logger: quietLogger)
        try await with(running: publisher.run) {
            try await with(running: subscriber.run) {
                try await eventually("joined") { consumer.isJoined(.pods) }
                #expect(consumer.contents == contents(of: publisher, [.pods]))
            }
        }
    }

    @Test("samples reach who listens, from several collectors, and late subscribers get the last two")
    func samples() async throws {
        let first = try SamplePublisher(folder.samples, logger: quietLogger)
        let second = try SamplePublisher(folder.samples + "2", logger: quietLogger)
        for time in 1...3 { first.publish(sample("node-1", time: Int64(time))) }
        let received = Received()
        let subscriber = try SampleSubscriber(
            endpoints: [folder.samples, folder.samples + "2"], logger: quietLogger, handler: received.add)
        try await with(running: first.run) {
            try await with(running: second.run) {
                try await with(running: subscriber.run) {
                    try await eventually("replayed") { received.times("node-1") == [2, 3] }
                    first.publish(sample("node-1", time: 4))
                    try await eventually("next") { received.times("node-1") == [2, 3, 4] }
                    second.publish(sample("node-2", time: 1))
                    try await eventually("second") { received.times("node-2") == [1] }
                    #expect(received.all.first { $0.scrapedAt == 4 } == sample("node-1", time: 4))
                }
            }
        }
    }

    @Test("late subscribers get the newest summary, and the sample before it without one")
    func summaries() async throws {
        let publisher = try SamplePublisher(folder.samples, logger: quietLogger)
        let summaries = (1...3).map { NodeSummary(startTime: Double($0)) }
        for (time, summary) in summaries.enumerated() {
            var sample = sample("node-1", time: Int64(time))
            sample.summary = summary
            publisher.publish(sample)
        }
        let received = Received()
        let subscriber = try SampleSubscriber(endpoints: [folder.samples], logger: quietLogger, handler: received.add)
        try await with(running: publisher.run) {
            try await with(running: subscriber.run) {
                try await eventually("replayed") { received.times("node-1") == [1, 2] }
                #expect(received.all.map(\.summary) == [nil, summaries[2]])
                var before = sample("node-1", time: 1)
                #expect(received.all.first == before)
                before.scrapedAt = 3
                publisher.publish(before)
                try await eventually("next") { received.times("node-1") == [1, 2, 3] }
                #expect(received.all.last == before)
            }
        }
    }

    private func sample(_ node: String, time: Int64) -> NodeSample {
        NodeSample(
            node: node, collector: "c", scrapedAt: time, failure: time == 4 ? nil : "late",
            usage: Reading(cpuSecondsTotal: 0, cpuTime: -3),
            containers: [ContainerReading(namespace: "a", pod: "b", container: "c", reading: Reading(startTime: 7))],
            pods: [PodReading(namespace: "a", pod: "b", reading: Reading(memoryWorkingSetBytes: 1e12, memoryTime: 9))])
    }
}
