import Foundation
import TestSupport
import Testing

/// A table on disk across a reboot: real processes, and files as the boot before left them. Code knows a boot by the 16 bytes at 128 of
/// the control file (docs/record-table.md), which these tests change once every process is dead; nothing else is feigned.
@Suite("A reboot with the table on disk", .serialized)
struct RebootProcessTests {
    private static let known = "reboot-1.s1-prod.svc.cluster.local"
    private static let unknown = "never-was.s1-prod.svc.cluster.local"
    private let system: RunningSystem
    private let metricsPort = freePort()

    init() async throws {
        system = try await RunningSystem()
        let corefile = RunningSystem.corefile(port: system.dnsPort)
            .replacing("    errors\n", with: "    errors\n    prometheus 127.0.0.1:\(metricsPort)\n")
        try corefile.write(toFile: system.folder.path("Corefile"), atomically: true, encoding: .utf8)
    }

    private static func service(_ number: Int) -> String {
        #"{"apiVersion":"v1","kind":"Service","metadata":{"name":"reboot-\#(number)","namespace":"s1-prod"},"#
            + #""spec":{"clusterIP":"10.96.202.\#(number)","ports":[{"name":"http","port":80}]}}"#
    }

    /// A watcher fills the table; then everything is killed and the machine is another boot.
    private func fillAndReboot() async throws {
        let watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        for number in 1...60 { try await system.send("POST", "/api/v1/namespaces/s1-prod/services", Self.service(number)) }
        try await eventually("the table has them", within: .seconds(60)) {
            try await report().contains("reboot-60")
        }
        try await watcher.kill()
        var control = try system.folder.read("table")
        for place in 128..<144 { control[place] = control[place] &+ 1 }
        try system.folder.write(control, to: "table")
    }

    private func report() async throws -> String {
        let process = try RunningProcess("mizzen-frontend", ["table", "--table", system.table], in: system.folder)
        guard try await process.exitCode(within: .seconds(60)) == 0 else { throw DidNotHappen(description: process.output) }
        return process.output
    }

    /// Zeroes every other page of the buckets (at 4096, 8 bytes each). Where keys fall is drawn with the table's hash seed, so the half
    /// is taken that leaves the namespace: without it all of its names would be missing, and none could be seen to be answered.
    private func loseHalf() async throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: system.folder.path)
        let data = try #require(files.first { $0.contains(/^table\.[0-9]+$/) })
        let whole = try system.folder.read(data)
        let end = 4096 + (Int(whole[32]) | Int(whole[33]) << 8 | Int(whole[34]) << 16) * 8
        for first in [4096, 8192] {
            var bytes = whole
            for page in stride(from: first, to: end, by: 8192) {
                bytes.replaceSubrange(page..<page + 4096, with: repeatElement(0, count: 4096))
            }
            try system.folder.write(bytes, to: data)
            if try await report().contains(/(?m)^namespace s1-prod\b(?!-)/) { return }
        }
        throw DidNotHappen(description: "neither half of the buckets has the namespace")
    }

    private func startFrontend(_ options: [String] = []) throws -> RunningProcess {
        try RunningProcess(
            "mizzen-frontend", ["--corefile", system.folder.path("Corefile"), "--table", system.table, "--threads", "2"] + options,
            in: system.folder)
    }

    private func metric(_ name: String) async throws -> Double? {
        let text = try await system.fetch("http://127.0.0.1:\(metricsPort)/metrics")
        return text.split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap { Double($0.split(separator: " ")[1]) }
    }

    /// Kinds of questions that DNSProbe does not ask, by dig.
    private func dig(_ words: String...) async throws -> String {
        let process = try RunningProcess(
            "/usr/bin/dig", ["@127.0.0.1", "-p", "\(system.dnsPort)", "+time=2", "+tries=3"] + words, in: system.folder)
        guard try await process.exitCode(within: .seconds(30)) == 0 else { throw DidNotHappen(description: process.output) }
        return process.output
    }

    @Test("the frontend answers before any watcher or API server is there, says how old that is, and goes over to fresh data")
    func reboot() async throws {
        try await fillAndReboot()
        system.cluster.signal(SIGSTOP)
        let frontend = try startFrontend(["--table-age-limit", "2s"])
        try await eventually("it answers from the table") { system.dns.addresses(of: Self.known)?.addresses == ["10.96.202.1"] }
        // The table is read through once, aside, before it is believed that names do not exist.
        try await eventually("a name that never was does not exist") { system.dns.addresses(of: Self.unknown)?.responseCode == 3 }
        for number in 1...60 {
            try await eventually("reboot-\(number)") {
                system.dns.addresses(of: "reboot-\(number).s1-prod.svc.cluster.local")?.addresses == ["10.96.202.\(number)"]
            }
        }
        #expect(try await dig("SRV", "_http._tcp.\(Self.known)").contains("80 \(Self.known)."))
        #expect(try await dig("-x", "10.96.202.7").contains("reboot-7.s1-prod.svc.cluster.local."))
        try await eventually("the age is told and beyond the limit") {
            let age = try await metric("mizzen_table_age_seconds") ?? .nan
            let isStale = try await metric("mizzen_table_stale") == 1
            return age > 2 && age < 600 && isStale
        }
        #expect(try await metric("mizzen_table_damaged") == 0)
        #expect(frontend.output.contains("stale"))
        system.cluster.signal(SIGCONT)
        try await system.send("POST", "/api/v1/namespaces/s1-prod/services", Self.service(61))
        try await system.send("DELETE", "/api/v1/namespaces/s1-prod/services/reboot-60", "{}")
        let watcher = try system.startWatcher()
        try await eventually("the same frontend has what is new, and what is gone is gone", within: .seconds(60)) {
            system.dns.addresses(of: "reboot-61.s1-prod.svc.cluster.local")?.addresses == ["10.96.202.61"]
                && system.dns.addresses(of: "reboot-60.s1-prod.svc.cluster.local")?.responseCode == 3
        }
        try await eventually("it is fresh again") { try await metric("mizzen_table_stale") == 0 }
        #expect(try await frontend.stop() == 0)
        #expect(try await watcher.stop() == 0)
    }

    @Test("where pages of the table were lost, no name that exists is denied, before a watcher has come and after")
    func lostPages() async throws {
        try await fillAndReboot()
        try await loseHalf()

        let frontend = try startFrontend()
        try await eventually("the damage is known", within: .seconds(60)) { try await metric("mizzen_table_damaged") == 1 }
        #expect(frontend.output.contains("has lost records"))
        var found = 0
        func ask() {
            for number in 1...60 {
                guard let answer = system.dns.addresses(of: "reboot-\(number).s1-prod.svc.cluster.local") else { continue }
                #expect(answer.responseCode == 2 || answer.addresses == ["10.96.202.\(number)"], "reboot-\(number): \(answer)")
                found += answer.responseCode == 0 ? 1 : 0
            }
        }
        ask()
        #expect(found > 0 && found < 60)
        #expect(system.dns.addresses(of: Self.unknown)?.responseCode == 2)
        let watcher = try system.startWatcher()
        try await eventually("all names are back", within: .seconds(60)) {
            found = 0
            ask()
            return found == 60
        }
        try await eventually("names that never were do not exist") { system.dns.addresses(of: Self.unknown)?.responseCode == 3 }
        #expect(try await metric("mizzen_table_damaged") == 0)
        #expect(watcher.output.contains("lost records"))
        #expect(try await frontend.stop() == 0)
        #expect(try await watcher.stop() == 0)
    }
}
