import Foundation
import Names
import RecordTable
import TestSupport
import Testing

@testable import Frontend

/// The captured questions again, now over real sockets: through the batches, the streams, every directive of the
/// Corefile and a real upstream.
@Suite("Captured answers over sockets", .serialized)
struct CapturedServerTests {
    @Test(
        "every captured question gets the captured answer from a running frontend",
        arguments: ["bare", "verified", "filtered", "noendpoints"])
    func capturedAnswers(name: String) async throws {
        try await compare(name) { $0 }
    }

    /// These Corefiles cache: CoreDNS lets the cluster's TTLs count down too, which the record table's answers never do, and answers with the
    /// letters of the first who asked.
    @Test("the same under Corefiles that cache, TTLs and letter case aside", arguments: ["seed", "cidr"])
    func cachedAnswers(name: String) async throws {
        try await compare(name) { answer in
            func withoutTTL(_ records: [String]) -> [String] {
                records.map { record in
                    let words = record.split(separator: " ")
                    return (words.prefix(1) + words.dropFirst(2)).joined(separator: " ").lowercased()
                }
            }
            var answer = answer
            answer.answer = withoutTTL(answer.answer)
            answer.authority = withoutTTL(answer.authority)
            answer.additional = withoutTTL(answer.additional)
            return answer
        }
    }

    /// - Parameter view: what of an answer is compared.
    private func compare(_ name: String, _ view: @escaping @Sendable (MessageText) -> MessageText) async throws {
        let captured = try CapturedAnswers(name)
        let cluster = try CapturedCluster()
        let upstream = try TestUpstream(Self.zone())
        defer { upstream.stop() }
        var corefile = String(decoding: captured.corefile, as: UTF8.self)
            .replacing(":1053", with: ":0").replacing("127.0.0.1:5399", with: "\(upstream.address)")
        for port in ["18080", "18181", "19153"] { corefile = corefile.replacing("127.0.0.1:\(port)", with: "127.0.0.1:\(freePort())") }
        let frontend = try await RunningFrontend(corefile, table: cluster.table.path, threads: 2)
        let address = frontend.address
        let answers = captured.answers
        let differences = try await onThread { () throws -> [String] in
            var differences: [String] = []
            for (question, wanted) in answers {
                let packet = try question.packet()
                let octets =
                    question.transport == .tcp
                    ? try TestClient.askOverStream([packet], address)[0] : try TestClient.ask(packet, address)
                var got = try MessageText(octets)
                if wanted.flags.contains("TC"), got.flags.contains("TC") { got = wanted }  // which records fit is free
                if view(got) != view(wanted) { differences.append("\(question)\n  want \(wanted)\n  got  \(got)") }
            }
            return differences
        }
        for difference in differences.prefix(20) { Issue.record("\(difference)") }
        #expect(differences.count == 0)
        #expect(answers.count > 1900)
        try await frontend.stop()
    }

    /// `upstream.zone` with absolute names.
    static func zone() throws -> String {
        var lines: [String] = []
        var owner = ""
        func absolute(_ name: Substring) -> String {
            name == "@" ? "example.com." : name.hasSuffix(".") ? String(name) : "\(name).example.com."
        }
        for line in try CapturedCluster.text("upstream.zone").split(separator: "\n") where !line.hasPrefix("$") {
            let words = line.split(separator: " ", maxSplits: 2)
            owner = absolute(words[0])
            var data = String(words[2])
            switch words[1] {
            case "CNAME", "NS": data = absolute(words[2])
            case "MX":
                let parts = words[2].split(separator: " ")
                data = "\(parts[0]) \(absolute(parts[1]))"
            case "SOA":
                let parts = words[2].split(separator: " ")
                data = "\(absolute(parts[0])) \(absolute(parts[1])) \(parts[2...].joined(separator: " "))"
            default: break
            }
            lines.append("\(owner) 300 \(words[1]) \(data)")
        }
        return lines.joined(separator: "\n")
    }
}
