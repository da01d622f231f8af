import RecordTableWriter
import DeltaStream
import KubernetesClient
import KubernetesObjects
import Logging
import RecordTable
import ServiceLifecycle

/// Compares, from time to time, table and stream with what the API server has, and asks a reflector for a new list where
/// they differ.
///
/// It writes nothing itself. A list comes in the reflector's own order of calls, before or after every event and never
/// between two halves of one, and replaces by diff; so healing cannot race with what the watch brings, and a difference
/// that was none costs one list and changes nothing.
///
/// The server is asked for metadata only, from its cache (`resourceVersion=0`), one resource after the other.
struct DriftCheck: ServiceLifecycle.Service {
    let client: APIClient
    let server: WatchedServer
    let resources: [Resource]
    let demands: [Resource: RelistDemand]
    /// What came while the watcher runs, with the demands of their reflectors.
    var more: @Sendable () -> [Resource: RelistDemand] = { [:] }
    let committer: Committer
    let publisher: Publisher
    let metrics: WatcherMetrics
    let interval: Duration
    let settleTime: Duration
    let logger: Logger

    /// Servers and watches are left alone for so long after an outage.
    static let outageSettleTime: Duration = .seconds(60)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                guard (try? await waitUntilDue()) != nil else { return }
                await checkAll()
            }
        }
    }

    /// Returns after the interval, or a minute or two after an outage: a server that comes back may have had its store restored from a
    /// backup, and its versions may have risen past the old ones again before anybody asked.
    private func waitUntilDue() async throws {
        // Spread, so that watchers which started together do not ask together.
        let end = ContinuousClock.now + interval * Double.random(in: 0.9...1.1)
        let before = server.returns
        var seen = before
        while true {
            let now = ContinuousClock.now
            guard now < end else { return }
            try await Task.sleep(for: min(end - now, Self.outageSettleTime))
            let returns = server.returns
            if returns != before, returns == seen { return }
            seen = returns
        }
    }

    func checkAll() async {
        for resource in resources + more().keys where !Task.isCancelled && publisher.withStore({ $0.isSynced(resource) }) {
            do {
                try await check(resource)
            } catch {
                metrics.driftChecked(resource, result: "failed")
                logger.debug("cannot look for drift", metadata: ["resource": "\(resource)", "error": "\(error)"])
            }
        }
    }

    private func check(_ resource: Resource) async throws {
        let first = try await compare(resource, query: [("resourceVersion", "0")])
        guard !first.findings.isEmpty else {
            metrics.driftChecked(resource, result: "none")
            return
        }
        try await Task.sleep(for: settleTime)
        // Only after a difference, so the server's newest state is worth its price.
        let drift = first.confirmed(by: try await compare(resource, query: []))
        guard let example = drift.min(by: { $0.object < $1.object }) else {
            metrics.driftChecked(resource, result: "none")
            return
        }
        metrics.driftChecked(resource, result: "drift")
        var counts: [Drift.Kind: Int] = [:]
        for finding in drift { counts[finding.kind, default: 0] += 1 }
        for (kind, count) in counts { metrics.drifted(resource, kind: kind, count: count) }
        logger.warning(
            "what is held differs from what the API server has; listing anew",
            metadata: [
                "resource": "\(resource)", "missing": "\(counts[.missing] ?? 0)", "extra": "\(counts[.extra] ?? 0)",
                "different": "\(counts[.different] ?? 0)", "example": "\(example.kind.rawValue) \(example.object)",
            ])
        (demands[resource] ?? more()[resource])?.demand("\(drift.count) objects differ from the API server's, such as \(example.object)")
    }

    private func compare(_ resource: Resource, query: [(name: String, value: String)]) async throws -> Drift {
        var drift = Drift()
        let listed = try await list(resource, query)
        // After the list, so that the watch is rather ahead of it than behind.
        var held: [String: String] = [:]
        var names: Set<String> = []
        for bucket in UInt8.min...UInt8.max {
            let objects = publisher.withStore { $0.snapshot(resource, bucket: bucket)?.objects ?? [] }
            for object in objects {
                held[object.identity.uid] = object.identity.resourceVersion
                names.insert("\(object.identity.namespace)/\(object.identity.name)")
            }
            for object in objects where TableKeeper.holds(resource) {
                let watched = WatchedObject(resource: resource, identity: object.identity, object: object.object)
                guard !committer.tableAgrees(with: watched) else { continue }
                drift.add(
                    Drift.Finding(
                        kind: .different, object: "\(object.identity.namespace)/\(object.identity.name)",
                        held: object.identity.resourceVersion, listed: "record table"))
            }
        }
        for name in committer.tableNames(of: resource) where !names.contains("\(name.namespace)/\(name.name)") {
            drift.add(Drift.Finding(kind: .extra, object: "\(name.namespace)/\(name.name)", held: "record table", listed: ""))
        }
        drift.compare(held: held, listed: listed)
        return drift
    }

    private func list(
        _ resource: Resource, _ query: [(name: String, value: String)]
    ) async throws -> [String: Drift.ListedObject] {
        let limit = Duration.seconds(120)
        return try await withThrowingTaskGroup(of: [String: Drift.ListedObject].self) { group in
            group.addTask {
                let stream = try await client.open(
                    APIRequest(path: resource.listPath, query: query, accept: MetadataForm.accept(list: true)))
                return try await Self.read(stream, resource)
            }
            group.addTask {
                try await Task.sleep(for: limit)
                throw APIError.timeout(server: client.server, after: limit)
            }
            defer { group.cancelAll() }
            return try await group.next() ?? [:]
        }
    }

    /// Keeps identities only, so that a large cluster's list needs little room.
    private static func read(
        _ stream: APIStream, _ resource: Resource
    ) async throws -> [String: Drift.ListedObject] {
        let isJSON = stream.contentType.hasPrefix("application/json")
        var decoder = ListDecoder(encoding: isJSON ? .json : .protobuf, resource: resource)
        var objects: [String: Drift.ListedObject] = [:]
        for try await chunk in stream.body {
            decoder.append(chunk)
            while let item = try decoder.next() {
                let identity = try ObjectIdentity(item)
                let name = identity.namespace.isEmpty ? identity.name : "\(identity.namespace)/\(identity.name)"
                objects[identity.uid] = Drift.ListedObject(name: name, version: identity.resourceVersion)
            }
        }
        _ = try decoder.finish()
        return objects
    }
}
