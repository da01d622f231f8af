import Foundation
import Testing

/// Words that end the process when what they say does not hold. Nothing that a packet, an object, a file or a peer says may come to one,
/// so each use is listed in traps.tsv with the reason why it cannot; a new one has to be argued there, and beside the code.
@Suite("Words that end the process")
struct TrapTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    private static let sources = folder.deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")

    /// Each with the pattern that finds it in code without comments and texts.
    private static let words: [(name: String, pattern: String)] = [
        ("precondition", #"\bprecondition\("#), ("preconditionFailure", #"\bpreconditionFailure\("#), ("fatalError", #"\bfatalError\("#),
        ("assert", #"\bassert\("#), ("assertionFailure", #"\bassertionFailure\("#), ("try!", #"\btry!"#), ("as!", #"\bas!"#),
        ("!", #"[\w)\]}]!(?![=\w])"#), ("uniqueKeysWithValues", #"\buniqueKeysWithValues\b"#), ("unowned", #"\bunowned\b"#),
        ("unsafelyUnwrapped", #"\bunsafelyUnwrapped\b"#), ("unsafeDowncast", #"\bunsafeDowncast\b"#), ("exit", #"\b(?:exit|abort)\("#),
    ]

    /// A row: file name (files of one name share rows), word, how often, reason.
    struct Use: Hashable, Comparable, CustomStringConvertible {
        var file: String
        var word: String
        var description: String { "\(file)\t\(word)" }
        static func < (left: Use, right: Use) -> Bool { left.description < right.description }
    }

    private static func found() throws -> [Use: Int] {
        var found: [Use: Int] = [:]
        let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift" else { continue }
            let code = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(Self.code).joined(separator: "\n")
            for (name, pattern) in words {
                let count = code.matches(of: try Regex(pattern)).count
                if count > 0 { found[Use(file: file.lastPathComponent, word: name), default: 0] += count }
            }
        }
        return found
    }

    /// A line without its texts and its comment.
    static func code(_ line: Substring) -> String {
        String(line).replacing(#/"(?:\\.|[^"\\])*"/#, with: "\"\"").replacing(#///.*/#, with: "")
    }

    private static func listed() throws -> [Use: (count: Int, reason: String)] {
        var listed: [Use: (count: Int, reason: String)] = [:]
        let text = try String(contentsOf: folder.appending(path: "traps.tsv"), encoding: .utf8)
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 4, let count = Int(fields[2]) else {
                Issue.record("traps.tsv: expected file, word, count and reason, found '\(line)'")
                continue
            }
            listed[Use(file: fields[0], word: fields[1])] = (count, fields[3])
        }
        return listed
    }

    @Test("each is listed with a reason, and nothing is listed that is not there")
    func listed() throws {
        let found = try Self.found()
        let listed = try Self.listed()
        #expect(found.count > 10, "the search finds nothing any more")
        for (use, count) in found.sorted(by: { $0.key < $1.key }) {
            let known = listed[use]?.count ?? 0
            #expect(
                known == count,
                "\(use.file) uses \(use.word) \(count) times, traps.tsv knows \(known): make it an error, or say there why no input reaches it"
            )
        }
        for use in listed.keys.sorted() {
            #expect(found[use] != nil, "traps.tsv lists \(use.word) of \(use.file), which is not there")
            #expect((listed[use]?.reason.count ?? 0) > 20, "\(use) needs a reason")
        }
    }

    @Test(
        "the search sees code and passes over texts, comments and negations",
        arguments: [
            ("let a = b!", 1), ("a!.c()", 1), ("f(x)! + y[0]!", 2), ("if !a, a != b { }", 0), ("// b!", 0), ("log(\"what!\")", 0),
            ("x = y!  // z!", 1), ("let t: Int! = nil", 1),
        ])
    func search(line: String, count: Int) throws {
        let pattern = try #require(Self.words.first { $0.name == "!" }).pattern
        #expect(Self.code(line[...]).matches(of: try Regex(pattern)).count == count)
    }
}
