import AccessReview
import ClusterSimulator
import KubernetesClient
import KubernetesObjects
import MizzenSystem
import ProcessRuntime
import RecordTableWriter
import Synchronization
import TestSupport
import Testing

@testable import Collector

/// What a cluster has told of whom to trust, over the end of the process that it was told to.
@Suite("Whom the process before trusted")
struct ToldTrustTests {
    private static let name = "extension-apiserver-authentication"
    private static let second: UInt64 = 1_000_000_000

    private let folder: TemporaryFolder
    private let log = RecordedLog()

    init() throws { folder = try TemporaryFolder() }

    private func table() throws -> SampleTable {
        try SampleTable(
            path: folder.path("samples"), collector: "c", followed: "one", registry: MetricsRegistry(), logger: CapturedCluster.silent)
    }

    private func cluster() async throws -> (ClusterSimulator, APIClient) {
        var settings = ClusterSimulator.Configuration()
        settings.metricsAPI = "https://127.0.0.1:1"
        let cluster = ClusterSimulator(settings)
        try await cluster.start()
        return (cluster, try APIClient(.kubeconfig(path: cluster.kubeconfigPath), logger: CapturedCluster.silent))
    }

    /// A process of its own, as far as whom it trusts goes.
    private func next(_ client: APIClient?, _ table: SampleTable, at second: UInt64) -> (AuthenticationLookup, ClientCertificates) {
        let certificates = ClientCertificates()
        let lookup = AuthenticationLookup(
            certificates, files: .init(), client: client, keeper: table, now: { second * Self.second }, logger: log.logger)
        lookup.goOn()
        return (lookup, certificates)
    }

    @Test(
        "it is gone on with at once if it is of just now, else once the server was asked in vain, and not where the server says otherwise")
    func ages() async throws {
        let (cluster, client) = try await cluster()
        let table = try table()
        let (first, before) = next(client, table, at: 1000)
        #expect(before.trust.frontProxies.isEmpty)
        #expect(await first.look() == nil)
        let told = before.trust
        #expect(told.frontProxies.count == 1 && log.count("going on with what the cluster told last") == 0)

        #expect(next(client, table, at: 1020).1.trust == told, "a process that had lived could not know better")
        #expect(log.count("going on with what the cluster told last") == 1)
        #expect(next(client, table, at: 1021).1.trust.frontProxies.isEmpty, "it would have heard of a change by now")

        // Unreadable: who lives goes on with it, and so does who comes late.
        try cluster.delete(.configMaps, namespace: "kube-system", name: Self.name)
        let (late, trusting) = next(client, table, at: 5000)
        #expect(await late.look() != nil)
        #expect(trusting.trust == told && log.count("going on with what the cluster told last") == 2)
        #expect(await late.look() != nil)
        #expect(log.count("going on with what the cluster told last") == 2, "said once")
        // From there on it is of just now.
        #expect(next(client, table, at: 5020).1.trust == told)
        try await client.shutdown()
        await cluster.stop()
    }

    @Test("what the server says takes its place at once, and the old one does not come back")
    func replaced() async throws {
        let (cluster, client) = try await cluster()
        let table = try table()
        let (first, _) = next(client, table, at: 1000)
        #expect(await first.look() == nil)
        try cluster.change(.configMaps, namespace: "kube-system", name: Self.name) { map in
            let clients = map["data"]?["client-ca-file"]
            map["data"]?["requestheader-client-ca-file"] = clients
            map["data"]?["something-else"] = "is not kept"
        }
        let (late, certificates) = next(client, table, at: 5000)
        #expect(certificates.trust.frontProxies.isEmpty)
        #expect(await late.look() == nil)
        let changed = certificates.trust
        #expect(changed.frontProxies == changed.clients && changed.clients.count == 1)
        #expect(next(client, table, at: 5001).1.trust == changed)
        #expect(table.told()?.data.count == 7)
        try await client.shutdown()
        await cluster.stop()
    }

    @Test("it is of no use to who asks another server, or none, nor where it is of the future")
    func others() async throws {
        let (cluster, client) = try await cluster()
        let (other, otherClient) = try await self.cluster()
        let table = try table()
        for (asks, second) in [(otherClient, 1001), (nil, 1001), (client, 999)] as [(APIClient?, UInt64)] {
            #expect(await next(client, table, at: 1000).0.look() == nil)
            #expect(table.told() != nil)
            #expect(next(asks, table, at: second).1.trust.frontProxies.isEmpty)
            #expect(table.told() == nil, "at \(second)")
        }
        for client in [client, otherClient] { try await client.shutdown() }
        for cluster in [cluster, other] { await cluster.stop() }
    }

    @Test("it is kept whole however long it is, stays when the samples have ended, and is not taken from bytes that say something else")
    func record() throws {
        let long = ToldTrust(server: "s", data: ["client-ca-file": String(repeating: "é", count: 100_000)], heldAt: .max)
        do {
            let table = try table()
            table.keep(long)
            table.removeAll()
        }
        #expect(try table().told() == long)
        for text in ["", "{", #"{"server":"s","data":{"client-ca-file":7},"heldAt":1}"#, #"{"server":"s","data":{},"heldAt":-1}"#] {
            do {
                let raw = try KeptTable(path: folder.path("samples"), identity: "c", format: "2 one", now: 1)
                #expect(raw.loss == nil)
                try raw.put(.init("trust", "told"), Array(text.utf8))
            }
            #expect(try table().told() == nil, "\(text)")
        }
        let table = try table()
        table.keep(ToldTrust(server: "s", data: ["client-ca-file": "no certificate"], heldAt: 1))
        let certificates = ClientCertificates()
        // Without a server nobody looks; with what cannot be read nobody is let in.
        AuthenticationLookup(certificates, files: .init(), client: nil, keeper: table, logger: log.logger).goOn()
        #expect(table.told() == nil && certificates.trust.clients.isEmpty)
        // Larger than any record: what was kept before is not left in its place.
        table.keep(long)
        table.keep(ToldTrust(server: "s", data: ["client-ca-file": String(repeating: "x", count: 5 << 20)], heldAt: 1))
        #expect(table.told() == nil)
    }
}
