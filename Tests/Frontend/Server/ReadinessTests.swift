import Logging
import ProcessRuntime
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

@Suite("/ready while a table fills")
struct ReadinessTests {
    /// What `/ready` says under these options once these resources are listed, and what the metric says of the same.
    private func status(_ options: String, synced: [String]) async throws -> (ready: Int, metric: Bool) {
        let folder = try TemporaryFolder()
        let writer = try TableWriter(path: folder.path("table"), identity: "test", now: 1)
        for resource in synced { writer.setStatus(resource: resource, resourceVersion: "1", isSynced: true, now: 1) }
        writer.beat(now: 1)
        try folder.write(Array(".:0 {\n ready\n prometheus\n kubernetes cluster.local {\n \(options)\n }\n}\n".utf8), to: "Corefile")
        let control = try FrontendControl(
            options: .init(corefile: folder.path("Corefile"), table: folder.path("table"), threads: 1),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let ready = await control.ready().status
        await control.publish()
        let text = String(decoding: control.metrics.render(), as: UTF8.self)
        return (ready, text.contains("mizzen_table_synced 1\n"))
    }

    @Test(
        "readiness and its metric wait for what the options need, and for nothing else",
        arguments: [
            ("pods verified", ["namespaces", "services", "endpointslices", "pods"], true),
            ("pods verified", ["namespaces", "services", "endpointslices"], false),
            ("pods insecure", ["namespaces", "services", "endpointslices"], true),
            ("noendpoints", ["namespaces", "services"], true),
            ("", ["namespaces", "services"], false), ("", ["namespaces", "endpointslices"], false),
            ("", ["services", "endpointslices"], false), ("", [], false),
        ])
    func waits(options: String, synced: [String], isReady: Bool) async throws {
        let (status, metric) = try await status(options, synced: synced)
        #expect(status == (isReady ? 200 : 503))
        #expect(metric == isReady)
    }
}
