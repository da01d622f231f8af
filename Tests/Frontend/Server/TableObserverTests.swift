import Logging
import ProcessRuntime
import Synchronization
import TestSupport
import Testing

@testable import Frontend
@testable import RecordTable
@testable import RecordTableWriter

@Suite("The table's age as a frontend reports it")
struct TableObserverTests {
    private static let boot = BootIdentity(high: 1, low: 1)

    /// A clock that a test sets.
    private final class SetClock: Sendable {
        let wall = Mutex<UInt64>(0)
        func now() -> TableClock { TableClock(wall: wall.withLock { $0 }, sinceBoot: 0, boot: TableObserverTests.boot) }
    }

    /// A table as a reboot leaves it: nobody writes, the boot is another.
    private func table(in folder: TemporaryFolder, heartbeat: UInt64) throws -> String {
        let writer = try TableWriter(path: folder.path("table"), identity: "test", now: 1)
        for resource in ["namespaces", "services", "endpointslices"] {
            writer.setStatus(resource: resource, resourceVersion: "1", isSynced: true, now: heartbeat)
        }
        writer.beat(now: heartbeat)
        return folder.path("table")
    }

    @Test("a table beyond the limit is stale and says so; within it, or without a limit, it is not")
    func limit() async throws {
        let folder = try TemporaryFolder()
        let path = try table(in: folder, heartbeat: 100_000_000_000)
        let clock = SetClock()
        let registry = MetricsRegistry()
        let observer = TableObserver(
            path: path, registry: registry, ageLimit: .seconds(60), logger: Logger(label: "test"), clock: clock.now)
        let unlimited = TableObserver(path: path, registry: MetricsRegistry(), logger: Logger(label: "test"), clock: clock.now)
        clock.wall.withLock { $0 = 160_000_000_000 }
        #expect(await !observer.isStale())
        clock.wall.withLock { $0 = 160_000_000_001 }
        #expect(await observer.isStale())
        #expect(await !unlimited.isStale())
        #expect(await observer.isReady([.namespaces, .services, .endpointSlices]))
        #expect(await !observer.isReady([.namespaces, .services, .pods]))
        await observer.publish(needed: [])
        let text = String(decoding: registry.render(), as: UTF8.self)
        #expect(text.contains("mizzen_table_stale 1"))
        #expect(text.contains("mizzen_table_age_seconds 60.000000001"))
    }

    @Test("an age that cannot be told counts as beyond any limit, and is not a number")
    func unknownAge() async throws {
        let folder = try TemporaryFolder()
        let path = try table(in: folder, heartbeat: 100_000_000_000)
        let clock = SetClock()
        let registry = MetricsRegistry()
        let observer = TableObserver(
            path: path, registry: registry, ageLimit: .seconds(60), logger: Logger(label: "test"), clock: clock.now)
        #expect(await observer.isStale())
        await observer.publish(needed: [])
        #expect(String(decoding: registry.render(), as: UTF8.self).contains("mizzen_table_age_seconds NaN"))
    }

    @Test("each file that is not a usable table is named to the operator with what to do")
    func faults() async throws {
        let folder = try TemporaryFolder()
        let path = try table(in: folder, heartbeat: 1)
        let control = try folder.read("table")
        let cases: [(change: (inout [UInt8]) -> Void, words: [String])] = [
            ({ $0[0] = 0x20 }, ["is not a record table", "name another path"]),
            ({ $0[8] = 9 }, ["layout version 9", "run watcher and frontends of one release"]),
            ({ $0[12] = 1 }, ["the other byte order", "remove it"]),
            ({ $0.removeLast(9_000) }, ["cut short (23768 of 32768 bytes)", "remove it"]),
            ({ $0.removeAll() }, ["not there yet", "start mizzen-watcher with --table"]),
        ]
        for (change, words) in cases {
            var bytes = control
            change(&bytes)
            try folder.write(bytes, to: "table")
            let observer = TableObserver(path: path, registry: MetricsRegistry(), logger: Logger(label: "test"))
            let message = try #require(await observer.fault())
            for word in [path] + words { #expect(message.contains(word), "\(message)") }
        }
    }
}
