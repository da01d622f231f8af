import Foundation
import Glibc
import TestSupport
import Testing

/// A real frontend under faults of its surroundings.
@Suite("A frontend's faults", .serialized)
struct FrontendFaultProcessTests {
    private static func corefile(_ port: UInt16, _ http: UInt16) -> String {
        """
        .:\(port) {
            bind 127.0.0.1
            errors
            prometheus 127.0.0.1:\(http)
            hosts /nonexistent {
                192.0.2.1 good.example.org
                fallthrough
            }
        }

        """
    }

    @Test("standard error is a full pipe that nobody reads: 10,000 failing queries, good ones are answered as before, losses are counted")
    func stalledLog() async throws {
        let folder = try TemporaryFolder()
        let (port, http) = (freePort(), freePort())
        try folder.write(Array(Self.corefile(port, http).utf8), to: "Corefile")
        let log = Pipe()
        let frontend = Process()
        frontend.executableURL = RunningProcess.folder.appending(path: "mizzen-frontend")
        frontend.arguments = ["--corefile", folder.path("Corefile"), "--table", folder.path("table"), "--threads", "1"]
        frontend.standardError = log
        try frontend.run()
        defer { if frontend.isRunning { kill(frontend.processIdentifier, SIGKILL) } }
        let dns = DNSProbe(port: port)
        let good = DNSProbe.Answer(responseCode: 0, addresses: ["192.0.2.1"])
        try await eventually("it serves") { dns.addresses(of: "good.example.org") == good }
        for number in 0..<10_000 {
            // No answer within half a second is nil.
            try #require(dns.addresses(of: "bad\(number).example.org")?.responseCode == 2)
            if number % 100 == 0 { try #require(dns.addresses(of: "good.example.org") == good) }
        }
        let curl = try RunningProcess("/usr/bin/curl", ["--silent", "http://127.0.0.1:\(http)/metrics"], in: folder)
        _ = try await curl.exitCode(within: .seconds(10))
        let dropped = try #require(curl.output.firstMatch(of: /mizzen_log_lines_dropped_total\{stream="stderr"\} (\d+)/)).1
        #expect(Int(dropped) ?? 0 > 0)
        kill(frontend.processIdentifier, SIGTERM)
        try await eventually("it ends though its log does not", within: .seconds(10)) { !frontend.isRunning }
        #expect(frontend.terminationStatus == 0)
        _ = log
    }

    @Test("with however few descriptors, a frontend serves with all its threads or ends; a thread that cannot start is code 70")
    func fewDescriptors() async throws {
        let folder = try TemporaryFolder()
        let port = freePort()
        try folder.write(Array(RunningSystem.corefile(port: port).utf8), to: "Corefile")
        let limits = 16...48
        var codes: [Int: Int32] = [:]
        for limit in limits {
            let frontend = try RunningProcess(
                "/usr/bin/prlimit",
                [
                    "--nofile=\(limit):\(limit)", RunningProcess.folder.appending(path: "mizzen-frontend").path, "--corefile",
                    folder.path("Corefile"), "--table", folder.path("table"), "--threads", "4",
                ], in: folder)
            try await eventually("limit \(limit): it serves or ends") {
                !frontend.isRunning || frontend.output.contains("no record table yet")
            }
            // What is said to serve has all its threads: a worker's failed start comes before the first answer.
            if frontend.isRunning, DNSProbe(port: port).addresses(of: "x.cluster.local") != nil {
                codes[limit] = try await frontend.stop()
            } else {
                codes[limit] = try await frontend.exitCode(within: .seconds(20))
            }
            if codes[limit] == 70 { #expect(frontend.output.contains("worker thread"), "\(frontend.output)") }
        }
        #expect(codes.values.contains(70), "\(codes)")
        #expect(codes[limits.upperBound] == 0, "\(codes)")
    }
}
