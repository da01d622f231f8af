import Foundation
import KubernetesObjects
import Logging
import Synchronization
import TestSupport
import Testing

@testable import DeltaStream

@Suite("The stream with keys")
struct CurveTests {
    private let folder: TemporaryFolder
    private var keys: String { folder.path("keys") }

    init() throws {
        folder = try TemporaryFolder()
        _ = try StreamKeys.make(in: folder.path("keys"))
    }

    private func publisher(_ logger: Logger = quietLogger, keys: String? = nil) throws -> Publisher {
        var options = quickPublisher()
        options.transport = try Transport(allowPlainTCP: false, keys: keys ?? self.keys)
        let publisher = try Publisher(
            deltas: "tcp://127.0.0.1:*", snapshots: "tcp://127.0.0.1:*", store: StreamStore(streamID: 5), options: options,
            logger: logger)
        for number in 0..<300 { publisher.upsert(object("p\(number)")) }
        publisher.markSynced(.pods, resourceVersion: "1")
        return publisher
    }

    private func subscriber(
        of publisher: Publisher, keys: String?, _ consumer: HoldingConsumer, _ logger: Logger = quietLogger
    ) throws -> Subscriber {
        var options = quickSubscriber()
        options.transport = try Transport(allowPlainTCP: false, keys: keys)
        return try Subscriber(
            deltas: publisher.deltasEndpoint, snapshots: publisher.snapshotsEndpoint, filter: [TopicFilter(.pods)],
            consumer: consumer, options: options, logger: logger)
    }

    @Test("a client with its keys gets everything, several clients too")
    func allowed() async throws {
        _ = try StreamKeys.addClient("host-2", to: keys)
        let publisher = try publisher()
        let consumers = [HoldingConsumer(), HoldingConsumer()]
        let local = try subscriber(of: publisher, keys: keys, consumers[0])
        let remote = try subscriber(of: publisher, keys: keys + "/host-2", consumers[1])
        try await with(running: publisher.run) {
            try await with(running: local.run) {
                try await with(running: remote.run) {
                    for consumer in consumers {
                        try await eventually("joined") { consumer.isSynced(.pods) }
                    }
                    publisher.upsert(object("late"))
                    for consumer in consumers {
                        try await eventually("equal") { consumer.contents == contents(of: publisher, [.pods]) }
                    }
                }
            }
        }
    }

    @Test("a client without keys gets nothing, and both sides say why")
    func withoutKeys() async throws {
        let (here, there) = (LogLines(), LogLines())
        let publisher = try publisher(here.logger)
        let consumer = HoldingConsumer()
        let subscriber = try subscriber(of: publisher, keys: nil, consumer, there.logger)
        try await with(running: publisher.run) {
            try await with(running: subscriber.run) {
                try await eventually("the publisher says so") { here.contains("stream keys") }
                #expect(publisher.statistics.refusedConnections > 0)
                try await eventually("the subscriber says so") { there.contains("stream keys") }
            }
        }
        #expect(!consumer.isJoined(.pods))
        #expect(consumer.contents.isEmpty)
    }

    @Test("an unknown client is refused, and let in once its line is in the file, without a restart")
    func unknownClient() async throws {
        _ = try StreamKeys.addClient("host-2", to: keys)
        let clients = keys + "/clients"
        let complete = try String(contentsOfFile: clients, encoding: .utf8)
        let without = complete.split(separator: "\n").filter { !$0.hasPrefix("host-2") }.joined(separator: "\n") + "\n"
        try without.write(toFile: clients, atomically: true, encoding: .utf8)
        let (here, there) = (LogLines(), LogLines())
        let publisher = try publisher(here.logger)
        let consumer = HoldingConsumer()
        let subscriber = try subscriber(of: publisher, keys: keys + "/host-2", consumer, there.logger)
        try await with(running: publisher.run) {
            try await with(running: subscriber.run) {
                try await eventually("the publisher names the key") { here.contains("refused a client whose key is not allowed") }
                try await eventually("the subscriber hears of it") { there.contains("refuses this process's key") }
                #expect(consumer.contents.isEmpty)
                try complete.write(toFile: clients, atomically: true, encoding: .utf8)
                try await eventually("let in") { consumer.isSynced(.pods) }
                #expect(consumer.contents == contents(of: publisher, [.pods]))
            }
        }
    }

    @Test("a subscriber does not take another publisher for its own")
    func wrongPublisher() async throws {
        let foreign = folder.path("foreign")
        _ = try StreamKeys.make(in: foreign)
        let there = LogLines()
        let publisher = try publisher(keys: foreign)
        let consumer = HoldingConsumer()
        let subscriber = try subscriber(of: publisher, keys: keys, consumer, there.logger)
        try await with(running: publisher.run) {
            try await with(running: subscriber.run) {
                try await eventually("the subscriber says so") { there.contains("broke off the handshake") }
            }
        }
        #expect(consumer.contents.isEmpty)
    }

    @Test("samples take the same keys")
    func samples() async throws {
        var options = SamplePublisher.Options()
        options.transport = try Transport(allowPlainTCP: false, keys: keys)
        let publisher = try SamplePublisher("tcp://127.0.0.1:*", options: options, logger: quietLogger)
        publisher.publish(NodeSample(node: "n", collector: "c", scrapedAt: 1))
        let (known, stranger) = (Received(), Received())
        let welcome = try SampleSubscriber(
            endpoints: [publisher.endpoint], transport: options.transport, logger: quietLogger, handler: known.add)
        let refused = try SampleSubscriber(endpoints: [publisher.endpoint], logger: quietLogger, handler: stranger.add)
        try await with(running: publisher.run) {
            try await with(running: refused.run) {
                try await with(running: welcome.run) {
                    try await eventually("replayed") { known.times("n") == [1] }
                }
            }
        }
        #expect(stranger.all.isEmpty)
    }

    @Test("keys open what plain tcp does not, beyond loopback")
    func beyondLoopback() throws {
        _ = try Endpoint("tcp://10.1.2.3:5000", transport: Transport(allowPlainTCP: false, keys: keys))
        #expect(throws: DeltaStreamError.self) { try Endpoint("tcp://10.1.2.3:5000", transport: Transport()) }
    }

    @Test("secret keys are their owner's alone, and nothing is overwritten")
    func files() throws {
        func mode(_ name: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: keys + name)[.posixPermissions] as? Int
        }
        #expect(try mode("") == 0o700)
        #expect(try mode("/server.key") == 0o600)
        #expect(try mode("/client.key") == 0o600)
        let before = try Data(contentsOf: URL(filePath: keys + "/server.key"))
        #expect(throws: DeltaStreamError.self) { try StreamKeys.make(in: keys) }
        _ = try StreamKeys.addClient("host-2", to: keys)
        #expect(try mode("/host-2/client.key") == 0o600)
        #expect(throws: DeltaStreamError.self) { try StreamKeys.addClient("host-2", to: keys) }
        for name in ["", "../up", "a b", ".hidden", "clients", "server.key"] {
            #expect(throws: DeltaStreamError.self) { try StreamKeys.addClient(name, to: keys) }
        }
        #expect(try Data(contentsOf: URL(filePath: keys + "/server.key")) == before)
        #expect(try StreamKeys(directory: keys).allowedClients().values.sorted() == ["host-2", "local"])
    }

    @Test(
        "files that are damaged or missing are named",
        arguments: [
            ("server.key", "public abc\nsecret def\n", "does not belong"), ("server.key", "hello\n", "two lines"),
            ("client.key", "", "two lines"), ("server.pub", "public short\n", "40 characters"), ("clients", "name\n", "not a name"),
            ("clients", nil, "needed"), ("server.pub", nil, "needed"), ("client.key", nil, "needed"),
        ])
    func damaged(file: String, content: String?, says: String) throws {
        let path = keys + "/" + file
        if let content {
            try content.write(toFile: path, atomically: true, encoding: .utf8)
        } else {
            try FileManager.default.removeItem(atPath: path)
        }
        let error = #expect(throws: DeltaStreamError.self) {
            let found = try StreamKeys(directory: keys)
            _ = try found.requireServer()
            _ = try found.allowedClients()
            _ = try found.requireClient()
        }
        #expect(error?.place == path)
        #expect(error?.message.contains(says) == true, "\(error?.description ?? "")")
    }

    @Test("a directory without keys says how they are made")
    func empty() throws {
        let error = #expect(throws: DeltaStreamError.self) { try StreamKeys(directory: folder.path) }
        #expect(error?.message.contains("mizzen-watcher keys \(folder.path)") == true)
    }
}

/// Holds what is logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    func contains(_ text: String) -> Bool { lines.withLock { $0.contains { $0.contains(text) } } }

    var logger: Logger {
        Logger(label: "test") { _ in Handler(lines: self) }
    }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }
}
