import Foundation
import KubernetesClient
import KubernetesObjects
import Synchronization
import Testing

/// Against a server that the tester chose; skipped unless `MIZZEN_TEST_KUBECONFIG` names a kubeconfig.
@Suite(
    "Reflectors of a server that is named in the environment", .timeLimit(.minutes(1)),
    .enabled(if: ProcessInfo.processInfo.environment["MIZZEN_TEST_KUBECONFIG"] != nil))
struct ReflectorLiveTests {
    /// Counts what each resource brings, and says when all lists are complete.
    final class Tally: ReflectorSink, ReflectorObserver {
        struct Counts {
            var items: [String: Int] = [:]
            var undecodable = 0
            var failures: [String: Int] = [:]
            var finished: Set<String> = []
        }

        let counts = Mutex(Counts())
        let (done, isDone) = AsyncStream.makeStream(of: Void.self)

        private func finish(_ resource: Resource) {
            let all = counts.withLock { counts in
                counts.finished.insert(resource.plural)
                return counts.finished.count == Resource.all.count
            }
            if all { isDone.finish() }
        }

        func listBegan(_ resource: Resource) async {}
        func upsert(_ object: WatchedObject) async {
            counts.withLock { $0.items[object.resource.plural, default: 0] += 1 }
        }
        func delete(_ object: WatchedObject) async {}
        func listEnded(_ resource: Resource, resourceVersion: String) async { finish(resource) }
        func bookmark(_ resource: Resource, resourceVersion: String) async {}
        func undecodable(_ resource: Resource, reason: String) async { counts.withLock { $0.undecodable += 1 } }

        func listStarted(_ resource: Resource) {}
        func listEnded(_ resource: Resource, items: Int, duration: Duration) {}
        func watchStarted(_ resource: Resource) {}
        func event(_ resource: Resource, kind: WatchEventKind) {}
        func failed(_ resource: Resource, cause: String) {
            counts.withLock { $0.failures[cause, default: 0] += 1 }
            // Servers of other versions lack a resource or two.
            if cause == "not_found" { finish(resource) }
        }
    }

    @Test("every resource is listed, and every object decodes")
    func everything() async throws {
        let path = try #require(ProcessInfo.processInfo.environment["MIZZEN_TEST_KUBECONFIG"])
        let client = try APIClient(ClientConfiguration.kubeconfig(path: path), logger: quiet)
        let tally = Tally()
        let server = WatchedServer(client, logger: quiet)
        await withTaskGroup(of: Void.self) { group in
            for resource in Resource.all {
                let reflector = Reflector(
                    server: server, resource: resource, sink: tally, observer: tally, logger: quiet)
                group.addTask { await reflector.run() }
            }
            for await _ in tally.done {}
            group.cancelAll()
        }
        try await client.shutdown()
        let counts = tally.counts.withLock { $0 }
        #expect(counts.undecodable == 0)
        #expect(counts.items["pods", default: 0] > 0)
        #expect(counts.items["services", default: 0] > 0)
        Attachment.record("items \(counts.items.sorted { $0.key < $1.key }), failures \(counts.failures)", named: "counts")
    }
}
