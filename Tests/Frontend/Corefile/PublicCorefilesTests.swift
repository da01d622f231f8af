import Foundation
import Testing

@testable import Frontend

/// Corefiles by the shape that distributions, charts, documentation and repositories give them (Tests/Fixtures/corefiles): each is taken, or
/// refused for the reason that `index.tsv` states, as `LINE: MESSAGE`.
@Suite("Public Corefiles")
struct PublicCorefilesTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Fixtures/corefiles").standardized

    struct Entry: Sendable, CustomTestStringConvertible {
        var name: String
        /// Nil: it is taken.
        var reason: String?
        var testDescription: String { name }
    }

    /// The rows of a table with a head, by tabs.
    private static func rows(_ name: String) throws -> [[String]] {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8).split(separator: "\n").dropFirst()
            .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
    }

    static func entries() throws -> [Entry] {
        try rows("index.tsv").map { row in
            try #require(row.count == 4 && ["taken", "refused"].contains(row[2]), "index.tsv: \(row)")
            try #require((row[2] == "taken") == row[3].isEmpty, "index.tsv: a refused Corefile has a reason, a taken one none: \(row)")
            return Entry(name: row[0], reason: row[3].isEmpty ? nil : row[3])
        }
    }

    /// Why the Corefile is refused, nil when it is taken.
    private static func refusal(_ name: String) throws -> String? {
        let path = folder.appending(path: "\(name).corefile").path
        var surroundings = CorefileSurroundings.process
        let variables = ["NODE_ADDRESS": "192.0.2.9", "UPSTREAM": "192.0.2.1", "DNS_PORT": "53", "CACHE_TTL": "30"]
        surroundings.variable = { variables[$0] }
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        do throws(CorefileError) {
            _ = try FrontendConfiguration.parse(bytes, file: path, surroundings: surroundings)
            return nil
        } catch {
            return error.description.replacing("\(path):", with: "")
        }
    }

    @Test("each is taken, or refused for the stated reason")
    func all() throws {
        for entry in try Self.entries() {
            let refusal = try Self.refusal(entry.name)
            #expect(refusal == entry.reason, "\(entry.name)")
        }
    }

    @Test("the index names every file once, and only those")
    func index() throws {
        let names = try Self.entries().map(\.name)
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".corefile") }
        #expect(names.map { "\($0).corefile" }.sorted() == files.sorted())
        #expect(names.count >= 73)
    }

    @Test("every word and every form of argument that public Corefiles use occurs")
    func forms() throws {
        let texts = try Self.entries().map { entry in
            try String(contentsOf: Self.folder.appending(path: "\(entry.name).corefile"), encoding: .utf8)
        }
        for row in try Self.rows("forms.tsv") {
            let pattern = try Regex(row[2]).anchorsMatchLineEndings()
            #expect(texts.contains { $0.contains(pattern) }, "\(row[0]): \(row[1])")
        }
    }
}
