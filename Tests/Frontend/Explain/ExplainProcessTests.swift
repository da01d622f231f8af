import Foundation
import TestSupport
import Testing

/// `mizzen-frontend explain --ask` with unbound as the upstream.
@Suite("explain asks a real upstream")
struct ExplainProcessTests {
    private func explain(_ corefile: String, _ arguments: [String], in folder: TemporaryFolder) async throws -> (
        code: Int32, lines: [String]
    ) {
        try folder.write(Array(corefile.utf8), to: "Corefile")
        let process = try RunningProcess("mizzen-frontend", ["explain", "--corefile", folder.path("Corefile")] + arguments, in: folder)
        let code = try await process.exitCode(within: .seconds(30))
        return (code, process.output.split(separator: "\n").map(String.init))
    }

    @Test("its answer is shown as the client would get it; without --ask nothing is asked")
    func answers() async throws {
        let folder = try TemporaryFolder()
        let unbound = try await UnboundServer(in: folder)
        let corefile = """
            .:53 {
                cache 30
                rewrite name suffix .old.test .example.org answer auto
                forward . 127.0.0.1:\(unbound.port)
            }
            """
        let silent = try await explain(corefile, ["a.example.org"], in: folder)
        #expect(silent.code == 0 && silent.lines.last == "the answer is the upstream's; --ask asks it and shows what becomes of its answer")
        let asked = try await explain(corefile, ["a.old.test", "A", "--ask"], in: folder)
        #expect(asked.code == 0)
        #expect(
            Array(asked.lines.suffix(5)) == [
                "  forward: has its answer, and answers",
                "  rewrite: sees the answer and changes it, and the question is a.old.test. A again",
                "  cache: sees the answer and changes it", "answer: NOERROR", "  a.old.test. 30 IN A 192.0.2.1",
            ], "\(asked.lines)")
        let denied = try await explain(corefile, ["none.example.org", "AAAA", "--ask"], in: folder)
        #expect(denied.code == 0 && denied.lines.contains("answer: NXDOMAIN"), "\(denied.lines)")
    }

    @Test("an upstream that is not there is named, the next one is asked")
    func absent() async throws {
        let folder = try TemporaryFolder()
        let (unbound, nobody) = (try await UnboundServer(in: folder), freePort())
        let upstreams = "127.0.0.1:\(nobody) 127.0.0.1:\(unbound.port)"
        let both = try await explain(". {\n forward . \(upstreams)\n}", ["b.example.org", "--ask"], in: folder)
        #expect(both.code == 0 && both.lines.last == "  b.example.org. 300 IN A 192.0.2.2", "\(both.lines)")
        let none = try await explain(". {\n forward . 127.0.0.1:\(nobody)\n}", ["b.example.org", "--ask"], in: folder)
        #expect(none.lines.contains("answer: SERVFAIL"), "\(none.lines)")
        #expect(none.lines.contains { $0.contains("127.0.0.1:\(nobody)") && $0.contains("Connection refused") }, "\(none.lines)")
    }

    @Test("json has what the text has; wrong words are named")
    func json() async throws {
        let folder = try TemporaryFolder()
        let corefile = ". {\n hosts {\n 192.0.2.9 c.example.org\n }\n}"
        let process = try await explain(
            corefile, ["c.example.org", "--client", "10.0.0.7", "--table", folder.path("none"), "--output", "json"], in: folder)
        #expect(process.code == 0)
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(process.lines.joined(separator: "\n").utf8)) as? [String: Any], "\(process.lines)")
        let question = try #require((report["questions"] as? [[String: Any]])?.first)
        #expect(
            question["client"] as? String == "10.0.0.7" && (question["steps"] as? [[String: Any]])?.last?["directive"] as? String == "hosts"
        )
        let answer = try #require(question["answer"] as? [String: Any])
        #expect(answer["code"] as? String == "NOERROR" && answer["answer"] as? [String] == ["c.example.org. 3600 IN A 192.0.2.9"])
        #expect((report["table"] as? [String: Any])?["fault"] is String)

        let both = try await explain(corefile, ["c.example.org", "--client", "10.0.0.7", "--pod", "a/b"], in: folder)
        #expect(both.code == 64 && both.lines.joined().contains("--client and --pod: give one of them"))
        let odd = try await explain(corefile, ["c.example.org", "--pod", "b"], in: folder)
        #expect(odd.code == 64 && odd.lines.joined().contains("expected NAMESPACE/NAME"))
    }
}
