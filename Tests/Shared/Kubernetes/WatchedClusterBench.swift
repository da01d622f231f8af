import ClusterSimulator
import KubernetesObjects
import Logging
import Synchronization
import TestSupport

@testable import KubernetesClient

/// Reflectors of every resource of a simulated cluster, over real connections, with what they log and count.
final class WatchedClusterBench: Sendable {
    let simulator: ClusterSimulator
    let observer = Tally()
    let log = RecordedLog()
    private let watched = Mutex<WatchedServer?>(nil)

    /// Whether the server is being asked for a sign of life.
    var isAsking: Bool { watched.withLock { $0?.isAsking ?? false } }

    init(_ settings: ClusterSimulator.Configuration) async throws {
        simulator = ClusterSimulator(settings)
        try await simulator.start()
    }

    /// Counts what has been asked for, what came, and what failed.
    final class Tally: ReflectorObserver {
        struct Counts: Sendable {
            var lists = 0
            var watches = 0
            var bookmarks = 0
            var events = 0
            var failures: [String: Int] = [:]
        }

        private let kept = Mutex(Counts())
        var counts: Counts { kept.withLock { $0 } }

        func listStarted(_ resource: Resource) {}
        func listEnded(_ resource: Resource, items: Int, duration: Duration) { kept.withLock { $0.lists += 1 } }
        func watchStarted(_ resource: Resource) { kept.withLock { $0.watches += 1 } }
        func event(_ resource: Resource, kind: WatchEventKind) {
            kept.withLock { if kind == .bookmark { $0.bookmarks += 1 } else { $0.events += 1 } }
        }
        func failed(_ resource: Resource, cause: String) { kept.withLock { $0.failures[cause, default: 0] += 1 } }
    }

    /// Takes everything and keeps nothing.
    private struct Drain: ReflectorSink {
        func listBegan(_ resource: Resource) async {}
        func upsert(_ object: WatchedObject) async {}
        func delete(_ object: WatchedObject) async {}
        func listEnded(_ resource: Resource, resourceVersion: String) async {}
        func bookmark(_ resource: Resource, resourceVersion: String) async {}
        func undecodable(_ resource: Resource, reason: String) async {}
    }

    /// Watches all resources while `body` runs.
    /// - Parameters:
    ///   - url: where the cluster answers, or what passes connections on to it.
    ///   - connection: the limits of HTTP/2 connections.
    ///   - server: the limits of the server behind them.
    func watch(
        _ url: String, connection: SilenceLimits = SilenceLimits(),
        server: SilenceLimits = SilenceLimits(quiet: .seconds(45), answer: .seconds(15)),
        options: Reflector.Options = Reflector.Options(), clock: any ReflectorClock = SystemReflectorClock(),
        _ body: @Sendable @escaping () async throws -> Void
    ) async throws {
        let configuration = try ClientConfiguration(
            server: url, token: "simulator-administrator", authorities: Array(simulator.certificateAuthority.utf8))
        let client = try APIClient(configuration, silenceLimits: connection, logger: log.logger)
        let watched = WatchedServer(client, limits: server, clock: clock, logger: log.logger)
        self.watched.withLock { $0 = watched }
        let result = await withTaskGroup(of: Void.self) { group in
            for resource in Resource.all {
                let reflector = Reflector(
                    server: watched, resource: resource, sink: Drain(), observer: observer, options: options, logger: log.logger)
                group.addTask { await reflector.run() }
            }
            let result = await Task { try await body() }.result
            group.cancelAll()
            return result
        }
        try await client.shutdown()
        await simulator.stop()
        try result.get()
    }

    /// Waits until every resource is watched.
    func isWatching() async throws {
        try await eventually("all lists are complete") { observer.counts.lists >= Resource.all.count }
    }
}
