import MizzenSystem
import Foundation
import Testing
import TestSupport

@testable import Frontend

@Suite("Records as text")
struct ResourceRecordTests {
    /// A line of `wire.tsv`, whose head is in `make.py` beside it.
    struct Pair: CustomTestStringConvertible {
        var text: String
        /// Nil when dnspython refuses the text.
        var wire: String?
        var testDescription: String { text }

        static func all() throws -> [Pair] {
            let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Fixtures/records/wire.tsv")
            return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map { line in
                let columns = line.split(separator: "\t", maxSplits: 1).map(String.init)
                return Pair(
                    text: columns[0].replacing("\\n", with: "\n"), wire: columns[1] == "refused" ? nil : columns[1])
            }
        }
    }

    private static let origin = try? DNSName("example.org.")

    private func record(_ text: String) throws -> ResourceRecord {
        try ResourceRecord(text, origin: #require(Self.origin))
    }

    private static func hexadecimal(_ octets: [UInt8]) -> String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func line(_ record: ResourceRecord) -> String {
        var owner: [UInt8] = []
        for i in 0..<record.owner.length { owner.append(record.owner.storage[i]) }
        return "\(hexadecimal(owner))\t\(record.ttl)\t\(record.recordClass)\t\(record.type.rawValue)\t\(hexadecimal(record.data))"
    }

    @Test("every text has the wire form that dnspython gives it")
    func pairs() throws {
        let pairs = try Pair.all()
        #expect(pairs.count > 120)
        for pair in pairs {
            guard let wire = pair.wire else {
                #expect(throws: RecordTextError.self, "\(pair.text)") { try record(pair.text) }
                continue
            }
            do { #expect(Self.line(try record(pair.text)) == wire, "\(pair.text)") } catch { Issue.record("\(pair.text): \(error)") }
        }
    }

    @Test("the pairs hold every type that has a text, but those of one form and those that nobody writes")
    func completeness() throws {
        let tested = Set(try Pair.all().compactMap { pair in try? record(pair.text).type.rawValue })
        let missing = (1...UInt16.max).filter { RecordField.fields(of: RecordType(rawValue: $0)) != nil && !tested.contains($0) }
        // MD MF MB MG MR MINFO NSAP-PTR SIG EID NIMLOC RKEY TALINK DSYNC TA: dnspython has no text for them.
        #expect(missing == [3, 4, 7, 8, 9, 14, 23, 24, 31, 32, 57, 58, 66, 32768])
    }

    @Test("a fault says what was expected and where")
    func faults() {
        let cases: [(String, String)] = [
            ("", "1:1: expected a record 'OWNER [TTL] [CLASS] TYPE DATA', found nothing"),
            ("a A 192.0.2.300", "1:5: expected an IPv4 address, found '192.0.2.300'"),
            ("a A 192.0.2.1 x", "1:15: expected the end of the A record, found 'x'"),
            ("a A", "1:4: expected an IPv4 address, found the end of the record"),
            ("a 300", "1:6: expected a record type, found the end of the line"),
            ("a BOGUS x", "1:3: expected a TTL, a class or a record type, found 'BOGUS'"),
            ("a 300 IN BOGUS x", "1:10: expected a record type, found 'BOGUS'"),
            ("a 99999999999 A 192.0.2.1", "1:3: expected a TTL of at most 4294967295 seconds, like 300 or 1h30m, found '99999999999'"),
            (" A 192.0.2.1", "1:2: expected an owner before the first record's other fields"),
            ("a..b A 192.0.2.1", "1:1: expected an owner, a domain name, found 'a..b': a label is empty"),
            ("a TXT \"x", "1:7: expected a closing quote for this one"),
            ("a TXT ( x", "1:7: expected a ')' for this '('"),
            ("a TXT x )", "1:9: expected no ')' without a '(' before it"),
            ("a SOA b c (\n 1 2\n 3 4 x )", "3:6: expected a time in seconds, like 3600 or 1h, found 'x'"),
            ("a TYPE999 x", "1:11: expected '\\# LENGTH HEXADECIMAL' (RFC 3597) as the data of a TYPE999 record"),
            ("a A \\# 4 c00002", "1:8: expected 4 octets in hexadecimal, found 3"),
            ("a A \\# 3 c00002", "1:5: expected octets that are the data of a A record"),
            ("a MX \\# 4 000ac001", "1:6: expected octets that are the data of a MX record"),
            ("a DS 1 13 2 abc", "1:13: expected octets in hexadecimal, two digits each, found 'abc'"),
            ("a HTTPS 1 . alpn=h2 alpn=h3", "1:21: expected each parameter once, found 'alpn=h3'"),
            ("a HTTPS 1 . mandatory=port alpn=h2", "1:13: expected every mandatory parameter to be there"),
            (
                "a TXT \"\(String(repeating: "x", count: 256))\"",
                "1:8: expected strings of at most 255 octets, found one of 256: split it in two"
            ),
            ("a TXT \"\\300\"", "1:8: expected a character or three digits up to 255 behind each '\\'"),
        ]
        for (text, description) in cases {
            let error = #expect(throws: RecordTextError.self, "\(text)") { try record(text) }
            #expect(error?.description == description)
        }
    }

    @Test("only the first record of a text is read")
    func first() throws {
        let record = try record("; nothing\n\n$a 5 A 192.0.2.1 ; x\nnonsense")
        #expect(record.ttl == 5)
        #expect(record.owner.description == "\\$a.example.org.")
    }

    @Test("type names and numbers lead to one another")
    func types() throws {
        for number in UInt16.min...UInt16.max {
            let type = RecordType(rawValue: number)
            #expect(RecordType(mnemonic: type.description) == type)
            #expect(RecordType(mnemonic: "type\(number)") == type)
        }
        for text in ["", "TYPE", "TYPE65536", "TYPE-1", "TYPE1x", "X"] { #expect(RecordType(mnemonic: text) == nil) }
    }

    @Test("damaged texts of records are refused or read, and no fault lies outside of them")
    func damage() throws {
        var random = SeededRandom(seed: 20)
        let pieces: [String] = ["\\", "\"", "(", ")", ";", "\n", " ", "\\#", "=", ",", ".", "-", "65536", "\u{0}", "@", "/", ":", "é"]
        for pair in try Pair.all() {
            for _ in 0..<40 {
                var octets = Array(pair.text.utf8)
                let at = Int.random(in: 0..<octets.count, using: &random)
                if Bool.random(using: &random) {
                    octets.removeSubrange(at..<min(octets.count, at + Int.random(in: 1...6, using: &random)))
                } else {
                    octets.insert(contentsOf: pieces[Int.random(in: pieces.indices, using: &random)].utf8, at: at)
                }
                let text = String(decoding: octets, as: UTF8.self)
                do throws(RecordTextError) {
                    let record = try ResourceRecord(text)
                    let fields = RecordField.fields(of: record.type)
                    #expect(fields.map { RecordField.match($0, record.data) } ?? true, "\(text)")
                } catch {
                    let lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
                    #expect(error.line <= lines.count, "\(text)")
                    #expect(error.column <= (lines.map(\.count).max() ?? 0) + 1, "\(text): \(error)")
                }
            }
        }
    }
}
