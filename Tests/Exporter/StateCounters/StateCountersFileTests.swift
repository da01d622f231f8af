import DeltaStream
import Foundation
import MizzenSystem
import TestSupport
import Testing

@testable import Exporter

@Suite("The file of the counters of states")
struct StateCountersFileTests {
    private let folder: TemporaryFolder
    private let path: String
    private static let limit = 60

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("states")
    }

    private func open(write: @escaping HistoryFile.Write = HistoryFile.systemWrite) -> (
        file: StateCountersFile?, ledger: StateLedger?, reason: String
    ) {
        let (file, beginning) = StateCountersFile.open(path, empty: StateLedger(mostSeries: Self.limit), write: write)
        switch beginning {
        case .resumed(let ledger): return (file, ledger, "")
        case .new(let reason): return (file, nil, reason)
        }
    }

    /// Keeps what has changed since the last time.
    private func keep(_ pods: inout CountedPods, in file: StateCountersFile) throws {
        let changes = pods.ledger.changes
        pods.ledger.changes.reset()
        var encoder = RecordEncoder()
        pods.ledger.encode(changes, into: &encoder)
        let ledger = pods.ledger
        try file.append(encoder.bytes) {
            var encoder = RecordEncoder()
            ledger.encodeAll(into: &encoder)
            return encoder.bytes
        }
    }

    /// Random lives of pods of a few owners.
    private static func step(_ pods: inout CountedPods, _ random: inout SeededRandom) throws {
        let number = random.next() % 12
        let owner = #""ownerReferences":[{"kind":"DaemonSet","name":"d\#(number % 4)","controller":true}]"#
        let restarts = Int(random.next() % 5)
        switch random.next() % 6 {
        case 0: try pods.delete("p\(number)")
        case 1: try pods.put("p\(number)", owner, status: Status.pod("Failed", rest: #","reason":"Evicted""#))
        case 2:
            pods.now += Int64(random.next() % 600)
            pods.ledger.sweep(now: pods.now)
        default:
            let last = restarts == 0 ? nil : Status.end(["Error", "OOMKilled"][restarts % 2], "i\(number)-\(restarts)")
            try pods.put("p\(number)", owner, status: Status.pod("Running", Status.running(restarts, last: last, name: "c\(number % 3)")))
        }
    }

    private static func expectEqual(_ one: StateLedger, _ other: StateLedger) {
        #expect(one.positions == other.positions)
        let marks = { (ledger: StateLedger) in ledger.buckets.map(\.pods) }
        #expect(marks(one) == marks(other))
        let since = { (ledger: StateLedger) in ledger.buckets.map { $0.position == nil ? nil : $0.since } }
        #expect(since(one) == since(other))
        let owners = { (ledger: StateLedger) in
            ledger.owners.compactMap { $0 }.map {
                "\($0.states.owner) \($0.pods) \($0.idleSince ?? -1) \($0.states.counts.sorted { $0.key < $1.key })"
            }.sorted()
        }
        #expect(owners(one) == owners(other))
        #expect(one.series == other.series && one.overflow == other.overflow && one.admission == other.admission)
    }

    @Test("what is read after any number of changes is what was kept, and counting goes on from it alike", arguments: 0..<20)
    func resumes(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var pods = CountedPods(
            StateLedger(mostSeries: Self.limit, admission: .init(namespaces: ["shop"], deniedNamespaces: ["x"], nodes: .named("n1"))))
        var (file, ledger, _) = open()
        #expect(ledger == nil)
        for _ in 0..<40 {
            for _ in 0..<Int(random.next() % 20) { try Self.step(&pods, &random) }
            try keep(&pods, in: try #require(file))
            if random.next() % 4 == 0 {
                // Another process goes on with it.
                file = nil
                (file, ledger, _) = open()
                let found = try #require(ledger)
                Self.expectEqual(found, pods.ledger)
                var other = pods
                other.ledger = found
                var (one, two) = (SeededRandom(seed: seed), SeededRandom(seed: seed))
                for _ in 0..<30 {
                    try Self.step(&pods, &one)
                    try Self.step(&other, &two)
                }
                Self.expectEqual(other.ledger, pods.ledger)
                pods = other
            }
        }
    }

    @Test("a file that was cut anywhere is read up to its last whole record")
    func cut() throws {
        var pods = CountedPods()
        var states: [(end: Int, ledger: StateLedger)] = []
        do {
            let file = try #require(open().file)
            for number in 0..<4 {
                try pods.put("p\(number)", status: Status.pod("Running", Status.running()))
                try keep(&pods, in: file)
                states.append((file.byteCount, pods.ledger))
            }
        }
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        #expect(bytes.count == states.last?.end)
        let first = try #require(states.first?.end)
        // Byte by byte where it begins, and behind the first record, in which nothing can be told apart.
        for length in Array(0..<40) + stride(from: 40, to: first, by: 97) + Array(first..<bytes.count) {
            try folder.write(Array(bytes[..<length]), to: "states")
            let (file, ledger, reason) = open()
            #expect(file != nil)
            if let kept = states.last(where: { $0.end <= length }) {
                Self.expectEqual(try #require(ledger), kept.ledger)
                #expect(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int == kept.end)
            } else if length > 0, length < 8 {
                // Too short to be known as ours, but ours it is.
                #expect(ledger == nil && !reason.isEmpty)
            } else {
                #expect(ledger == nil && reason.contains(path))
            }
        }
    }

    @Test("a damaged byte anywhere is noticed, said, and begins anew")
    func damaged() throws {
        var pods = CountedPods()
        do {
            let file = try #require(open().file)
            try pods.put(status: Status.pod("Running", Status.running()))
            try keep(&pods, in: file)
        }
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        for position in Array(0..<40) + stride(from: 40, to: bytes.count, by: 41) {
            var broken = bytes
            broken[position] ^= 0x41
            try folder.write(broken, to: "states")
            let (file, ledger, reason) = open()
            #expect(ledger == nil, "a changed byte at \(position)")
            #expect(reason.contains(path))
            // What is not such a file is not replaced.
            #expect((file == nil) == (position < 8))
        }
        // A file that is not ours stays as it is.
        try folder.write(Array("kubeconfig".utf8), to: "states")
        #expect(open().file == nil)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "kubeconfig")
        try folder.write(StateCountersFile.magic + [99, 1, 2, 3], to: "states")
        let (file, _, reason) = open()
        #expect(reason.contains("another release's (version 99"))
        var fresh = CountedPods()
        try keep(&fresh, in: try #require(file))
        #expect(try Data(contentsOf: URL(filePath: path)).starts(with: StateCountersFile.magic + [StateCountersFile.version]))
    }

    @Test("records that do not belong together are refused: a pod of an owner that is not there")
    func inconsistent() throws {
        var pods = CountedPods()
        try pods.put(status: Status.pod("Running", Status.running()))
        pods.ledger.owners = []
        var encoder = RecordEncoder()
        pods.ledger.encodeAll(into: &encoder)
        try folder.write(StateCountersFile.magic + [StateCountersFile.version] + encoder.bytes, to: "states")
        let (_, ledger, reason) = open()
        #expect(ledger == nil && reason.contains("does not hold together"))
    }

    @Test("another process's file is left alone")
    func inUse() throws {
        var pods = CountedPods()
        let file = try #require(open().file)
        try keep(&pods, in: file)
        let (other, _, reason) = open()
        #expect(other == nil && reason.contains("in use by another process"))
        withExtendedLifetime(file) {}
    }

    @Test("a full disk, at any byte, is an error; what was kept before is read, and the next try keeps everything")
    func fullDisk() throws {
        var reachedAppending = false
        for room in stride(from: 0, to: 12_000, by: 211) {
            try? FileManager.default.removeItem(atPath: path)
            let left = Room(room)
            var pods = CountedPods()
            var kept: StateLedger?
            do {
                let file = try #require(open(write: left.write).file)
                while true {
                    try pods.put("p\(pods.ledger.pods)", status: Status.pod("Running", Status.running()))
                    do {
                        try keep(&pods, in: file)
                        kept = pods.ledger
                    } catch {
                        break
                    }
                }
                if room % 2 == 0 {
                    left.add(1 << 20)
                    try pods.put("last", status: Status.pod("Running", Status.running()))
                    try keep(&pods, in: file)
                    kept = pods.ledger
                }
            }
            reachedAppending = reachedAppending || room % 2 == 1 && kept != nil
            let found = open().ledger
            #expect((found == nil) == (kept == nil))
            if let kept, let found { Self.expectEqual(found, kept) }
            #expect(!FileManager.default.fileExists(atPath: path + ".new"))
        }
        #expect(reachedAppending)
    }

    @Test("a file does not grow beyond twice of what it says, and a bit")
    func renewal() throws {
        var pods = CountedPods()
        let file = try #require(open().file)
        var largest = 0
        for number in 0..<6_000 {
            try pods.put("p\(number % 50)", status: Status.pod(["Running", "Pending"][number / 50 % 2], Status.running(number)))
            try keep(&pods, in: file)
            largest = max(largest, file.byteCount)
        }
        var encoder = RecordEncoder()
        pods.ledger.encodeAll(into: &encoder)
        #expect(largest > 1 << 20 && largest < 2 * encoder.bytes.count + (1 << 20) + 4096)
        withExtendedLifetime(file) {}
        Self.expectEqual(try #require(try StateCountersFile.read(path)), pods.ledger)
    }
}

/// A disk with so many bytes of room.
private final class Room: @unchecked Sendable {
    // Sendable: used by one test's thread only.
    private var left: Int

    init(_ left: Int) { self.left = left }

    func add(_ bytes: Int) { left += bytes }

    var write: HistoryFile.Write {
        { [self] descriptor, bytes in
            guard left > 0 else {
                errno = ENOSPC
                return -1
            }
            let written = HistoryFile.systemWrite(descriptor, bytes.prefix(left))
            left -= max(0, written)
            return written
        }
    }
}

extension StateCountersFile {
    /// What a file says, without claiming it.
    fileprivate static func read(_ path: String) throws -> StateLedger? {
        var decoder = RecordDecoder([UInt8](try Data(contentsOf: URL(filePath: path))), from: magic.count + 1)
        var ledger = StateLedger(mostSeries: 1_000)
        while let _ = try decoder.next({ (record, start) throws(HistoryFault) in try ledger.decode(&record, start) }) {}
        return ledger.recalled()
    }
}
