import Foundation
import TestSupport
import Testing

/// `--keep` over restarts, stops, kills and changes of options.
@Suite("What an exporter keeps over a restart, in separate processes", .serialized)
struct ExporterKeepProcessTests {
    private struct Answer {
        var status: Int
        /// Seconds; nil for what is current.
        var age: Int?
        var lines: [String]
    }

    /// A running exporter with `--keep`.
    private final class Keeping {
        let system: RunningSystem
        let process: RunningProcess
        let port = freePort()
        let telemetryPort = freePort()

        init(_ system: RunningSystem, _ more: [String] = ["--resources=pods,nodes,services"]) throws {
            self.system = system
            process = try RunningProcess(
                "mizzen-exporter",
                system.streamOptions + [
                    "--samples", "", "--host=127.0.0.1", "--port=\(port)", "--telemetry-host=127.0.0.1",
                    "--telemetry-port=\(telemetryPort)",
                    "--keep", system.folder.path("kept"), "--keep-interval=1s", "--enable-gzip-encoding",
                ] + more, in: system.folder)
        }

        /// nil while nobody listens.
        func scrape(_ path: String = "/metrics", _ options: [String] = []) async -> Answer? {
            guard let text = try? await system.fetch("http://127.0.0.1:\(port)\(path)", ["--no-fail", "--include"] + options),
                let end = text.range(of: "\r\n\r\n")
            else { return nil }
            let head = text[..<end.lowerBound].split(separator: "\r\n")
            let age = head.first { $0.lowercased().hasPrefix("age: ") }.flatMap { Int($0.dropFirst(5)) }
            return Answer(
                status: head.first.flatMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } } ?? 0, age: age,
                lines: text[end.upperBound...].split(separator: "\n").map(String.init))
        }

        func telemetry() async throws -> String { try await system.fetch("http://127.0.0.1:\(telemetryPort)/metrics") }

        /// The first answer, whatever it is.
        func first() async throws -> Answer {
            var answer: Answer?
            try await eventually("the exporter answers") {
                answer = await self.scrape()
                return answer != nil
            }
            return try #require(answer)
        }

        func untilCurrent() async throws -> Answer {
            var answer: Answer?
            try await eventually("the exporter has everything") {
                answer = await self.scrape()
                return answer?.status == 200 && answer?.age == nil
            }
            return try #require(answer)
        }

        func untilKept() async throws {
            let before = try await writes()
            try await eventually("the file is written") { try await self.writes() > before }
        }

        private func writes() async throws -> Int {
            let name = #"mizzen_exporter_kept_writes_total{result="success"} "#
            return try await telemetry().split(separator: "\n").first { $0.hasPrefix(name) }.flatMap { Int($0.dropFirst(name.count)) } ?? 0
        }
    }

    private static func samples(_ lines: [String]) -> [String] {
        lines.filter { !$0.hasPrefix("#") && !$0.hasPrefix("mizzen_exporter_kept_age_seconds") }.sorted()
    }

    private func started() async throws -> (RunningSystem, RunningProcess) {
        let system = try await RunningSystem()
        let watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        return (system, watcher)
    }

    @Test("after a restart the first answer is what was kept, with its age; when everything is here, what is current")
    func restart() async throws {
        let (system, watcher) = try await started()
        let before = try Keeping(system)
        let current = try await before.untilCurrent()
        #expect(try await system.fetch("http://127.0.0.1:\(before.port)/readyz") == "OK: what is served is current")
        #expect(try await watcher.stop() == 0)
        #expect(try await before.process.stop() == 0)

        // Nobody is there who could make it whole.
        let after = try Keeping(system)
        let kept = try await after.first()
        #expect(kept.status == 200 && kept.age != nil)
        #expect(Self.samples(kept.lines) == Self.samples(current.lines) && kept.lines.count > 1000)
        let ages = kept.lines.filter { $0.hasPrefix("mizzen_exporter_kept_age_seconds{") }
        #expect(
            ages.map { $0.split(separator: "}")[0] }
                == ["nodes", "pods", "services"].map { "mizzen_exporter_kept_age_seconds{resource=\"\($0)\"" })
        #expect(try await system.fetch("http://127.0.0.1:\(after.port)/readyz").hasPrefix("OK: what was kept "))
        #expect(try await system.fetch("http://127.0.0.1:\(after.telemetryPort)/readyz").hasPrefix("OK: what was kept "))
        let telemetry = try await after.telemetry()
        let age = try #require(telemetry.split(separator: "\n").first { $0.hasPrefix("mizzen_exporter_kept_age_seconds ") })
        #expect((Double(age.split(separator: " ")[1]) ?? 0) > 0)

        // Formats and choices are those of what is current.
        let nodes = try #require(await after.scrape("/metrics?resources=nodes"))
        #expect(Self.samples(nodes.lines) == Self.samples(current.lines).filter { $0.hasPrefix("kube_node_") })
        #expect(nodes.lines.filter { $0.hasPrefix("mizzen_exporter_kept_age_seconds{") }.count == 1)
        let open = try #require(await after.scrape("/metrics", ["--header", "Accept: application/openmetrics-text"]))
        #expect(open.lines.last == "# EOF" && Self.samples(open.lines).count == Self.samples(kept.lines).count)
        let unzipped = try #require(await after.scrape("/metrics", ["--compressed"]))
        #expect(Self.samples(unzipped.lines) == Self.samples(current.lines) && unzipped.age != nil)

        let again = try system.startWatcher()
        let whole = try await after.untilCurrent()
        #expect(!whole.lines.contains { $0.contains("mizzen_exporter_kept_age_seconds") })
        #expect(Self.samples(whole.lines).count == Self.samples(current.lines).count)
        #expect(try await after.telemetry().contains("\nmizzen_exporter_kept_age_seconds 0\n"))
        _ = again
    }

    @Test(
        "what was kept under other options, or as another shard, is refused with the difference; what a changed options file leads to is kept"
    )
    func otherOptions() async throws {
        let (system, watcher) = try await started()
        let config = ["--config", system.folder.path("options.yaml")]
        try system.folder.write(Array("resources: {pods: {}}".utf8), to: "options.yaml")
        let first = try Keeping(system, config)
        #expect(try await first.untilCurrent().lines.contains { $0.hasPrefix("kube_pod_info{") })
        try await first.untilKept()
        // What is kept afterwards was made under the changed options.
        try system.folder.write(Array("resources: {nodes: {}}".utf8), to: "options.yaml")
        try await eventually("nodes are served") { await first.scrape()?.lines.contains { $0.hasPrefix("kube_node_info{") } == true }
        try await first.untilKept()
        try await first.process.kill()
        #expect(try await watcher.stop() == 0)

        let same = try Keeping(system, config)
        let kept = try await same.first()
        #expect(kept.status == 200 && kept.age != nil && kept.lines.contains { $0.hasPrefix("kube_node_info{") })
        #expect(!kept.lines.contains { $0.hasPrefix("kube_pod_info{") })
        #expect(try await same.process.stop() == 0)

        for (options, words, reason) in [
            (["--resources=pods"], "these options had other values: resources", "options"),
            (config + ["--shard=1", "--total-shards=2"], "it is of shard 0 of 1, and this is 1 of 2", "shard"),
            (config + ["--keep-age-limit=0s"], "older than --keep-age-limit", "age"),
        ] {
            let other = try Keeping(system, options)
            #expect(try await other.first().status == 503)
            #expect(other.process.output.contains(words), "\(other.process.output)")
            #expect(try await other.telemetry().contains(#"mizzen_exporter_kept_refused_total{reason="\#(reason)"} 1"#))
            // Nothing is there to be kept: the file stays as it is.
            #expect(try await other.process.stop() == 0)
        }
        let still = try Keeping(system, config)
        #expect(try await still.first().status == 200)
    }

    @Test("an exporter that is killed while it writes leaves a file that is served, and one that is cut short is refused")
    func killed() async throws {
        let (system, watcher) = try await started()
        let path = system.folder.path("kept")
        for round in 0..<(isSoak ? 100 : 6) {
            let exporter = try Keeping(system)
            // A write is over within milliseconds, so it is not looked for at `eventually`'s leisure.
            let end = ContinuousClock.now + .seconds(30)
            while !FileManager.default.fileExists(atPath: path + ".new"), ContinuousClock.now < end { usleep(200) }
            // To kill it at another moment of the write, or just after it, each time.
            usleep(UInt32(round * 2_654_435 % 4000))
            try await exporter.process.kill()
            guard FileManager.default.fileExists(atPath: path) else { continue }
            let next = try Keeping(system)
            #expect(try await next.first().status == 200)
            #expect(next.process.output.contains("what was kept is served"), "\(next.process.output)")
            try await next.process.kill()
        }
        let last = try Keeping(system)
        _ = try await last.untilCurrent()
        #expect(try await last.process.stop() == 0)
        #expect(!FileManager.default.fileExists(atPath: path + ".new"))
        #expect(try await watcher.stop() == 0)
        var bytes = try Data(contentsOf: URL(filePath: path))
        try bytes.prefix(bytes.count / 2).write(to: URL(filePath: path))
        let cut = try Keeping(system)
        #expect(try await cut.first().status == 503)
        #expect(cut.process.output.contains("it is damaged: at byte"))
        #expect(try await cut.telemetry().contains(#"mizzen_exporter_kept_refused_total{reason="damaged"} 1"#))
        #expect(try await cut.process.stop() == 0)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(filePath: path))
        let flipped = try Keeping(system)
        #expect(try await flipped.first().status == 503)
        #expect(flipped.process.output.contains("the checksum of the block there is another"))
    }

    @Test("a file that cannot be written is a warning with a remedy and a counter, once, and scrapes go on")
    func unwritable() async throws {
        let (system, watcher) = try await started()
        try FileManager.default.createDirectory(atPath: system.folder.path("directory"), withIntermediateDirectories: false)
        for (path, reason, remedy) in [
            (system.folder.path("nowhere/kept"), "open: no such file or directory", "make its directory"),
            (system.folder.path("directory"), "is a directory", "name a file with --keep"),
        ] {
            let exporter = try Keeping(system, ["--resources=nodes", "--keep", path])
            let failures = #"mizzen_exporter_kept_writes_total{result="error"} "#
            try await eventually("it was tried twice") { try await exporter.telemetry().contains(failures + "2") }
            #expect(try await exporter.untilCurrent().lines.contains { $0.hasPrefix("kube_node_info{") })
            let complaints = exporter.process.output.split(separator: "\n").filter { $0.contains("what is served cannot be kept") }
            #expect(complaints.count == 1 && complaints[0].contains(reason) && complaints[0].contains(remedy), "\(exporter.process.output)")
            #expect(try await exporter.process.stop() == 0)
        }
        _ = watcher
    }

    @Test("several threads serve what one serves")
    func threads() async throws {
        let (system, watcher) = try await started()
        func served(_ program: String, _ arguments: [String]) async throws -> [String] {
            let port = freePort()
            let process = try RunningProcess(
                program,
                arguments + system.streamOptions + [
                    "--samples", "", "--host=127.0.0.1", "--port=\(port)", "--telemetry-host=127.0.0.1", "--telemetry-port=\(freePort())",
                    "--resources=pods,nodes,services,endpointslices,secrets",
                ], in: system.folder)
            var text = ""
            try await eventually("everything is there") {
                guard let whole = try? await system.fetch("http://127.0.0.1:\(port)/metrics") else { return false }
                text = whole
                return true
            }
            #expect(try await process.stop() == 0)
            return text.split(separator: "\n").map(String.init)
        }
        let exporter = RunningProcess.folder.appending(path: "mizzen-exporter").path
        let all = try await served(exporter, [])
        let one = try await served("/usr/bin/taskset", ["--cpu-list", "0", exporter])
        #expect(all == one && all.count > 2000)
        _ = watcher
    }
}
