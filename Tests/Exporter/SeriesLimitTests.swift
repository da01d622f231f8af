import ArgumentParser
import AsyncHTTPClient
import NIOCore
import ProcessRuntime
import TestSupport
import Testing

@testable import Exporter

/// `--series-limit`: a family with too many series is left out whole, and told.
@Suite struct SeriesLimitTests {
    private func limits(_ words: String...) throws -> SeriesLimits { try SeriesLimits(words, known: FamilyRegistry.names) }

    @Test("limits are lists of families and numbers; of two for one family the later counts")
    func syntax() throws {
        #expect(
            try limits("kube_pod_info=10, kube_pod_created = 20,,", "kube_pod_info=30").limits == [
                "kube_pod_info": 30, "kube_pod_created": 20,
            ])
        #expect(try limits("mizzen_pod_memory_working_set_bytes=1").limits.count == 1)
        #expect(try SeriesLimits(["kube_customresource_x=5"]).limits == ["kube_customresource_x": 5])
    }

    @Test(
        "what cannot be read is refused with the flag, the text and what to write",
        arguments: [
            ("kube_pod_info", "cannot read 'kube_pod_info'; expected a family and a number"), ("=5", "cannot read '=5'"),
            ("kube_pod_info=", "'' is no number of series for kube_pod_info"), ("kube_pod_info=many", "'many' is no number"),
            ("kube_pod_info=0", "--metric-denylist"), ("kube_pod_info=-1", "expected one from 1 on"),
            ("kube_pod_info=99999999999", "is no number"),
            ("kube_pod_inf=5", "there is no family 'kube_pod_inf'"), ("kube_pod_.*=5", "`mizzen-exporter families` lists them"),
        ])
    func refused(text: String, mentions: String) throws {
        let command = try ExporterCommand.parse(["--series-limit=\(text)"])
        let error = #expect(throws: ProcessError.self) { _ = try ExporterConfiguration(command) }
        #expect(error?.place == "--series-limit" && error?.code == ExitStatus.usage)
        #expect(error?.message.contains(mentions) == true, "\(error?.message ?? "")")
    }

    @Test("a family of custom resources is taken where there may be some; a family that is not served is told")
    func others() throws {
        let customs = try ExporterCommand.parse(["--series-limit=kube_customresource_x=5", "--custom-resource-state-config=kind: x"])
        #expect(try ExporterConfiguration(customs).warnings.isEmpty)
        let command = try ExporterCommand.parse(["--series-limit=kube_pod_info=5", "--resources=nodes"])
        #expect(
            try ExporterConfiguration(command).warnings == ["--series-limit: 'kube_pod_info' is not served, so there is nothing to limit"])
    }

    private func text(_ exporter: ExporterUnderTest, _ limiter: SeriesLimiter) -> String {
        var text = ByteBuffer()
        for chunk in Exposition(exporter.feed.sections, format: .text, limiter: limiter) { chunk.print(into: &text) }
        return String(buffer: text)
    }

    private func metrics(_ registry: MetricsRegistry) -> [String] {
        String(decoding: registry.render(), as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("mizzen_exporter_series") }
            .map { String($0.dropFirst("mizzen_exporter_series".count)) }
    }

    @Test("a family is cut whole above its limit and comes back a tenth below it, with one line each; others keep every series")
    func cutAndBack() throws {
        let (registry, log) = (MetricsRegistry(), RecordedLog())
        let exporter = try ExporterUnderTest()
        let limiter = SeriesLimiter(registry: registry, logger: log.logger)
        let sections = exporter.feed.sections
        limiter.adopt(try limits("kube_pod_restart_policy=200")) { sections }
        var pods = try (0..<200).map { try pod("p\($0)") }
        for pod in pods { exporter.upsert(pod) }
        func samples(_ family: String) -> Int { text(exporter, limiter).split(separator: "\n").count { $0.hasPrefix("\(family){") } }
        #expect(samples("kube_pod_restart_policy") == 200 && log.lines.isEmpty)
        #expect(
            metrics(registry).sorted() == [
                #"_cut{family="kube_pod_restart_policy"} 0"#, #"_limit{family="kube_pod_restart_policy"} 200"#,
                #"{family="kube_pod_restart_policy"} 200"#,
            ])
        let whole = exporter.lines().count

        pods.append(try pod("p200"))
        exporter.upsert(pods[200])
        #expect(samples("kube_pod_restart_policy") == 0)
        let cut = text(exporter, limiter)
        // Everything else is there, the family's headers too.
        #expect(cut.split(separator: "\n").filter { !$0.hasPrefix("# HELP") }.count == exporter.lines().count - 201 && whole > 201)
        #expect(cut.contains("# TYPE kube_pod_restart_policy gauge\n"))
        #expect(log.count("a family has more series than its limit") == 1 && log.lines.count == 1)
        #expect(log.count("family=kube_pod_restart_policy limit=200 series=201") == 1 && log.count("back_at=180") == 1)
        #expect(metrics(registry).contains(#"_cut{family="kube_pod_restart_policy"} 1"#))
        #expect(metrics(registry).contains(#"{family="kube_pod_restart_policy"} 201"#))

        // As many as the limit, and less: not yet few enough.
        for pod in pods[181...] { exporter.delete(pod) }
        #expect(samples("kube_pod_restart_policy") == 0 && log.lines.count == 1)
        exporter.delete(pods[180])
        #expect(samples("kube_pod_restart_policy") == 180)
        #expect(log.lines.count == 2 && log.count("is served again") == 1)
        for pod in pods[180..<200] { exporter.upsert(pod) }
        #expect(samples("kube_pod_restart_policy") == 200 && log.lines.count == 2)
    }

    @Test("every format leaves the family out, and says the size that it sends")
    func formats() throws {
        let exporter = try ExporterUnderTest(captured: [])
        let limiter = SeriesLimiter(registry: MetricsRegistry(), logger: RecordedLog().logger)
        let sections = exporter.feed.sections
        limiter.adopt(try limits("kube_pod_status_phase=1")) { sections }
        for format in [ExpositionFormat.text, .openMetrics] {
            let exposition = Exposition(sections, format: format, limiter: limiter)
            var text = ByteBuffer()
            for chunk in exposition { chunk.print(into: &text) }
            #expect(exposition.size == text.readableBytes)
            let (cut, whole) = (String(buffer: text), exporter.exposition(format))
            #expect(whole.contains("kube_pod_status_phase{") && !cut.contains("kube_pod_status_phase{"))
            #expect(cut == whole.split(separator: "\n").filter { !$0.hasPrefix("kube_pod_status_phase{") }.joined(separator: "\n") + "\n")
        }
        func size(_ limiter: SeriesLimiter?) -> Int { ExporterUnderTest.bytes(of: ProtobufExposition(sections, limiter: limiter)).count }
        #expect(size(limiter) < size(nil))
    }

    @Test(
        "when limits change, a family whose limit stays is as it was, a raised one comes back at once, and one without has no metrics any more"
    )
    func changes() throws {
        let (registry, log) = (MetricsRegistry(), RecordedLog())
        let exporter = try ExporterUnderTest()
        let sections = exporter.feed.sections
        let limiter = SeriesLimiter(registry: registry, logger: log.logger)
        for number in 0..<100 { exporter.upsert(try pod("p\(number)")) }
        limiter.adopt(try limits("kube_pod_restart_policy=99,kube_pod_service_account=99")) { sections }
        #expect(!text(exporter, limiter).contains("kube_pod_restart_policy{") && log.lines.count == 2)
        // One series less than the limit, which is not few enough for a limit that stays.
        for number in [0, 1] { exporter.delete(try pod("p\(number)")) }
        limiter.adopt(try limits("kube_pod_restart_policy=99,kube_pod_service_account=98")) { sections }
        let now = text(exporter, limiter)
        #expect(!now.contains("kube_pod_restart_policy{") && now.contains("kube_pod_service_account{"))
        #expect(log.lines.count == 3)
        limiter.adopt(SeriesLimits()) { sections }
        #expect(text(exporter, limiter).contains("kube_pod_restart_policy{"))
        #expect(metrics(registry).isEmpty && log.lines.count == 3)
    }

    @Test("a scrape over HTTP has the family or has it not, by the limit that is in force")
    func scrape() async throws {
        let exporter = try ExporterUnderTest(captured: ["--resources=nodes"])
        let log = RecordedLog()
        let limiter = SeriesLimiter(registry: exporter.telemetry.registry, logger: log.logger)
        let sections = exporter.feed.sections
        try await exporter.serving(limiter: limiter) { addresses in
            func scrape(_ address: HTTPAddress) async throws -> String {
                let response = try await HTTPClient.shared.execute(
                    HTTPClientRequest(url: "http://\(address)/metrics"), timeout: .seconds(30))
                return String(buffer: try await response.body.collect(upTo: 1 << 26))
            }
            #expect(try await scrape(addresses.main).contains("kube_node_info{"))
            limiter.adopt(try SeriesLimits(["kube_node_info=1"])) { sections }
            let cut = try await scrape(addresses.main)
            #expect(!cut.contains("kube_node_info{") && cut.contains("kube_node_created{"))
            #expect(try await scrape(addresses.telemetry).contains("mizzen_exporter_series_cut{family=\"kube_node_info\"} 1\n"))
        }
        #expect(log.lines.count == 1)
    }
}
