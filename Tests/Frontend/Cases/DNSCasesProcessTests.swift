import Foundation
import TestSupport
import Testing

/// The captured cases of Tests/Fixtures/dns-cases, each a Corefile with questions, answers, query log lines and samples as CoreDNS 1.13.1
/// gave them, run by scripts/dns-cases in network namespaces of their own.
///
/// What stays different is listed in docs/differences.md, "Captured cases".
@Suite("Captured cases")
struct DNSCasesProcessTests {
    private static let built: Set<String> = [
        "accepted", "acl", "blocks", "cache-basics", "cache-kubernetes", "cache-options", "cache-stale", "dist-aks", "dist-homelab",
        "dist-k3s", "dist-kubeadm", "dist-minikube", "dist-nodelocal", "dist-openshift", "dns64", "forward-failover", "forward-odd",
        "forward-policies", "grammar", "hosts-options", "k8s-external", "kubernetes-zones", "log-classes", "log-default",
        "log-formats", "minimal-kubernetes", "rewrite-answers", "rewrite-edns0", "rewrite-names", "rewrite-others", "small-ones",
        "template", "views", "zone-auto", "zone-file",
    ]

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized

    /// What scripts/dns-cases says of a case.
    private struct CaseResult: Decodable {
        struct Difference: Decodable {
            var subject: String
            var detail: String
        }

        var `case`: String
        var passed: Int
        /// The last line of a frontend that has ended by itself.
        var fault: String?
        var unlisted: [Difference]
        /// Rows of docs/differences.md without a difference.
        var gone: [String]

        var hasPassed: Bool { unlisted.isEmpty && gone.isEmpty }
    }

    private static func results(_ names: Set<String>) async throws -> [CaseResult] {
        let folder = try TemporaryFolder()
        let script = try RunningProcess(
            root.appending(path: "scripts/dns-cases").path,
            ["--json", "--binaries", RunningProcess.folder.path] + names.sorted(), in: folder)
        let code = try await script.exitCode(within: .seconds(180))
        try #require(code <= 1, "scripts/dns-cases ended with \(code): \(script.output)")
        return try withExtendedLifetime(folder) {
            try script.output.split(separator: "\n").map { try JSONDecoder().decode(CaseResult.self, from: Data($0.utf8)) }
        }
    }

    @Test("every case gives what CoreDNS gave, but for what docs/differences.md lists")
    func builtCases() async throws {
        let results = try await Self.results(Self.built)
        #expect(Set(results.map(\.case)) == Self.built)
        for result in results {
            #expect(result.passed > 0)
            if let fault = result.fault { Issue.record("\(result.case): the frontend has ended: \(fault)") }
            for difference in result.unlisted.prefix(10) {
                Issue.record("\(result.case): \(difference.subject)\n\(difference.detail)")
            }
            for row in result.gone { Issue.record("docs/differences.md lists a difference that does not occur: \(row)") }
        }
    }

    @Test("every captured case is run")
    func allCases() throws {
        let cases = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "Tests/Fixtures/dns-cases").path)
        #expect(Set(cases) == Self.built)
    }
}
