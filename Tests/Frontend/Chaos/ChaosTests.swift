import MizzenSystem
import ProcessRuntime
import Testing

@testable import Frontend

@Suite("chaos")
struct ChaosTests {
    private func texts(_ lines: String, _ name: String, recordClass: UInt16 = 3) throws -> [String] {
        let packet = try TestPacket.query(name, .txt, recordClass: recordClass)
        return try MessageText(try frontendAnswer(of: lines, to: packet)).answer
    }

    @Test("version, authors and host are told to those that ask for class CH")
    func names() throws {
        let lines = " chaos Mizzen-1.0 \"Ops <ops@example.org>\" Dev Dev"
        for name in ["version.bind", "version.server"] {
            #expect(try texts(lines, name) == ["\(name). 0 CLASS3 TXT \"Mizzen-1.0\""])
        }
        #expect(
            try texts(lines, "Authors.Bind") == [
                "Authors.Bind. 0 CLASS3 TXT \"Dev\"", "Authors.Bind. 0 CLASS3 TXT \"Ops <ops@example.org>\"",
            ])
        let host = try #require(hostName())
        for name in ["hostname.bind", "id.server"] { #expect(try texts(lines, name) == ["\(name). 0 CLASS3 TXT \"\(host)\""]) }
    }

    @Test("without words the version is this program's")
    func defaults() throws {
        let plain = try settings(of: ChaosSettings.row, "chaos")[0]
        #expect(plain.version == "Mizzen-\(MizzenVersion.current)" && plain.authors == ["Mizzen"])
        #expect(ChaosSettings.string(String(repeating: "x", count: 300)).count == 255)
    }

    @Test("class IN and other names are nothing to it")
    func others() throws {
        let lines = " chaos\n hosts /nonexistent {\n  192.0.2.1 version.bind other.bind\n }"
        #expect(try texts(lines, "version.bind", recordClass: 1).isEmpty)
        #expect(try texts(lines, "other.bind").isEmpty)
    }
}
