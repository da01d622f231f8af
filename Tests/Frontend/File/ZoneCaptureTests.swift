import Foundation
import Logging
import Names
import RegularExpressions
import Testing

@testable import Frontend

/// What CoreDNS 1.13.1 answered from zone files, question by question: `Tests/Fixtures/dns-cases/zone-file` and `zone-auto`.
@Suite("Zones as CoreDNS answers them")
struct ZoneCaptureTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Fixtures/dns-cases").standardizedFileURL

    /// A line of `answers.jsonl`.
    struct Capture: Sendable, CustomTestStringConvertible {
        var question: String
        var code: String
        var flags: [String]
        var sections: [[String]]
        var testDescription: String { question }

        static func all(_ name: String) throws -> [Capture] {
            let text = try String(contentsOf: folder.appending(path: "\(name)/answers.jsonl"), encoding: .utf8)
            return try text.split(separator: "\n").map { line in
                let item = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                return Capture(
                    question: try #require(item["q"] as? String), code: try #require(item["rcode"] as? String),
                    flags: try #require(item["flags"] as? String).split(separator: " ").map(String.init),
                    sections: try ["answer", "authority", "additional"].map { try #require(item[$0] as? [String]) })
            }
        }
    }

    @Test("zone-file: answer, authority, additional, code and flags are CoreDNS's")
    func file() throws {
        var settings = FileSettings()
        settings.path = Self.folder.appending(path: "zone-file/zone.db").path
        settings.zones = [try #require(ZoneName("zone.example"))]
        let source = try ZoneSource(settings: settings, logger: .init(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let captures = try Capture.all("zone-file")
        #expect(captures.count == 53)
        for capture in captures { try compare(capture, source.zones) }
    }

    @Test("zone-auto: files whose names match are zones, others are not")
    func auto() throws {
        var settings = AutoSettings()
        settings.directory = Self.folder.appending(path: "zone-auto/zones").path
        settings.pattern = try RegularExpression(#"(.*)\.zone"#)
        settings.originTemplate = "{1}"
        let source = AutoSource(
            settings: settings, logger: .init(label: "test") { _ in SwiftLogNoOpLogHandler() })
        #expect(source.zones.members.map(\.origin.description).sorted() == ["auto1.example.", "auto2.example."])
        for capture in try Capture.all("zone-auto") { try compare(capture, source.zones) }
    }

    /// What the upstream of the captures answered.
    private static func upstream(_ name: String, _ type: String) -> (outcome: Outcome, records: [String]) {
        (.answered, name.hasPrefix("ok.") && type == "A" ? ["\(name) 300 IN A 192.0.2.1"] : [])
    }

    private func compare(_ capture: Capture, _ zones: ZoneSet) throws {
        let words = capture.question.split(separator: " ").map(String.init)
        let asked = ZoneQuestion(
            name: words[0], type: try #require(RecordType(mnemonic: words[1])), transport: words.contains("tcp") ? .tcp : .udp,
            advertisedSize: words.contains("noedns") ? nil : 1232)
        guard let reply = try asked.ask(zones, upstream: Self.upstream) else {
            // Not for a zone: the forwarder answered, which sets RA.
            #expect(capture.flags.contains("RA"), "\(capture.question)")
            return
        }
        #expect(!capture.flags.contains("RA"), "\(capture.question)")
        #expect(reply.code == capture.code, "\(capture.question)")
        #expect(reply.flags == capture.flags, "\(capture.question)")
        for (section, wanted) in zip(reply.sections, capture.sections) {
            #expect(section == (try wanted.map { try ZoneQuestion.line(ResourceRecord($0)) }).sorted(), "\(capture.question)")
        }
    }
}
