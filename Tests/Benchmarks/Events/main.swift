// event-bench change FIXTURES FOLDER ROUNDS: what `make bench` counts the instructions of (Tests/Benchmarks/events.py).
// event-bench hold FIXTURES FOLDER COPIES: lists so many copies of every captured pod, and says what holding them takes.
//
// Every object of a captured cluster is changed so many times, as the events of a watch: bytes from the network are split into events,
// stripped, identified, committed to a table and published with a history, as in the watcher, which only adds the network and the
// reflector's state machine. Prints how many events there were.

import DeltaStream
import Dispatch
import Foundation
import KubernetesClient
import KubernetesObjects
import Logging
import MizzenSystem
import Watcher

/// The events of one resource: each object once, in pieces as a network delivers them.
struct Body {
    static let piece = 16 << 10
    let resource: Resource
    let chunks: [[UInt8]]
    let count: Int

    /// - Parameters:
    ///   - version: a digit that takes the place of the last one of every resourceVersion.
    ///   - copy: takes the place of the last digits of every UID and name.
    init(_ resource: Resource, _ objects: [EncodedObject], version: UInt8, copy: Int? = nil) throws {
        self.resource = resource
        count = objects.count
        let body = try objects.flatMap { object in
            try Self.frame(
                ProtobufEnvelope.wrap(
                    Self.changed(object, version, copy), kind: resource.kind, apiVersion: resource.apiVersion))
        }
        chunks = stride(from: 0, to: body.count, by: Self.piece).map { Array(body[$0..<min($0 + Self.piece, body.count)]) }
    }

    private static func changed(_ object: EncodedObject, _ version: UInt8, _ copy: Int?) throws -> [UInt8] {
        let identity = try ObjectIdentity(object)
        var bytes = object.bytes
        // Fields of the metadata: strings of fewer than 128 bytes.
        replace(6, identity.resourceVersion, by: [version], in: &bytes)
        guard let copy else { return bytes }
        let digits = Array("\(1_000_000 + copy)".utf8)
        replace(1, identity.name, by: digits, in: &bytes)
        replace(5, identity.uid, by: digits, in: &bytes)
        return bytes
    }

    /// Puts `end` in the place of the last bytes of the first field that is `text`.
    private static func replace(_ number: UInt8, _ text: String, by end: [UInt8], in bytes: inout [UInt8]) {
        let field = [number << 3 | 2, UInt8(text.utf8.count)] + Array(text.utf8)
        guard text.utf8.count >= end.count, bytes.count >= field.count else { return }
        for start in 0...(bytes.count - field.count) where bytes[start..<start + field.count].elementsEqual(field) {
            bytes.replaceSubrange(start + field.count - end.count..<start + field.count, with: end)
            return
        }
    }

    private static func frame(_ object: [UInt8]) -> [UInt8] {
        let event = field(1, Array("MODIFIED".utf8)) + field(2, field(1, object))
        return (0..<4).map { UInt8(truncatingIfNeeded: event.count >> (24 - 8 * $0)) } + event
    }

    private static func field(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var head = [number << 3 | 2]
        var rest = payload.count
        while rest >= 0x80 {
            head.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return head + [UInt8(rest)] + payload
    }

    /// - Parameter isList: the objects of a chunk go to the sink together, as those of a list do.
    func commit(to sink: any ReflectorSink, isList: Bool) async throws {
        var decoder = WatchFrameDecoder(encoding: .protobuf, maximumFrameSize: 32 << 20)
        for chunk in chunks {
            decoder.append(chunk)
            var objects: [WatchedObject] = []
            while let frame = try decoder.next() {
                guard case .modified(let object) = frame else { continue }
                let watched = try object.watched(as: resource)
                if isList { objects.append(watched) } else { await sink.upsert(watched) }
            }
            if isList { await sink.upsert(objects) }
        }
    }
}

func captured(_ folder: String) throws -> [(resource: Resource, objects: [EncodedObject])] {
    try Resource.all.compactMap { resource in
        let group = resource.group.isEmpty ? "" : "\(resource.group)_"
        let path = "\(folder)/\(group)\(resource.version)_\(resource.plural).pb"
        guard let list = FileManager.default.contents(atPath: path) else { return nil }
        var decoder = ListDecoder(encoding: .protobuf, resource: resource)
        decoder.append(Array(list))
        var objects: [EncodedObject] = []
        while let item = try decoder.next() { objects.append(item.object) }
        return (resource, objects)
    }
}

func makeSink(_ folder: String) throws -> (sink: any ReflectorSink, publisher: Publisher) {
    let logger = Logger(label: "event-bench")
    let opened = StreamHistory.open(
        path: "\(folder)/table.history", boot: .init(high: 1, low: 1), resources: Resource.all, logger: logger)
    let publisher = try Publisher(
        deltas: "ipc://\(folder)/deltas", snapshots: "ipc://\(folder)/snapshots", store: opened.store, history: opened.history,
        logger: logger)
    return (try committer(tableAt: "\(folder)/table", publisher: publisher, resources: Resource.all, logger: logger), publisher)
}

/// - Returns: how many events there were.
func change(_ fixtures: String, _ folder: String, rounds: Int) async throws -> Int {
    let sink = try makeSink(folder).sink
    var events = 0
    let all = try captured(fixtures).map { kind in
        try [UInt8(ascii: "1"), UInt8(ascii: "2")].map { try Body(kind.resource, kind.objects, version: $0) }
    }
    for resource in Resource.all { await sink.listBegan(resource) }
    for round in 0..<rounds {
        for versions in all {
            let body = versions[round % 2]
            try await body.commit(to: sink, isList: false)
            events += body.count
        }
    }
    return events
}

/// - Returns: objects, their bytes as they are held, and anonymous memory before and after, in KiB.
func hold(_ fixtures: String, _ folder: String, copies: Int) async throws -> String {
    Allocator.staysSmall()
    let (sink, publisher) = try makeSink(folder)
    let pods = try captured(fixtures).first { $0.resource == .pods }?.objects ?? []
    let before = try anonymous()
    await sink.listBegan(.pods)
    for copy in 0..<copies {
        try await Body(.pods, pods, version: UInt8(ascii: "1"), copy: copy).commit(to: sink, isList: true)
    }
    await sink.listEnded(.pods, resourceVersion: "1")
    Allocator.trim()
    let after = try anonymous()
    return publisher.withStore { "\($0.count(.pods)) \($0.byteCount(.pods)) \(before) \(after)" }
}

func anonymous() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/smaps_rollup", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix("Anonymous:") } ?? ""
    return Int(line.filter(\.isNumber)) ?? 0
}

// Not an asynchronous main: valgrind does not survive a main thread that has left its stack, as those of Swift do.
let words = CommandLine.arguments
let isOver = DispatchSemaphore(value: 0)
Task.detached {
    do {
        let count = Int(words[4]) ?? 1
        if words[1] == "hold" {
            print(try await hold(words[2], words[3], copies: count))
        } else {
            print(try await change(words[2], words[3], rounds: count))
        }
        exit(0)
    } catch {
        print(error)
        exit(1)
    }
}
isOver.wait()
