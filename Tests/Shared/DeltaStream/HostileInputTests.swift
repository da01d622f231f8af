import CZeroMQ
import Foundation
import Glibc
import KubernetesObjects
import MizzenSystem
import Testing

@testable import DeltaStream

@Suite("Hostile and broken input")
struct HostileInputTests {
    private let folder = SocketFolder()

    /// Packed messages of each kind.
    private func seeds() -> [[UInt8]] {
        var encoder = EnvelopeEncoder()
        var frame = ZeroMQFrame()
        var store = StreamStore(streamID: 7)
        var seeds: [[UInt8]] = []
        let delta = store.upsert(object("a", namespace: "b"), commitTime: 3)
        if let delta { encoder.encode(delta, into: &frame) }
        seeds.append(frame.bytes)
        if let heartbeat = store.heartbeat(.pods, time: 1, intervalMilliseconds: 1000) {
            encoder.encode(heartbeat, into: &frame)
        }
        seeds.append(frame.bytes)
        for tail in store.nextTails(.pods) { encoder.encode(tail, into: &frame) }
        seeds.append(frame.bytes)
        SnapshotRequest(id: 5, subject: .buckets(.pods, [1, 2, 255], namespaces: ["a", "b"])).encode(into: &frame)
        seeds.append(frame.bytes)
        var answer = SnapshotAnswer(requestID: 5, streamID: 7)
        answer.buckets = [.init(bucket: 3, sequence: 9, objects: delta.map { [$0] } ?? [])]
        answer.catalog = [CatalogEntry(resource: .pods, synced: true)]
        answer.encodeHead(into: &frame)
        seeds.append(frame.bytes)
        NodeSample(
            node: "n", collector: "c", scrapedAt: 4, usage: Reading(cpuSecondsTotal: 1),
            containers: [ContainerReading(namespace: "a", pod: "b", container: "c", reading: Reading())],
            summary: NodeSummary(
                network: NetworkReading(time: 1, interface: "e", receivedBytes: 2), fileSystem: FileSystemReading(inodes: 3),
                pods: [
                    PodSummary(
                        namespace: "a", pod: "b", containers: [ContainerSummary(container: "c", logs: FileSystemReading(usedBytes: 4))],
                        volumes: [VolumeSummary(name: "v", claim: "w", fileSystem: FileSystemReading())])
                ])
        ).encode(into: &frame)
        seeds.append(frame.bytes)
        return seeds
    }

    /// One reader, on one input: what it reads is read the same when it is written again, and what it refuses has a name.
    private func check<Value: Equatable>(
        _ bytes: [UInt8], _ decoder: inout EnvelopeDecoder,
        _ read: (inout EnvelopeDecoder, UnsafeRawBufferPointer) throws(EnvelopeError) -> Value,
        _ write: (Value, inout ZeroMQFrame) -> Void
    ) -> EnvelopeError? {
        var frame = ZeroMQFrame()
        frame.fill(bytes)
        var value: Value
        do throws(EnvelopeError) {
            value = try unsafe decoder.read(frame, read)
        } catch {
            #expect(!error.text.isEmpty)
            return error
        }
        write(value, &frame)
        do throws(EnvelopeError) {
            let again = try unsafe decoder.read(frame, read)
            #expect(again == value)
        } catch {
            Issue.record("\(value) was read from \(bytes), and refused when it was written again: \(error.text)")
        }
        return nil
    }

    /// Every reader, on one input.
    /// - Returns: what the readers of a subscriber's messages refused.
    private func readAll(_ bytes: [UInt8], _ decoder: inout EnvelopeDecoder) -> [EnvelopeError] {
        // Safe (all): readers check every field and follow no pointer of the input's.
        var encoder = EnvelopeEncoder()
        let delta = unsafe check(bytes, &decoder, { (decoder, bytes) throws(EnvelopeError) in try unsafe decoder.delta(bytes) }) {
            encoder.encode($0, into: &$1)
        }
        let heartbeat = unsafe check(bytes, &decoder, { (decoder, bytes) throws(EnvelopeError) in try unsafe decoder.heartbeat(bytes) }) {
            encoder.encode($0, into: &$1)
        }
        let tail = unsafe check(bytes, &decoder, { (decoder, bytes) throws(EnvelopeError) in try unsafe decoder.tail(bytes) }) {
            encoder.encode($0, into: &$1)
        }
        // A sample's figures may be no numbers, which are equal to nothing: their bytes are compared.
        _ = unsafe check(
            bytes, &decoder,
            { (_, bytes) throws(EnvelopeError) in
                var frame = ZeroMQFrame()
                try unsafe NodeSample(bytes).encode(into: &frame)
                return frame.bytes
            }
        ) { $1.fill($0) }
        var frame = ZeroMQFrame()
        frame.fill(bytes)
        do throws(EnvelopeError) {
            let head = try unsafe decoder.read(frame) { decoder, bytes throws(EnvelopeError) in try unsafe decoder.answerHead(bytes) }
            #expect(head.counts.count == head.answer.buckets.count)
        } catch {
            #expect(!error.text.isEmpty)
        }
        unsafe frame.withBytes { bytes in
            do throws(RefusedRequest) {
                let request = try unsafe EnvelopeDecoder.request(bytes) { _, _, _ in .pods }
                if case .buckets(_, let buckets, _) = request.subject { #expect(Set(buckets).count == buckets.count && !buckets.isEmpty) }
            } catch {
                #expect(error.status != .ok && !error.message.isEmpty)
            }
        }
        return [delta, heartbeat, tail].compactMap { $0 }
    }

    @Test("a message decodes to what was encoded")
    func roundTrip() throws {
        var encoder = EnvelopeEncoder()
        var decoder = EnvelopeDecoder()
        var frame = ZeroMQFrame()
        let foreign = Resource(group: "g", version: "v1", plural: "things", kind: "Thing", isNamespaced: false)
        for resource in [Resource.pods, foreign] {
            let delta = Delta(
                streamID: .max, sequence: 9, previous: 8, change: .deleted, resource: resource,
                identity: ObjectIdentity(namespace: "ñ", name: "", uid: "u", resourceVersion: "1"), commitTime: -5,
                object: EncodedObject(encoding: .protobuf, bytes: [0, 1, 255]))
            encoder.encode(delta, into: &frame)
            let read = try unsafe decoder.read(frame) { decoder, bytes throws(EnvelopeError) in
                try unsafe decoder.delta(bytes)
            }
            #expect(read == delta)
        }
    }

    @Test("cut, changed and random bytes are read as what they say, or refused by name and counted, and change nothing else")
    func fuzz() {
        var decoder = EnvelopeDecoder(known: [.pods])
        var random = SeededRandom(seed: 1)
        var machine = SubscriberStateMachine(interests: ResourceInterest.merged([TopicFilter(.pods)]), seed: 1)
        let before = "\(machine.resources)"
        var counted = SubscriberStatistics()
        func feed(_ bytes: [UInt8]) {
            for error in readAll(bytes, &decoder) {
                machine.count(error)
                if case .unknownVersion = error { counted.unknownVersions += 1 } else { counted.malformed += 1 }
            }
        }
        feed([])
        for seed in seeds() {
            for length in 0..<min(seed.count, 400) { feed(Array(seed.prefix(length))) }
            for _ in 0..<2000 {
                var bytes = seed
                for _ in 0...(random.next() % 4) {
                    bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
                }
                feed(bytes)
            }
        }
        #expect(counted.malformed > 10_000 && counted.unknownVersions > 100)
        #expect(machine.statistics == counted)
        #expect("\(machine.resources)" == before && machine.join == nil && machine.nextDeadline == nil)
    }

    @Test("a foreign publisher's messages are counted and skipped, and what is good still arrives")
    func garbage() async throws {
        let context = try ZeroMQContext()
        let foreign = try ZeroMQSocket(.publish, in: context)
        try foreign.bind("tcp://127.0.0.1:*", as: "test")
        let consumer = HoldingConsumer()
        let subscriber = try Subscriber(
            deltas: foreign.lastEndpoint, snapshots: folder.snapshots, filter: [TopicFilter(.pods)], consumer: consumer,
            options: quickSubscriber(), logger: quietLogger)
        var store = StreamStore(streamID: 7)
        let good = try store.upsert(object("a"), commitTime: 0).required()
        var encoder = EnvelopeEncoder()
        var frame = ZeroMQFrame()
        encoder.encode(good, into: &frame)
        let bytes = frame.bytes
        let topic = Array(Topic.string("pods", bucket: good.bucket, namespace: "default").utf8)
        // Field 1, version, is the first: 08 01.
        #expect(bytes.prefix(2) == [8, 1])
        let messages: [[[UInt8]]] = [
            [topic], [topic, bytes, bytes], [topic, []], [topic, [255, 255]], [topic, [8, 2] + bytes.dropFirst(2)],
            [Array("pods/zz/".utf8), bytes], [Array("pods/".utf8) + [0xff], bytes],
            [Array("heartbeat/pods".utf8), bytes],
            [topic, bytes],
        ]
        try await with(running: subscriber.run) {
            try await eventually("all arrived") {
                for message in messages {
                    for (index, part) in message.enumerated() {
                        frame.fill(part)
                        foreign.send(&frame, more: index < message.count - 1)
                    }
                }
                let statistics = subscriber.statistics
                return statistics.malformed >= 7 && statistics.unknownVersions >= 1 && statistics.deltas >= 1
            }
        }
        // No heartbeat has said what stream this is, so nothing of it reaches the consumer.
        #expect(consumer.read { $0.objects.isEmpty && $0.applied == 0 && $0.replaced == 0 && $0.joined.isEmpty })
        let statistics = subscriber.statistics
        #expect(statistics.applied == 0 && statistics.joins == 0 && statistics.requests == 0 && statistics.heartbeats == 0)
    }

    @Test("requests that make no sense get an answer that says why")
    func badRequests() async throws {
        let publisher = try Publisher(
            deltas: folder.deltas, snapshots: folder.snapshots, store: StreamStore(streamID: 7),
            options: quickPublisher(), logger: quietLogger)
        publisher.announce([.pods])
        let endpoint = try Endpoint(folder.snapshots, transport: Transport())
        try await with(running: publisher.run) {
            for (subject, status) in [
                (SnapshotRequest.Subject.buckets(.pods, [], namespaces: nil), SnapshotAnswer.Status.malformed),
                (.buckets(.pods, [1, 1], namespaces: nil), .malformed),
                (.buckets(.nodes, [1], namespaces: nil), .unknownResource),
                (.buckets(.pods, [1], namespaces: ["none"]), .ok),
            ] {
                var link = try SnapshotLink(endpoint, in: try ZeroMQContext(), resources: [])
                link.send(SnapshotRequest(id: 11, subject: subject))
                var answer: SnapshotAnswer?
                try await eventually("\(status)") {
                    answer = try? link.receive()?.get()
                    return answer != nil
                }
                #expect(answer?.status == status && answer?.requestID == 11)
                #expect((answer?.message.isEmpty == true) == (status == .ok))
            }
        }
        #expect(publisher.statistics.refusedRequests == 3)
        #expect(publisher.statistics.snapshotObjects == 0)
        #expect(publisher.withStore { $0.snapshot(.pods, bucket: 1)?.objects.isEmpty } == true)
    }

    @Test(
        "endpoints that cannot be used are refused with what to do",
        arguments: [
            ("tcp://0.0.0.0:5000", "refused"), ("tcp://*:5000", "refused"), ("tcp://10.1.2.3:5000", "refused"),
            ("tcp://127.0.0.1", "HOST:PORT"), ("tcp://127.0.0.1:99999", "HOST:PORT"), ("ipc://", "path"),
            ("ipc://@abstract", "path"), ("inproc://x", "ipc://PATH"), ("", "ipc://PATH"),
            ("ipc:///" + String(repeating: "x", count: 120), "shorter"),
        ])
    func badEndpoints(text: String, expected: String) {
        let error = #expect(throws: DeltaStreamError.self) { _ = try Endpoint(text, transport: Transport()) }
        #expect(error?.message.contains(expected) == true)
        #expect(error?.place == text)
    }

    @Test("plain tcp beyond loopback is possible when it is allowed by name")
    func allowedTCP() throws {
        _ = try Endpoint("tcp://10.1.2.3:5000", transport: Transport(allowPlainTCP: true))
        _ = try Endpoint("tcp://127.8.8.8:5000", transport: Transport())
        _ = try Endpoint("tcp://[::1]:5000", transport: Transport())
    }

    @Test("sockets and the directories made for them are their owner's alone")
    func permissions() throws {
        let publisher = try Publisher(
            deltas: "ipc://\(folder.path)/a/b/deltas", snapshots: folder.snapshots, store: StreamStore(streamID: 7),
            logger: quietLogger)
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: folder.path + path)[.posixPermissions] as? Int
        }
        for path in ["", "/a", "/a/b"] { #expect(try mode(path) == 0o700) }
        for path in ["/a/b/deltas", "/snapshots"] { #expect(try mode(path) == 0o600) }
        publisher.announce([.pods])
    }

    @Test("the socket file of a dead process is taken over, that of a living one without a lock is not")
    func staleSocket() throws {
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: "\(folder.path)/deltas".utf8) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0 && listen(descriptor, 1) == 0)
        func begin() throws -> Publisher {
            try Publisher(
                deltas: folder.deltas, snapshots: folder.snapshots, store: StreamStore(streamID: 7), logger: quietLogger
            )
        }
        let error = #expect(throws: DeltaStreamError.self) { _ = try begin() }
        #expect(error?.message.contains("another watcher") == true)
        close(descriptor)
        #expect(FileManager.default.fileExists(atPath: folder.path + "/deltas"))
        _ = try begin()
    }
}
