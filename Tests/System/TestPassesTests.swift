import Foundation
import Testing

/// scripts/test runs suites that start processes apart from all others, by their names (CONTRIBUTING.md, "Where a test runs").
@Suite("Passes of the tests")
struct TestPassesTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    /// Files of Tests that belong to test targets or help them.
    private static func sources() throws -> [(file: String, text: String)] {
        let files = try #require(FileManager.default.enumerator(atPath: root.path)).compactMap { $0 as? String }
        return try files.filter { $0.hasSuffix(".swift") && !$0.hasPrefix("Benchmarks/") && $0 != "System/TestPassesTests.swift" }.sorted()
            .map { ($0, try String(contentsOf: root.appending(path: $0), encoding: .utf8)) }
    }

    /// The suites of a file: types with `@Suite`, or with `@Test` inside.
    private static func suites(_ text: String) -> [String] {
        guard text.contains("@Test") else { return [] }
        return text.matches(of: /(?m)^(?:@Suite.* )?(?:final )?(?:struct|class|actor) ([A-Za-z]+Tests)\b/).map { String($0.1) }
    }

    /// Files that start processes: by `Process`, or by a type of a file that does.
    private static func starters(_ sources: [(file: String, text: String)]) -> Set<String> {
        var words: Set<String> = ["Process", "RunningProcess"]
        var found: Set<String> = []
        var isComplete = false
        while !isComplete {
            isComplete = true
            for (file, text) in sources where !found.contains(file) {
                guard text.matches(of: /\b([A-Z][A-Za-z]+)\(/).contains(where: { words.contains(String($0.1)) }) else { continue }
                found.insert(file)
                isComplete = false
                guard suites(text).isEmpty else { continue }
                words.formUnion(
                    text.matches(of: /(?m)^(?:package )?(?:final )?(?:struct|class|enum|extension) ([A-Za-z]+)/).map { String($0.1) })
            }
        }
        return found
    }

    @Test("a suite is named …ProcessTests where its file starts a process, and only there")
    func names() throws {
        let sources = try Self.sources()
        let starters = Self.starters(sources)
        var apart = 0
        for (file, text) in sources {
            for suite in Self.suites(text) {
                apart += starters.contains(file) ? 1 : 0
                #expect(
                    suite.hasSuffix("ProcessTests") == starters.contains(file),
                    """
                    Tests/\(file) \(starters.contains(file) ? "starts a process" : "starts no process"): rename \(suite), or put it into \
                    a file of its own; CONTRIBUTING.md, "Where a test runs", says why
                    """)
            }
        }
        #expect(apart > 10)
    }

    @Test("scripts/test tells the two apart by that name, and leaves none out")
    func script() throws {
        let script = try String(contentsOf: Self.root.appending(path: "../scripts/test"), encoding: .utf8)
        #expect(script.contains("apart='ProcessTests/'"))
        #expect(script.contains(#"--skip "$apart""#) && script.contains(#"grep "$apart""#))
    }

    @Test("a file that uses a type of a file that starts processes starts processes")
    func transitive() {
        let sources = [
            ("Bench.swift", "final class Bench {\n    init() { _ = RunningProcess(\"a\") }\n}"),
            ("ATests.swift", "@Suite struct ATests {\n    @Test func a() { _ = Bench() }\n}"),
            ("BTests.swift", "@Suite(\"b\") struct BTests {\n    @Test func b() {}\n}"),
        ]
        #expect(Self.starters(sources) == ["Bench.swift", "ATests.swift"])
        #expect(sources.flatMap { Self.suites($0.1) } == ["ATests", "BTests"])
    }
}
