import Foundation
import KubernetesObjects
import Synchronization
import TestSupport
import Testing

@testable import DeltaStream

enum PythonInterpreter {
    /// python3 with pyzmq and protobuf is there.
    static let hasLibraries: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", "import zmq, google.protobuf"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()
}

/// The subscriber that somebody else would write.
@Suite("A subscriber in Python")
struct PythonSubscriberProcessTests {
    init() throws {
        try #require(PythonInterpreter.hasLibraries, "python3 with pyzmq and protobuf is missing; `make test` installs it")
    }

    static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("python/subscriber.py").path

    private struct Line: Decodable {
        var namespace: String
        var name: String
        var uid: String
        var resourceVersion: String
        var sequence: UInt64
        var bytes: Int

        var text: String { "\(namespace)/\(name)/\(uid)@\(resourceVersion)#\(sequence) \(bytes)" }
    }

    @Test("it ends with the publisher's state", arguments: [[], ["--namespace", "team"], ["--buckets", "10-99"]])
    func equalState(arguments: [String]) async throws {
        let folder = SocketFolder()
        let publisher = try Publisher(
            deltas: folder.deltas, snapshots: folder.snapshots,
            store: StreamStore(streamID: .random(in: .min ... .max)),
            options: quickPublisher(highWaterMark: 1000), logger: quietLogger)
        for number in 0..<3000 { publisher.upsert(pod(number, version: 1)) }
        let output = Mutex(Data())
        let pipe = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["python3", Self.script, "--deltas", folder.deltas, "--snapshots", folder.snapshots, "--until", "the-end"]
            + arguments
        process.standardOutput = pipe
        try process.run()
        let reading = Thread {
            let data = pipe.fileHandleForReading.readDataToEndOfFile()
            output.withLock { $0 = data }
            process.waitUntilExit()
        }
        reading.start()
        try await with(running: publisher.run) {
            // Changes go on until the subscriber has joined, whenever that is; then the last object ends it.
            var version = 2
            try await eventually("the subscriber has asked") {
                for number in 0..<500 { publisher.upsert(pod(number * 5, version: version)) }
                version += 1
                return publisher.statistics.snapshotObjects > 100
            }
            for number in 0..<200 { publisher.delete(pod(number * 3, version: version)) }
            let last = object("the-end", namespace: "team", version: 1, uid: uid(in: 50))
            publisher.upsert(last)
            try await eventually("it ends") { reading.isFinished }
        }
        #expect(process.terminationStatus == 0)
        let lines = try output.withLock { $0 }.split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(Line.self, from: Data($0)).text
        }
        let store = publisher.withStore { $0 }
        let wanted = (UInt8.min...UInt8.max).flatMap { store.snapshot(.pods, bucket: $0)?.objects ?? [] }
            .filter { arguments.first != "--namespace" || $0.namespace == "team" }
            .filter { arguments.first != "--buckets" || (10...99).contains($0.bucket) }
            .map { delta in
                "\(delta.namespace)/\(delta.name)/\(delta.uid)@\(delta.resourceVersion)#\(delta.sequence) \(delta.object.bytes.count)"
            }
        #expect(Set(lines) == Set(wanted))
        #expect(wanted.count > 100)
    }

    @Test("it reads an encrypted stream with its keys")
    func encrypted() async throws {
        let folder = try TemporaryFolder()
        let keys = folder.path("keys")
        _ = try StreamKeys.make(in: keys)
        var options = quickPublisher()
        options.transport = try Transport(allowPlainTCP: false, keys: keys)
        let publisher = try Publisher(
            deltas: "tcp://127.0.0.1:*", snapshots: "tcp://127.0.0.1:*", store: StreamStore(streamID: 9), options: options,
            logger: quietLogger)
        for name in ["one", "the-end"] { publisher.upsert(object(name)) }
        try await with(running: publisher.run) {
            let output = try await python([
                "--deltas", publisher.deltasEndpoint, "--snapshots", publisher.snapshotsEndpoint, "--until", "the-end",
                "--stream-keys", keys,
            ])
            #expect(output.split(separator: "\n").count == 2, "\(output)")
        }
    }

    private func python(_ arguments: [String]) async throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", Self.script] + arguments
        process.standardOutput = pipe
        try process.run()
        let reading = Task.detached { pipe.fileHandleForReading.readDataToEndOfFile() }
        try await eventually("it ends") { !process.isRunning }
        #expect(process.terminationStatus == 0)
        return String(decoding: await reading.value, as: UTF8.self)
    }

    private func pod(_ number: Int, version: Int) -> WatchedObject {
        object("p\(number)", namespace: number % 2 == 0 ? "team" : "team-two", version: version)
    }
}
