import ArgumentParser
import DeltaStream
import Foundation
import KubernetesObjects
import Logging
import NIOCore
import ProcessRuntime
import Synchronization

@testable import Exporter

/// The captured cluster of Tests/Fixtures, as a watcher would publish it.
enum CapturedCluster {
    static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures")
    static let resources = FamilyRegistry.all.map(\.resource)

    static func objects(_ resource: Resource, _ encoding: ObjectEncoding = .protobuf) throws -> [WatchedObject] {
        let group = resource.group.isEmpty ? "" : "\(resource.group)_"
        let name = "\(group)\(resource.version)_\(resource.plural).\(encoding == .json ? "json" : "pb")"
        let body = try Data(contentsOf: fixtures.appending(path: "cluster-a/lists/\(name)"))
        var decoder = ListDecoder(encoding: encoding, resource: resource)
        decoder.append(Array(body))
        var objects: [WatchedObject] = []
        while let item = try decoder.next() {
            objects.append(try item.watched(as: resource))
        }
        return objects
    }

    /// The lines of a captured exposition, in no particular order.
    static func lines(_ name: String) throws -> [String] {
        try text(name).split(separator: "\n").map(String.init)
    }

    static func text(_ name: String) throws -> String {
        try String(contentsOf: fixtures.appending(path: "object-metrics/\(name)"), encoding: .utf8)
    }
}

/// Both clocks by which samples grow old, set by a test. In the beginning it is 1970, and the machine has just been started.
final class SampleTestClock: Sendable {
    private let value = Mutex(SampleMoment(wall: 0, boot: 0))

    var moment: SampleMoment { value.withLock { $0 } }

    /// Time passes, in seconds.
    func pass(_ seconds: Int64) {
        value.withLock {
            $0.wall += seconds * 1_000_000_000
            $0.boot += seconds * 1_000_000_000
        }
    }

    /// Somebody sets the wall clock, in seconds since 1970.
    func set(_ seconds: Int64) { value.withLock { $0.wall = seconds * 1_000_000_000 } }
}

/// An exporter without sockets: deltas go in by hand, expositions come out.
final class ExporterUnderTest {
    let configuration: ExporterConfiguration
    let telemetry: ExporterTelemetry
    let feed: ObjectFeed
    let clock: SampleTestClock
    private var store = StreamStore(streamID: 7)
    private var time: Int64 = 1_800_000_000_000_000_000

    init(_ arguments: [String] = [], telemetry: ExporterTelemetry = ExporterTelemetry()) throws {
        let clock = SampleTestClock()
        self.clock = clock
        let command = try ExporterCommand.parse(arguments)
        configuration = try ExporterConfiguration(command.selection)
        self.telemetry = telemetry
        feed = ObjectFeed(
            configuration, telemetry: telemetry, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            now: { clock.moment })
    }

    /// - Parameters:
    ///   - step: how many bytes are asked for at a time.
    ///   - mostKept: as of ``ProtobufExposition/Iterator/next(bytes:mostKept:)``.
    static func bytes(of exposition: ProtobufExposition, step: Int = 1 << 20, mostKept: Int = 1 << 20) -> [UInt8] {
        var iterator = exposition.makeIterator()
        var bytes: [UInt8] = []
        while let batch = iterator.next(bytes: step, mostKept: mostKept) {
            for buffer in batch { bytes += Array(buffer.readableBytesView) }
        }
        return bytes
    }

    /// Joins with everything of the captured cluster that the command line asks for.
    convenience init(captured arguments: [String], _ encoding: ObjectEncoding = .protobuf) throws {
        try self.init(arguments)
        for resource in CapturedCluster.resources {
            for object in try CapturedCluster.objects(resource, encoding) { upsert(object) }
            feed.joined(resource, synced: true)
        }
    }

    func upsert(_ object: WatchedObject) {
        time += 1
        guard let delta = store.upsert(object, commitTime: time), isWanted(delta) else { return }
        feed.apply(delta)
    }

    func delete(_ object: WatchedObject) {
        time += 1
        guard let delta = store.delete(object, commitTime: time), isWanted(delta) else { return }
        feed.apply(delta)
    }

    /// What the stream's filters would let through.
    func isWanted(_ delta: Delta) -> Bool {
        configuration.topics.contains {
            $0.resource == delta.resource && $0.buckets.contains(delta.bucket)
                && ($0.namespace == nil || $0.namespace == delta.namespace)
        }
    }

    func exposition(_ format: ExpositionFormat = .text) -> String { Self.exposition(feed.sections, format) }

    static func exposition(
        _ sections: [ExpositionSection], _ format: ExpositionFormat = .text
    ) -> String {
        var text = ByteBuffer()
        for chunk in Exposition(sections, format: format) { chunk.print(into: &text) }
        return String(buffer: text)
    }

    /// The exposition's lines without HELP.
    func lines() -> [String] {
        exposition().split(separator: "\n").filter { !$0.hasPrefix("# HELP") }.map(String.init)
    }

    /// Samples of one family.
    func samples(_ family: String) -> [String] {
        lines().filter { $0.hasPrefix("\(family){") }.sorted()
    }
}

/// An object made from JSON text, as a watcher publishes it.
func object(_ resource: Resource, _ json: String) throws -> WatchedObject {
    let encoded = try EncodedObject(encoding: .json, bytes: Array(json.utf8)).publishable(as: resource)
    return WatchedObject(resource: resource, identity: try ObjectIdentity(encoded), object: encoded)
}

func pod(_ name: String, uid: String? = nil, version: Int = 1, _ rest: String = "") throws -> WatchedObject {
    try object(
        .pods,
        """
        {"metadata":{"name":"\(name)","namespace":"default","uid":"\(uid ?? "uid-\(name)")","resourceVersion":"\(version)"}\
        \(rest.isEmpty ? "" : ",")\(rest)}
        """)
}
