import MizzenSystem
import Testing

@testable import Frontend

@Suite("nsid")
struct NsidTests {
    static let hosts = " hosts /nonexistent {\n  192.0.2.1 one.test\n }"

    private func ask(_ lines: String, options: [UInt8]) throws -> [UInt8] {
        try frontendAnswer(
            of: lines + "\n" + Self.hosts, to: try TestPacket.query("one.test", .a, advertisedSize: 1232, options: options))
    }

    @Test("those that ask are told who answers, the others are not")
    func option() throws {
        let asked = try ask(" nsid ns 1", options: [0, 3, 0, 0])
        #expect(Array(asked.suffix(10)) == [0, 8, 0, 3, 0, 4] + Array("ns 1".utf8))
        #expect(try MessageText(asked).answer == ["one.test. 3600 IN A 192.0.2.1"])
        let behind = try ask(" nsid ns 1", options: [0, 10, 0, 2, 1, 2, 0, 3, 0, 0])
        #expect(Array(behind.suffix(10)) == [0, 8, 0, 3, 0, 4] + Array("ns 1".utf8))
        let others = try ask(" nsid ns 1", options: [0, 10, 0, 4, 0, 3, 0, 0])
        #expect(Array(others.suffix(2)) == [0, 0])
    }

    @Test("by default it is the host's name")
    func name() throws {
        #expect(try settings(of: NsidSettings.row, "nsid")[0].identifier == hostName())
    }
}
